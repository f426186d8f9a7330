use std::time::Duration;

use super::{World, block_on};
use crate::Uuid;
use crate::economy::ledger::{
    AccountId, AccountKind, AssetCode, ClosePeriod, Kind, Leg, Limits, OpenAccount, OpenAsset,
    OwnerId, Post, Refund, SetLimits, Shortfall, Transaction, TransactionId, TransferId,
};
use crate::engine::{Command, Error};
use crate::events::Actor;
use crate::storage::Store;

/// A small ledger with rows in each of its tables: who and what is in it.
///
/// | account | kind | balance | limits |
/// |---|---|---|---|
/// | [`MINT`](Self::MINT) | issuance | -2,024 | none |
/// | [`ADA`](Self::ADA) | wallet | 790, of which 140 are reserved for Ben | a floor |
/// | [`BEN`](Self::BEN) | wallet | 190 | 50 may be owed, a ceiling of 1,000 |
/// | [`FEES`](Self::FEES) | fees | 1,044 | none |
/// | [`EVE`](Self::EVE) | wallet | 0: nothing has ever moved | a floor |
#[derive(Clone, Copy, Debug)]
pub struct Books;

impl Books {
    /// The asset of all accounts: sealed, with a block, and a cap of a million.
    pub const COIN: AssetCode = AssetCode::of("COIN");
    /// An asset without accounts, not sealed.
    pub const GEM: AssetCode = AssetCode::of("GEM");

    /// Where coins come from.
    pub const MINT: AccountId = AccountId(Uuid::from_u128(1));
    /// Ada's wallet.
    pub const ADA: AccountId = AccountId(Uuid::from_u128(2));
    /// Ben's wallet.
    pub const BEN: AccountId = AccountId(Uuid::from_u128(3));
    /// The platform's fees.
    pub const FEES: AccountId = AccountId(Uuid::from_u128(4));
    /// Eve's wallet.
    pub const EVE: AccountId = AccountId(Uuid::from_u128(5));

    /// 1,000 from the mint to Ada.
    pub const TOP_UP: TransactionId = TransactionId(Uuid::from_u128(11));
    /// 200 from Ada to Ben and 20 to the fees, with a memo.
    pub const TIP: TransactionId = TransactionId(Uuid::from_u128(12));
    /// 200 of Ada's reserved for Ben, for a day.
    pub const HOLD: TransactionId = TransactionId(Uuid::from_u128(13));
    /// 50 of these moved, and 10 given up.
    pub const CAPTURE: TransactionId = TransactionId(Uuid::from_u128(14));
    /// 60 of the tip given back by Ben.
    pub const REFUND: TransactionId = TransactionId(Uuid::from_u128(15));
    /// More than Ada had, refused.
    pub const REFUSED: TransactionId = TransactionId(Uuid::from_u128(16));
    /// The first of 16 that bring 64 coins each to the fees, one by one, so that a block is sealed.
    pub const MANY: TransactionId = TransactionId(Uuid::from_u128(100));

    /// Opens its assets and accounts, the latter without limits but the wallets' floor.
    ///
    /// # Panics
    /// When any of it is refused.
    pub fn open<S: Store>(world: &World<S>) {
        let coin = OpenAsset { supply_cap: Some(1_000_000), ..OpenAsset::new(Self::COIN, 2) };
        done(world, coin);
        done(world, OpenAsset { sealed: false, ..OpenAsset::new(Self::GEM, 0) });
        for (id, kind) in [(Self::MINT, AccountKind::Issuance), (Self::FEES, AccountKind::Fees)] {
            let account = OpenAccount::platform(Self::COIN, kind);
            done(world, OpenAccount { id: Some(id), ..account });
        }
        for id in [Self::ADA, Self::BEN, Self::EVE] {
            let owner = OwnerId(Uuid::from_u128(1_000 + id.0.as_u128()));
            done(world, OpenAccount { id: Some(id), ..OpenAccount::wallet(Self::COIN, owner) });
        }
    }

    /// Opens it all, and posts it all.
    ///
    /// # Panics
    /// When anything but what is to be refused is.
    pub fn keep<S: Store>(world: &World<S>) {
        Self::open(world);
        let limits = Limits { credit_limit: 50, ceiling: Some(1_000), ..Limits::wallet() };
        done(world, SetLimits { account: Self::BEN, limits });
        done(world, ClosePeriod { asset: Self::COIN, until: World::<S>::BEGIN });
        Self::post_all(world);
    }

    fn post_all<S: Store>(world: &World<S>) {
        let leg = |from, to, amount| Leg::transfer(Self::COIN, from, to, amount);
        let post = |id, kind, leg| Post(Transaction::new(id, Kind::of(kind)).leg(leg));
        done(world, post(Self::TOP_UP, "top_up", leg(Self::MINT, Self::ADA, 1_000)));
        let mut tip = post(Self::TIP, "tip", leg(Self::ADA, Self::BEN, 200));
        tip.0 = tip.0.leg(leg(Self::ADA, Self::FEES, 20));
        tip.0.memo = Some("Well sung!".into());
        done(world, tip);

        let day = Duration::from_secs(24 * 60 * 60);
        let hold = Leg::hold(Self::COIN, Self::ADA, Self::BEN, 200, Some(day));
        done(world, post(Self::HOLD, "ticket", hold.clone()));
        let held = TransferId { transaction: Self::HOLD, leg: 0 };
        let mut capture = post(Self::CAPTURE, "ticket", hold.capture(held, 50));
        capture.0 = capture.0.leg(Leg { amount: 10, ..hold.void(held) });
        done(world, capture);

        let refund = Refund::all(Self::REFUND, Self::TIP, Kind::of("refund"));
        let (amount, shortfall) = (Some(60), Shortfall::Reject);
        done(world, Refund { amount, keep_fees: true, shortfall, ..refund });
        let too_much = post(Self::REFUSED, "tip", leg(Self::ADA, Self::BEN, 5_000));
        let refused = block_on(world.parlor.execute(Actor::HOST, too_much));
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");

        for n in 0..16 {
            let id = TransactionId(Uuid::from_u128(Self::MANY.0.as_u128() + n));
            let mut many = Transaction::new(id, Kind::of("issue"));
            many.legs = vec![leg(Self::MINT, Self::FEES, 1); 64];
            done(world, Post(many));
        }
    }
}

/// Carries out a command of the host's.
pub(super) fn done<S: Store, C: Command>(world: &World<S>, command: C) -> C::Output {
    let done = block_on(world.parlor.execute(Actor::HOST, command));
    done.unwrap_or_else(|error| panic!("{error}"))
}
