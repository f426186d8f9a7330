//! The ledger on a store: what it answers, keeps and tells is what it does in memory, and what it
//! refused once it refuses again.

use std::collections::BTreeSet;

use super::durability::seeds;
use super::world;
use crate::Uuid;
use crate::conformance::books::done;
use crate::conformance::course::{Course, Said, WIDE_EVERY};
use crate::conformance::readout::{Instants, readout, readout_of_logs};
use crate::conformance::{Books, Harness, World, block_on};
use crate::economy::ledger::{
    AMOUNT_MAX, AccountId, AccountKind, AssetCode, Audit, Block, Counters, Entry, Field, Kind,
    LEGS_MAX, Leg, OpenAccount, OpenAsset, Outcome, Post, Refusal, Rejection, Transaction,
    TransactionId, Transfer,
};
use crate::engine::{Clock as _, Error, Parlor};
use crate::events::{Actor, Emitted, Envelope};
use crate::storage::{MemoryStore, Store};
use crate::tables::TABLES;

/// The same commands, at the same times and by the same people, are answered the same as in the
/// memory store, refusals and their numbers included; they leave the same rows, fingerprints, trees
/// and events; the reads tell the same; and an audit finds nothing.
pub fn the_same_course_of_a_ledger_leaves_the_same_as_in_memory<H: Harness>(harness: &H) {
    let mut heard = BTreeSet::new();
    for (n, seed) in seeds().enumerate() {
        // One of them crosses a block.
        let wide = if n == 0 { 16 } else { 0 };
        heard.extend(the_same_course_leaves_the_same(harness, seed, wide));
    }
    let words = OFTEN_DONE.iter().map(|it| (*it).to_owned());
    let wanted = OFTEN_REFUSED.iter().map(u16::to_string).chain(words);
    let missing: Vec<_> = wanted.filter(|it| !heard.contains(it)).collect();
    assert!(seeds().count() < 3 || missing.is_empty(), "dull courses: nothing says {missing:?}");
}

/// What is said on courses that are lively enough. How far numbers go, and what is malformed beyond
/// that, is looked at elsewhere.
const OFTEN_REFUSED: &[u16] = &[
    103, 110, 200, 300, 302, 303, 304, 305, 306, 308, 400, 401, 402, 403, 404, 405, 406, 410, 411,
    412, 413, 414, 421, 500, 501, 502, 504,
];
const OFTEN_DONE: &[&str] = &[
    "post",
    "post again",
    "refund",
    "refund again",
    "open",
    "limit",
    "freeze",
    "close",
    "reopen",
    "close period",
    "erase",
    "tick",
];

/// Returns what was said on the way, as numbers and words.
fn the_same_course_leaves_the_same<H: Harness>(
    harness: &H,
    seed: u64,
    wide: usize,
) -> BTreeSet<String> {
    const STEPS: usize = 300;
    let (here, there) = (world(harness), World::new(MemoryStore::new()));
    Course::open(&here);
    Course::open(&there);
    let mut course = Course::new(seed, wide);
    let mut heard = BTreeSet::new();

    let steps = if wide == 0 { STEPS } else { WIDE_EVERY * wide };
    for n in 0..steps {
        let (by, step) = course.step(there.clock.now());
        let (said, as_in_memory) = (step.take(&here, by), step.take(&there, by));
        assert_eq!(said, as_in_memory, "seed {seed}, step {n}: {step:?}");
        heard.insert(word_for(step.word(), &said));
        course.note(step, &said);
    }

    assert_same_rows(&here, &there);
    assert_eq!(emitted(here.feed()), emitted(there.feed()), "seed {seed}");
    assert_eq!(here.rows::<Block>().is_empty(), wide == 0, "seed {seed}");
    // In memory a read goes through all rows, of which a block makes many.
    assert_same_answers(&here, &there, &course, wide > 0);
    heard
}

/// The feeds, what the reads tell, the proofs of some transfers, and the audits.
fn assert_same_answers<A: Store, B: Store>(
    here: &World<A>,
    there: &World<B>,
    course: &Course,
    only_logs: bool,
) {
    let mut posted: Vec<Transfer> = there.rows();
    posted.sort_by_key(|it| it.at);
    let (begin, now) = (World::<B>::BEGIN, posted[posted.len() - 1].at);
    let at = Instants { begin, middle: posted[posted.len() / 2].at, now };
    let told = match only_logs {
        false => (readout(here, at), readout(there, at)),
        true => (readout_of_logs(here, at), readout_of_logs(there, at)),
    };
    assert_eq!(told.0.len(), told.1.len());
    for (ours, theirs) in told.0.into_iter().zip(told.1) {
        assert_eq!(ours, theirs);
    }
    for id in course.some_transfers() {
        let proofs = [&here.parlor, &there.parlor].map(|it| block_on(it.ledger().prove(id)));
        let [ours, theirs] = proofs.map(|it| it.map_err(|error| error.to_string()));
        assert_eq!(ours, theirs, "{id:?}");
        // A log that is not sealed has none.
        let Ok(proof) = ours else { continue };
        let row = here.held::<Transfer>(id.key()).expect("it was posted");
        assert!(proof.holds() && proof.is_of(&row), "{proof:?}");
    }
    assert_eq!(audited(&here.parlor), audited(&there.parlor));
}

/// A transaction that is refused for how things stand leaves its refusal and nothing else. Sent
/// again it is refused the same, though it could pass by now, and not taken for another one, until
/// the refusal's time is over.
pub fn a_refused_transaction_is_told_the_same_though_it_could_pass<H: Harness>(harness: &H) {
    let world = world(harness);
    Books::open(&world);
    done(&world, pay(1, Books::MINT, Books::ADA, 10));
    let before = (world.rows::<Transfer>(), world.rows::<Entry>(), world.feed());
    let too_much = pay(2, Books::ADA, Books::BEN, 50);
    let refused = Refusal::InsufficientFunds { leg: 0, available: 10 };

    assert_eq!(refusal(&world.parlor, &too_much), refused);

    assert_eq!((world.rows::<Transfer>(), world.rows::<Entry>(), world.feed()), before);
    let kept: Vec<Rejection> = world.rows();
    assert!(kept.len() == 1 && kept[0].transaction_id == too_much.0.id, "{kept:?}");
    done(&world, pay(3, Books::MINT, Books::ADA, 100));
    assert_eq!(refusal(&world.parlor, &too_much), refused);
    let other = pay(2, Books::ADA, Books::BEN, 5);
    let conflict = Refusal::IdConflict { field: Field::Amount };
    assert_eq!(refusal(&world.server(1), &other), conflict);
    assert!(audited(&world.parlor).transfers == 2);

    world.clock.advance(world.parlor.settings().rejection_ttl);
    world.drive();
    assert_eq!(world.rows::<Rejection>(), []);
    assert!(matches!(done(&world, other), Outcome::Posted(_)));
}

/// What was refused is refused the same when the store is opened again, and what was posted is
/// answered as it was then; the log goes on where it was.
pub fn what_was_refused_is_refused_after_reopening<H: Harness>(harness: &H) {
    let world = world(harness);
    Books::open(&world);
    let first = pay(1, Books::MINT, Books::ADA, 10);
    let receipt = done(&world, first.clone()).receipt();
    let too_much = pay(2, Books::ADA, Books::BEN, 50);
    let refused = Refusal::InsufficientFunds { leg: 0, available: 10 };
    assert_eq!(refusal(&world.parlor, &too_much), refused);
    done(&world, pay(3, Books::MINT, Books::ADA, 100));
    let (audit, kept) = (audited(&world.parlor), world.rows::<Rejection>());

    let Some(store) = harness.reopen(world.into_store()) else { return };

    let world = World::new(store);
    // Its own entropy began anew.
    let server = world.server(1);
    assert_eq!((audited(&server), world.rows::<Rejection>()), (audit, kept));
    assert_eq!(refusal(&server, &too_much), refused);
    let again = block_on(server.execute(Actor::HOST, first)).expect("it was posted");
    assert_eq!(again, Outcome::Replayed(receipt));
    let next = pay(4, Books::ADA, Books::BEN, 50);
    let next = block_on(server.execute(Actor::HOST, next)).expect("there is enough by now");
    // Two before it were posted, and an asset and five accounts opened.
    assert!(matches!(next, Outcome::Posted(it) if it.seq == 8), "{next:?}");
    audited(&server);
}

/// Accounts are filled to the last unit of 64 bits, and refuse the one after it; what they come to
/// together is told though it is more than that, and a cap holds however far below it the supply is.
pub fn an_account_counts_up_to_64_bits_and_the_ledger_beyond<H: Harness>(harness: &H) {
    let world = world(harness);
    let asset = AssetCode::of("VAST");
    done(&world, OpenAsset { supply_cap: Some(1), ..OpenAsset::new(asset, 9) });
    let [a, b, c, d, mint, burn] = [1, 2, 3, 4, 5, 6].map(|n| AccountId(Uuid::from_u128(n)));
    let kinds = [AccountKind::Issuance, AccountKind::Burn];
    let clearing = [a, b, c, d].map(|id| (id, AccountKind::Clearing));
    for (id, kind) in clearing.into_iter().chain([mint, burn].into_iter().zip(kinds)) {
        done(&world, OpenAccount { id: Some(id), ..OpenAccount::platform(asset, kind) });
    }
    let mut ids = 100..;
    let mut moves = |from, to, amount, legs| {
        let mut tx = Transaction::new(
            TransactionId(Uuid::from_u128(ids.next().expect("there are more"))),
            Kind::of("settle"),
        );
        tx.legs = vec![Leg::transfer(asset, from, to, amount); legs];
        block_on(world.parlor.execute(Actor::HOST, Post(tx)))
    };
    // 1,024 times the most that one leg moves is 1,024 less than 2^63.
    for (from, to) in [(a, b), (c, d)] {
        for _ in 0..1_024 / LEGS_MAX {
            moves(from, to, AMOUNT_MAX, LEGS_MAX).expect("there is room");
        }
        let full = Refusal::BalanceOverflow { leg: 0 };
        assert!(matches!(moves(from, to, 1_024, 1), Err(Error::Refused(it)) if it == full));
        moves(from, to, 1_023, 1).expect("there is room");
        assert!(matches!(moves(from, to, 1, 1), Err(Error::Refused(it)) if it == full));
    }
    for (from, to) in [(b, mint), (d, burn)] {
        for _ in 0..640 / LEGS_MAX {
            moves(from, to, AMOUNT_MAX, LEGS_MAX).expect("there is less than there may be");
        }
    }

    let ledger = world.parlor.ledger();
    let part = 640 * i128::from(AMOUNT_MAX);
    let supply = block_on(ledger.supply(asset)).expect("it is open");
    assert_eq!(supply.circulating, -2 * part);
    let balance = block_on(ledger.trial_balance(asset)).expect("it is open");
    let most = i128::from(i64::MAX);
    let counters = |debits_posted, credits_posted| Counters {
        debits_posted,
        credits_posted,
        ..Counters::default()
    };
    let clearing = counters(2 * most + 2 * part, 2 * most);
    let expected = [
        (AccountKind::Clearing, clearing),
        (AccountKind::Issuance, counters(0, part)),
        (AccountKind::Burn, counters(0, part)),
    ];
    assert_eq!(balance.kinds, expected.into());
    audited(&world.parlor);
}

/// An amount of coins, under an id.
pub(super) fn pay(id: u128, from: AccountId, to: AccountId, amount: i64) -> Post {
    let id = TransactionId(Uuid::from_u128(id));
    let leg = Leg::transfer(Books::COIN, from, to, amount);
    Post(Transaction::new(id, Kind::of("tip")).leg(leg))
}

/// What an audit tells, which finds nothing.
pub(super) fn audited(parlor: &Parlor) -> Audit {
    let audit = block_on(parlor.audit(|_| {})).expect("the store works");
    assert!(audit.findings.is_clean(), "{:#?}", audit.findings);
    audit
}

/// Why a transaction is refused.
fn refusal(parlor: &Parlor, post: &Post) -> Refusal {
    match block_on(parlor.execute(Actor::HOST, post.clone())) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn assert_same_rows<A: Store, B: Store>(here: &World<A>, there: &World<B>) {
    for table in TABLES {
        let (ours, theirs) = (here.table(table), there.table(table));
        assert_eq!(ours.len(), theirs.len(), "rows of {}", table.name);
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            assert_eq!(ours, theirs, "{}", table.name);
        }
    }
}

/// The feed without its positions, which may have gaps in one store and none in another.
fn emitted(feed: Vec<Envelope>) -> Vec<Emitted> {
    feed.into_iter().map(|it| it.emitted).collect()
}

fn word_for(word: &str, said: &Said) -> String {
    match said {
        Err((number, _)) => number.to_string(),
        Ok(said) if said["outcome"] == "replayed" => format!("{word} again"),
        Ok(said) if *said == 0 => format!("{word} for nothing"),
        Ok(_) => word.to_owned(),
    }
}
