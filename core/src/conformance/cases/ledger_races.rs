//! Money that many want at once.

use futures_util::future::join_all;

use super::ledger::{audited, pay};
use super::world;
use crate::Uuid;
use crate::conformance::books::done;
use crate::conformance::{Books, Harness, World, block_on, threads};
use crate::economy::ledger::{
    Account, AccountId, AssetCode, Entry, Field, Hold, HoldState, Kind, Leg, Limits, OpenAccount,
    OpenAsset, Outcome, OwnerId, Post, Refund, Refusal, Rejection, Returned, Transaction,
    TransactionId, Transfer, TransferId,
};
use crate::engine::Error;
use crate::events::Actor;
use crate::storage::Store;

/// How many threads are at it.
const THREADS: usize = 8;

/// 320 transactions that want one of 100 coins each, to move or to reserve it: exactly 100 are
/// posted.
pub fn debits_at_once_never_overdraw<H: Harness>(harness: &H) {
    const EACH: usize = 40;
    const COINS: i64 = 100;
    let world = world(harness);
    Books::open(&world);
    done(&world, pay(1, Books::MINT, Books::ADA, COINS));

    let answers = threads(THREADS, |k| {
        let one = |n: usize| {
            let mut post = pay((100 + k * EACH + n) as u128, Books::ADA, Books::BEN, 1);
            if k % 2 == 0 {
                let hold = Leg::hold(Books::COIN, Books::ADA, Books::BEN, 1, None);
                post.0.legs = vec![hold];
            }
            world.parlor.execute(Actor::HOST, post)
        };
        block_on(join_all((0..EACH).map(one)))
    });

    let none_left = Refusal::InsufficientFunds { leg: 0, available: 0 };
    let posted = count_posted(answers.into_iter().flatten().map(refused), &none_left);
    assert_eq!(posted, COINS as usize);
    let ada = world.held::<Account>(Books::ADA).expect("she has a wallet");
    assert_eq!((ada.available(), ada.version), (Some(0), 1 + COINS));
    let entries = world.rows::<Entry>().into_iter().filter(|it| it.account_id == Books::ADA);
    assert!(entries.map(|it| it.version).eq(1..=1 + COINS), "an entry is missing or double");
    assert_eq!(world.rows::<Rejection>().len(), THREADS * EACH - posted);
    audited(&world.parlor);
}

/// A transaction that is sent many times at once, to several servers, is posted once, or refused
/// once, and everyone is told the same.
pub fn a_transaction_sent_many_times_at_once_is_posted_once<H: Harness>(harness: &H) {
    const TIMES: usize = 20;
    let world = world(harness);
    Books::open(&world);
    done(&world, pay(1, Books::MINT, Books::ADA, TIMES as i64 / 2));
    let send = |n: usize| {
        threads(4, |k| {
            let server = world.server(1_000 + (n * 4 + k) as u64);
            let post = pay(100 + n as u128, Books::ADA, Books::BEN, 1);
            refused(block_on(server.execute(Actor::HOST, post)))
        })
    };

    for n in 0..TIMES / 2 {
        let outcomes: Vec<_> = send(n).into_iter().map(|it| it.expect("it is good")).collect();
        let is_first = |it: &&Outcome| matches!(it, Outcome::Posted(_));
        assert_eq!(outcomes.iter().filter(is_first).count(), 1, "{outcomes:?}");
        let same = |it: &Outcome| it.receipt() == outcomes[0].receipt();
        assert!(outcomes.iter().all(same), "{outcomes:?}");
    }
    for n in TIMES / 2..TIMES {
        let none_left = Refusal::InsufficientFunds { leg: 0, available: 0 };
        assert_eq!(count_posted(send(n), &none_left), 0);
        assert_eq!(world.rows::<Rejection>().len(), n + 1 - TIMES / 2);
    }

    assert_eq!(world.rows::<Transfer>().len(), 1 + TIMES / 2);
    assert_eq!(world.count("ledger.posted"), 1 + TIMES / 2);
    audited(&world.parlor);
}

/// Of many transactions under one id one is posted, and the others are told how they differ.
pub fn an_id_used_for_many_transactions_at_once_stands_for_one<H: Harness>(harness: &H) {
    const TIMES: usize = 20;
    let world = world(harness);
    Books::open(&world);

    for n in 0..TIMES {
        let answers = threads(4, |k| {
            let post = pay(100 + n as u128, Books::MINT, Books::ADA, 1 + k as i64);
            refused(block_on(world.parlor.execute(Actor::HOST, post)))
        });
        let winner = answers.iter().position(Result::is_ok).expect("one is posted");
        let conflict = Refusal::IdConflict { field: Field::Amount };
        assert_eq!(count_posted(answers, &conflict), 1);
        let id = TransactionId(Uuid::from_u128(100 + n as u128));
        let row = world.held::<Transfer>((id, 0)).expect("it was posted");
        assert_eq!((row.legs, row.amount), (1, 1 + winner as i64), "the winner's is there");
    }

    assert_eq!(world.rows::<Transfer>().len(), TIMES);
    audited(&world.parlor);
}

/// However a capture, a void and the end of a hold race, one of them resolves it, and the others
/// are told which.
pub fn a_hold_is_captured_voided_or_expires_and_only_one_of_these<H: Harness>(harness: &H) {
    const TIMES: usize = 30;
    const AMOUNT: i64 = 10;
    let world = world(harness);
    Books::open(&world);
    done(&world, pay(1, Books::MINT, Books::ADA, AMOUNT * TIMES as i64));
    let minute = Some(std::time::Duration::from_secs(60));
    let leg = Leg::hold(Books::COIN, Books::ADA, Books::BEN, AMOUNT, minute);
    let (mut captured, mut expired) = (0, 0);

    for n in 0..TIMES {
        let post = |id: usize, leg: Leg| {
            let id = TransactionId(Uuid::from_u128((1_000 + 10 * n + id) as u128));
            Post(Transaction::new(id, Kind::of("ticket")).leg(leg))
        };
        let hold = TransferId { transaction: post(0, leg.clone()).0.id, leg: 0 };
        done(&world, post(0, leg.clone()));
        let held = || world.held::<Hold>(hold.key()).expect("it is held");
        let end = held().expires_at.expect("it ends");
        let answers = threads(3, |who| {
            let leg = match who {
                0 => leg.capture(hold, AMOUNT),
                1 => leg.void(hold),
                _ => {
                    // By a server whose clock is ahead.
                    block_on(world.parlor.tick(end)).expect("the store works");
                    return None;
                }
            };
            Some(refused(block_on(world.parlor.execute(Actor::HOST, post(1 + who, leg)))))
        });

        let it = held();
        let (word, taken) = match it.state {
            HoldState::Open => panic!("nothing resolved it: {it:?}"),
            HoldState::Captured => (Refusal::HoldAlreadyCaptured, (AMOUNT, 0)),
            HoldState::Voided => (Refusal::HoldVoided, (0, AMOUNT)),
            HoldState::Expired => (Refusal::HoldExpired, (0, AMOUNT)),
        };
        assert_eq!((it.captured, it.released), taken, "{it:?}");
        let is_expired = it.state == HoldState::Expired;
        let posted = count_posted(answers.into_iter().flatten(), &word);
        assert_eq!(posted, usize::from(!is_expired), "{it:?}");
        captured += it.captured;
        expired += usize::from(is_expired);
    }

    assert_eq!(world.count("ledger.hold_expired"), expired);
    let ada = world.held::<Account>(Books::ADA).expect("she has a wallet");
    assert_eq!((ada.debits_pending, ada.debits_posted), (0, captured));
    audited(&world.parlor);
}

/// However many give back parts of a transaction at once, it comes to no more than was moved.
pub fn refunds_at_once_never_exceed_the_original<H: Harness>(harness: &H) {
    const EACH: usize = 5;
    let world = world(harness);
    Books::open(&world);
    done(&world, pay(1, Books::MINT, Books::ADA, 100));
    let tip = pay(2, Books::ADA, Books::BEN, 100);
    done(&world, tip.clone());

    let answers = threads(THREADS, |k| {
        let some = |n: usize| {
            let id = TransactionId(Uuid::from_u128((100 + k * EACH + n) as u128));
            let all = Refund::all(id, tip.0.id, Kind::of("refund"));
            world.parlor.execute(Actor::HOST, Refund { amount: Some(7), ..all })
        };
        block_on(join_all((0..EACH).map(some)))
    });

    let exceeds = Refusal::RefundExceedsOriginal { leg: 0, refundable: 2 };
    let posted = count_posted(answers.into_iter().flatten().map(refused), &exceeds);
    assert_eq!(posted, 14);
    let returned = world.held::<Returned>((tip.0.id, 0)).expect("some of it was given back");
    assert_eq!((returned.returned, returned.amount), (98, 100));
    assert_eq!(balances(&world, [Books::ADA, Books::BEN]), [98, 2]);
    audited(&world.parlor);
}

/// Of many who undo a transfer, one does.
pub fn a_transfer_is_reversed_by_one_of_many<H: Harness>(harness: &H) {
    const TIMES: usize = 20;
    let world = world(harness);
    Books::open(&world);

    for n in 0..TIMES {
        let id = 100 + 10 * n as u128;
        let given = pay(id, Books::MINT, Books::ADA, 5);
        done(&world, given.clone());
        let answers = threads(4, |k| {
            let mut undo = pay(id + 1 + k as u128, Books::MINT, Books::ADA, 5);
            undo.0.legs[0] = given.0.legs[0].reverse(given.0.transfer(0));
            refused(block_on(world.parlor.execute(Actor::HOST, undo)))
        });
        assert_eq!(count_posted(answers, &Refusal::AlreadyReversed { leg: 0 }), 1);
    }

    assert_eq!(balances(&world, [Books::ADA, Books::MINT]), [0, 0]);
    audited(&world.parlor);
}

/// Transactions that exchange two assets, from both sides and in either order, get on with each
/// other.
pub fn two_assets_in_opposite_orders_neither_deadlock_nor_lose<H: Harness>(harness: &H) {
    const EACH: usize = 25;
    const RUBY: AssetCode = AssetCode::of("RUBY");
    let world = world(harness);
    Books::open(&world);
    done(&world, OpenAsset::new(RUBY, 0));
    let rubies = [201, 202].map(|n| AccountId(Uuid::from_u128(n)));
    for id in rubies {
        let owner = OwnerId(Uuid::from_u128(1_000 + id.0.as_u128()));
        let open = OpenAccount::wallet(RUBY, owner);
        done(&world, OpenAccount { id: Some(id), limits: Limits::default(), ..open });
    }
    let all = (THREADS * EACH) as i64;
    done(&world, pay(1, Books::MINT, Books::ADA, all));
    done(&world, pay(2, Books::MINT, Books::BEN, all));

    threads(THREADS, |k| {
        for n in 0..EACH {
            let (mut coins, mut gems) = ([Books::ADA, Books::BEN], rubies);
            if n % 2 == 0 {
                coins.reverse();
                gems.reverse();
            }
            let mut legs = vec![
                Leg::transfer(Books::COIN, coins[0], coins[1], 1),
                Leg::transfer(RUBY, gems[1], gems[0], 1),
            ];
            if k % 2 == 0 {
                legs.reverse();
            }
            let id = TransactionId(Uuid::from_u128((100 + k * EACH + n) as u128));
            let exchange = Transaction { legs, ..Transaction::new(id, Kind::of("exchange")) };
            done(&world, Post(exchange));
        }
    });

    // Of 25 each, 13 went one way and 12 the other.
    let more = THREADS as i64;
    assert_eq!(balances(&world, [Books::ADA, Books::BEN]), [all + more, all - more]);
    assert_eq!(balances(&world, rubies), [-more, more]);
    assert_eq!(world.rows::<Transfer>().len(), 2 + 2 * THREADS * EACH);
    audited(&world.parlor);
}

/// An answer of the ledger's.
fn refused<T>(answer: Result<T, Error<Refusal>>) -> Result<T, Refusal> {
    answer.map_err(|error| match error {
        Error::Refused(refusal) => refusal,
        error => panic!("{error}"),
    })
}

/// How many were posted, where all others were refused like this.
fn count_posted(
    answers: impl IntoIterator<Item = Result<Outcome, Refusal>>,
    why_not: &Refusal,
) -> usize {
    let mut posted = 0;
    for answer in answers {
        match answer {
            Ok(_) => posted += 1,
            Err(refusal) => assert_eq!(refusal, *why_not),
        }
    }
    posted
}

fn balances<S: Store, const N: usize>(world: &World<S>, accounts: [AccountId; N]) -> [i64; N] {
    accounts.map(|id| {
        let account = world.held::<Account>(id).expect("it is open");
        i64::try_from(account.balance()).expect("there is not that much")
    })
}
