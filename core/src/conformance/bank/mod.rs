//! A bank whose clients all ask at once, and what must be so afterwards, whatever was killed
//! meanwhile.
//!
//! What a client asks for follows from its [`Call`] alone, so that whoever has the calls can ask
//! everything again. A store's own tests bring what fails: a process, a server, a device.

mod answers;
mod call;

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

pub use self::answers::{Answers, Told, audit, check_times, rows};
pub use self::call::Call;
use super::{block_on, threads};
use crate::Uuid;
use crate::economy::ledger::{
    Account, AccountId, AccountKind, AssetCode, Kind, Leg, Limits, OpenAccount, OpenAsset, Outcome,
    OwnerId, Post, Refusal, Request, Transaction, TransactionId, VelocityRule,
};
use crate::engine::{Error, Parlor};
use crate::events::Actor;
use crate::storage::StoreError;

/// What is spent.
pub const COIN: AssetCode = AssetCode::of("COIN");
/// What coins are exchanged for.
pub const GEM: AssetCode = AssetCode::of("GEM");
const ISSUANCE: u32 = 100;
const FEES: u32 = 101;
const ESCROW: u32 = 102;
const LIQUIDITY: u32 = 103;
/// Everybody has a wallet of each asset.
const PEOPLE: u32 = 24;
/// What everybody has of each asset in the beginning, and what the liquidity accounts have.
const START: i64 = 200;
const START_LIQUIDITY: i64 = 100_000;
/// The transaction that issues it.
const FUNDING: TransactionId = TransactionId(Uuid::from_u128(1));
/// How often a client asks again while a store is away.
const ATTEMPTS_MAX: u32 = 3_000;
const PAUSE: Duration = Duration::from_millis(20);

/// An account of the bank: a person's wallet, by number, or one of its own.
pub fn account(asset: AssetCode, n: u32) -> AccountId {
    let asset = if asset == COIN { 1 } else { 2 };
    AccountId(Uuid::from_u128(asset << 64 | u128::from(n)))
}

/// Opens the bank on a store that has no ledger yet, and issues what there is.
///
/// # Panics
/// When the store fails.
pub fn open(parlor: &Parlor) {
    let mut funding = Transaction::new(FUNDING, Kind::of("funding"));
    for asset in [COIN, GEM] {
        block_on(parlor.execute(Actor::HOST, OpenAsset::new(asset, 2))).expect("it is opened");
        let own = [
            (ISSUANCE, AccountKind::Issuance, false),
            (FEES, AccountKind::Fees, true),
            (ESCROW, AccountKind::Escrow, true),
            (LIQUIDITY, AccountKind::Liquidity, true),
        ];
        for (n, kind, floor) in own {
            let limits = Limits { floor, ..Limits::default() };
            let id = Some(account(asset, n));
            let open = OpenAccount { id, asset, kind, owner: None, limits };
            block_on(parlor.execute(Actor::HOST, open)).expect("it is opened");
        }
        for n in 0..PEOPLE {
            let owner = OwnerId(Uuid::from_u128(1_000 + u128::from(n)));
            let wallet = OpenAccount::wallet(asset, owner);
            let open = OpenAccount { id: Some(account(asset, n)), limits: limits_of(n), ..wallet };
            block_on(parlor.execute(Actor::HOST, open)).expect("it is opened");
        }
        let issue =
            |to, amount| Leg::transfer(asset, account(asset, ISSUANCE), account(asset, to), amount);
        funding.legs.extend((0..PEOPLE).map(|n| issue(n, START)));
        funding.legs.push(issue(LIQUIDITY, START_LIQUIDITY));
    }
    block_on(parlor.execute(Actor::HOST, Post(funding))).expect("it is posted");
}

/// Some wallets take only so much, and from some only so much goes out at once.
fn limits_of(n: u32) -> Limits {
    let ceiling = n.is_multiple_of(4).then_some(3 * START);
    let rule = VelocityRule {
        name: Kind::of("a_minute"),
        window: Duration::from_secs(60),
        count_max: Some(12),
        sum_max: Some(2 * START),
    };
    let velocity = if n.is_multiple_of(5) { vec![rule] } else { Vec::new() };
    Limits { ceiling, velocity, ..Limits::wallet() }
}

/// What was said to a request.
pub type Answer = Result<Outcome, Refusal>;

/// Asks once.
///
/// # Errors
/// What the store says.
///
/// # Panics
/// When a key was used twice: there are none.
pub fn ask(parlor: &Parlor, request: Request) -> Result<Answer, StoreError> {
    let answer = match request {
        Request::Post(it) => block_on(parlor.execute(Actor::HOST, Post(it))),
        Request::Refund(it) => block_on(parlor.execute(Actor::HOST, it)),
    };
    match answer {
        Ok(outcome) => Ok(Ok(outcome)),
        Err(Error::Refused(refusal)) => Ok(Err(refusal)),
        Err(Error::Store(error)) => Err(error),
        Err(Error::KeyReused) => panic!("no key was used"),
    }
}

/// Asks until there is an answer, as a client does whose store is away for a moment.
///
/// # Panics
/// When there never is one, or the store says that the request itself makes it fail.
pub fn ask_until_answered(parlor: &Parlor, call: Call) -> Answer {
    for _ in 0..ATTEMPTS_MAX {
        match ask(parlor, call.request()) {
            Ok(answer) => return answer,
            Err(error) => assert!(!error.is_the_commands_own(), "call {call}: {error}"),
        }
        // The store is away for a moment, and clients do not storm it.
        thread::park_timeout(PAUSE);
    }
    panic!("call {call} is never answered");
}

/// A client's calls, one after the other; each is told before it is made, and each answer. Some are
/// made twice at once, some again later, and some ids are used for something else, which is refused.
/// It does as well what is due.
///
/// # Panics
/// When an id is good for two things.
pub fn client(parlor: &Parlor, calls: impl IntoIterator<Item = Call>, tell: impl Fn(Told) + Sync) {
    for call in calls {
        tell(Told::Sent(call));
        let ask = |call| tell(Told::Answered(call, ask_until_answered(parlor, call)));
        match call.draw(20) % 16 {
            0 => drop(threads(2, |_| ask(call))),
            1 => {
                ask(call);
                ask(Call { n: call.draw(21) % (call.n + 1), ..call });
            }
            2 => {
                ask(call);
                let other = self::ask(parlor, call.other_request());
                let is_conflict = matches!(other, Err(_) | Ok(Err(Refusal::IdConflict { .. })));
                assert!(is_conflict, "call {call} under another body: {other:?}");
            }
            3 => {
                ask(call);
                // What fails here is due still.
                let _ = block_on(parlor.tick(parlor.now()));
            }
            _ => ask(call),
        }
    }
}

/// Holds whose time is over are given up, all of them.
///
/// # Panics
/// When the store fails.
pub fn expire(parlor: &Parlor) {
    while block_on(parlor.tick(parlor.now())).expect("the store works") > 0 {}
}

/// Clients at once, each with so many calls; all of them are answered.
///
/// # Panics
/// As [`client`] and [`Answers::add`].
pub fn work(parlors: &[Parlor], round: u32, clients: u32, calls: u32, answers: &mut Answers) {
    let told = Mutex::new(answers);
    threads(clients as usize, |k| {
        let client = k as u32;
        let calls = (0..calls).map(|n| Call { round, client, n });
        self::client(&parlors[k % parlors.len()], calls, |it| {
            told.lock().unwrap_or_else(PoisonError::into_inner).add(it);
        });
    });
}

/// Out of a new account with 100 coins, 320 are taken at once, one each; just 100 are, and the others
/// stay refused when there is more.
///
/// # Panics
/// When it is not so.
pub fn debits_at_once(parlors: &[Parlor], run: u32) {
    const DEBITS: usize = 320;
    const BALANCE: i64 = 100;
    let id =
        |n: usize| TransactionId(Uuid::from_u128(2 << 120 | u128::from(run) << 32 | n as u128));
    let purse = account(COIN, 1_000 + run);
    let limits = Limits::wallet();
    let (kind, owner) = (AccountKind::Wallet, None);
    let open = OpenAccount { id: Some(purse), asset: COIN, kind, owner, limits };
    block_on(parlors[0].execute(Actor::HOST, open)).expect("it is opened");
    let post = |parlor: &Parlor, id, from, to, amount| {
        let leg = Leg::transfer(COIN, from, to, amount);
        let transaction = Transaction::new(id, Kind::of("debit")).leg(leg);
        ask(parlor, Request::Post(transaction)).expect("the store works")
    };
    let add = |n, amount| {
        let added = post(&parlors[0], id(DEBITS + n), account(COIN, ISSUANCE), purse, amount);
        added.expect("there is no end of it");
    };
    let debit = |n: usize| post(&parlors[n % parlors.len()], id(n), purse, account(COIN, FEES), 1);

    add(0, BALANCE);
    let first = threads(DEBITS, debit);
    let posted = first.iter().filter(|it| matches!(it, Ok(Outcome::Posted(_)))).count();
    let short = Err(Refusal::InsufficientFunds { leg: 0, available: 0 });
    let refused = first.iter().filter(|it| **it == short).count();
    assert_eq!((posted, refused), (BALANCE as usize, DEBITS - BALANCE as usize), "{first:?}");

    add(1, 1_000);
    let again = threads(DEBITS, debit);
    let replayed = |it: &Answer| it.clone().map(|outcome| Outcome::Replayed(outcome.receipt()));
    assert_eq!(again, first.iter().map(replayed).collect::<Vec<_>>());
    let purses = rows::<Account>(&parlors[0]).into_iter().filter(|it| it.id == purse);
    assert_eq!(purses.map(|it| it.balance()).collect::<Vec<_>>(), [1_000]);
}
