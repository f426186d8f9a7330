use std::time::Duration;

use super::{EARLY, LATE, ODD, at};
use crate::Uuid;
use crate::economy::ledger::{
    AMOUNT_MAX, Account, AccountChange, AccountId, AccountKind, Asset, AssetChange, AssetCode,
    Block, Entry, Event, Hold, HoldState, Kind, Leg, Memo, OwnerId, Phase, Refusal, Rejection,
    Request, Returned, Side, Transaction, TransactionId, Transfer, TransferId, VelocityRule,
    Wallet, Window,
};
use crate::identity::UserId;
use crate::record::{Digest, Json};
use crate::tables::Row;

/// Rows of every table of the ledger whose rows are written once, or only go on, parents first. The
/// same `n` gives the same keys, and whatever never changes differs between an odd one and an even
/// one. A row that goes on may be written over another of the same `n` that is not `full`.
pub(in super::super) fn ledger(n: u128, full: bool) -> Vec<Row> {
    let scene = Scene::of(n);
    let mut rows: Vec<Row> = vec![
        scene.asset(full).into(),
        scene.asset_change(full).into(),
        scene.account(full).into(),
        scene.closed_account(full).into(),
        scene.wallet().into(),
        scene.account_change(full).into(),
    ];
    rows.extend(scene.transfers(full).into_iter().map(Row::from));
    rows.extend([scene.entry(full).into(), scene.hold(full).into(), scene.returned(full).into()]);
    rows.push(scene.block(full).into());
    rows
}

/// Rows of those tables of the ledger whose rows may go.
pub(super) fn that_may_go(n: u128, full: bool) -> [Row; 2] {
    let transaction_id = TransactionId(Uuid::from_u128(n << 64 | 20));
    let [a, b] = [21, 22].map(|k| AccountId(Uuid::from_u128(n << 64 | k)));
    let mut refused = Transaction::new(transaction_id, KIND).leg(Leg::hold(
        AssetCode::of("COIN"),
        a,
        b,
        if full { AMOUNT_MAX } else { 1 },
        full.then_some(Duration::new(1, 1_000)),
    ));
    refused.metadata = full.then(|| ODD.to_owned());
    let memo = Memo {
        transaction_id,
        salt: digest(full),
        text: if full { ODD.repeat(20) } else { "x".into() },
    };
    let rejection = Rejection {
        transaction_id,
        fingerprint: digest(full),
        request: Json(Request::Post(refused)),
        refusal: Json(match full {
            true => Refusal::InsufficientFunds { leg: 127, available: i64::MAX },
            false => Refusal::AssetNotFound { leg: 0 },
        }),
        at: at(full),
        expires_at: at(full),
        digest: digest(full),
    };
    [memo.into(), rejection.into()]
}

/// An event of every kind.
pub(super) fn every_event() -> [Event; 4] {
    let transaction = TransactionId(Uuid::max());
    let hold = TransferId { transaction, leg: 127 };
    let account = AccountId(Uuid::from_u128(1));
    [
        Event::Posted { transaction, kind: KIND, user: Some(UserId(Uuid::nil())), legs: 128 },
        Event::HoldExpired { hold, amount: AMOUNT_MAX },
        Event::AssetChanged { asset: LONGEST, n: i64::MAX },
        Event::AccountChanged { account, n: 1 },
    ]
}

const KIND: Kind = Kind::of("a_234567890_2345");
const LONGEST: AssetCode = AssetCode::of("A_234567890_2345");

fn digest(full: bool) -> Digest {
    Digest([if full { 0xff } else { 0 }; 32])
}

/// A count, as small or as large as it can be.
fn count(least: i64, full: bool) -> i64 {
    if full { i64::MAX } else { least }
}

/// What rows of one number have in common.
struct Scene {
    n: u128,
    asset: AssetCode,
    /// Of what never changes: whether it is the larger of two.
    large: bool,
}

impl Scene {
    fn of(n: u128) -> Self {
        let asset = AssetCode::new(&format!("A{n}")).expect("a short number");
        Self { n, asset, large: n.is_multiple_of(2) }
    }

    fn id<I: From<Uuid>>(&self, k: u128) -> I {
        Uuid::from_u128(self.n << 64 | k).into()
    }

    fn owner(&self) -> OwnerId {
        self.id(30)
    }

    fn kind(&self) -> AccountKind {
        if self.large { AccountKind::Payout } else { AccountKind::Wallet }
    }

    fn asset(&self, full: bool) -> Asset {
        let sealed = !self.large;
        Asset {
            code: self.asset,
            scale: if self.large { 9 } else { 0 },
            transferable: full,
            sealed,
            supply_cap: full.then_some(i64::MAX),
            changes: count(1, full),
            closed_until: full.then_some(LATE),
            size: count(0, full),
            at: at(full),
            issued: count(i64::MIN, full),
            burned: count(i64::MIN, full),
            frontier: if full && sealed { vec![0xff; 63 * 32] } else { Vec::new() },
        }
    }

    fn asset_change(&self, full: bool) -> AssetChange {
        AssetChange {
            asset: self.asset,
            n: count(1, self.large),
            seq: count(0, full),
            at: at(full),
            scale: if full { 9 } else { 0 },
            transferable: full,
            sealed: full,
            supply_cap: full.then_some(i64::MAX),
            closed_until: full.then_some(LATE),
            user_id: full.then(|| self.id(31)),
        }
    }

    fn account(&self, full: bool) -> Account {
        let rule = VelocityRule {
            name: KIND,
            window: Duration::from_secs(86_400),
            count_max: Some(u32::MAX),
            sum_max: Some(AMOUNT_MAX),
        };
        let window = Window { rule, number: i64::MIN, count: u32::MAX, sum: i64::MAX };
        Account {
            id: self.id(1),
            asset: self.asset,
            kind: self.kind(),
            owner: self.large.then_some(self.owner()),
            debits_posted: if full { i64::MAX - 1 } else { 0 },
            credits_posted: if full { i64::MAX - 1 } else { 0 },
            debits_pending: full.into(),
            credits_pending: full.into(),
            has_floor: full,
            credit_limit: if full { AMOUNT_MAX } else { 0 },
            ceiling: full.then_some(AMOUNT_MAX),
            frozen_in: full,
            frozen_out: full,
            closed: false,
            velocity: full.then(|| Json(vec![window])),
            version: count(0, full),
            changes: count(1, full),
        }
    }

    /// What is closed is empty.
    fn closed_account(&self, full: bool) -> Account {
        let turnover = count(0, full);
        Account {
            id: self.id(2),
            owner: None,
            debits_posted: turnover,
            credits_posted: turnover,
            debits_pending: 0,
            credits_pending: 0,
            ceiling: full.then_some(0),
            closed: full,
            ..self.account(full)
        }
    }

    fn wallet(&self) -> Wallet {
        let (kind, asset) = (self.kind(), self.asset);
        Wallet { owner: self.owner(), kind, asset, account_id: self.id(1) }
    }

    fn account_change(&self, full: bool) -> AccountChange {
        AccountChange {
            account_id: self.id(1),
            n: count(1, self.large),
            asset: self.asset,
            seq: count(0, full),
            at: at(full),
            kind: self.kind(),
            owner: full.then_some(self.owner()),
            has_floor: full,
            credit_limit: if full { AMOUNT_MAX } else { 0 },
            ceiling: full.then_some(AMOUNT_MAX),
            frozen_in: full,
            frozen_out: full,
            closed: full,
            velocity: full.then(|| format!("[ {{\"name\":\"{ODD}\"}} ]")),
            user_id: full.then(|| self.id(31)),
        }
    }

    /// A transfer, or, when full, a hold and what was captured of it as the last of 128.
    fn transfers(&self, full: bool) -> Vec<Transfer> {
        let single = Transfer {
            transaction_id: self.id(3),
            leg: 0,
            legs: 1,
            asset: self.asset,
            seq: 0,
            at: at(full),
            effective_at: EARLY,
            kind: KIND,
            phase: Phase::Single,
            debit_account: self.id(1),
            credit_account: self.id(2),
            amount: 1,
            about: None,
            about_leg: None,
            expires_at: None,
            user_id: None,
            reference: None,
            metadata: None,
            memo: None,
            fingerprint: digest(full),
        };
        if !full {
            return vec![single];
        }
        let hold = Transfer {
            legs: 128,
            phase: Phase::Hold,
            amount: AMOUNT_MAX,
            expires_at: Some(LATE),
            ..single
        };
        let capture = Transfer {
            leg: 127,
            seq: i64::MAX,
            phase: Phase::Capture,
            about: Some(self.id(3)),
            about_leg: Some(0),
            expires_at: None,
            user_id: Some(self.id(31)),
            reference: Some("'\"\\%_;--".into()),
            metadata: Some(ODD.repeat(20)),
            memo: Some(digest(true)),
            ..hold.clone()
        };
        vec![hold, capture]
    }

    fn entry(&self, full: bool) -> Entry {
        let counter = count(0, full);
        Entry {
            account_id: self.id(1),
            version: count(1, self.large),
            transaction_id: self.id(3),
            leg: if full { 127 } else { 0 },
            side: if full { Side::Credit } else { Side::Debit },
            phase: if full { Phase::Reversal } else { Phase::Single },
            kind: KIND,
            amount: if full { AMOUNT_MAX } else { 1 },
            at: at(full),
            debits_posted: counter,
            credits_posted: counter,
            debits_pending: counter,
            credits_pending: counter,
        }
    }

    fn hold(&self, full: bool) -> Hold {
        Hold {
            transaction_id: self.id(3),
            leg: 0,
            asset: self.asset,
            debit_account: self.id(1),
            credit_account: self.id(2),
            amount: AMOUNT_MAX,
            captured: if full { AMOUNT_MAX - 1 } else { 0 },
            released: full.into(),
            state: if full { HoldState::Expired } else { HoldState::Open },
            expires_at: (!full).then_some(LATE),
        }
    }

    fn returned(&self, full: bool) -> Returned {
        Returned {
            transaction_id: self.id(3),
            leg: 0,
            amount: AMOUNT_MAX,
            returned: if full { AMOUNT_MAX } else { 0 },
            reversed: full,
        }
    }

    fn block(&self, full: bool) -> Block {
        Block {
            asset: self.asset,
            n: count(0, self.large),
            root: digest(full),
            head: digest(!full),
            previous: digest(full),
            at: at(full),
        }
    }
}
