//! The accounts of a run, and what goes between them.

use std::sync::Arc;

use parlor_benches::{Result, clients};
use parlor_core::Uuid;
use parlor_core::economy::ledger::{
    AccountId, AccountKind, AssetCode, Kind, Leg, OpenAccount, OpenAsset, OwnerId, Post,
    Transaction, TransactionId,
};
use parlor_core::engine::Parlor;
use parlor_core::events::Actor;

/// The asset whose log is sealed.
pub(crate) const SEALED: AssetCode = AssetCode::of("COIN");
/// The asset whose log is not.
pub(crate) const UNSEALED: AssetCode = AssetCode::of("POINT");
/// What every transfer is.
pub(crate) const TIP: Kind = Kind::of("tip");

/// What each account has to begin with; the first one, which is the hot one, has a million times it.
const FUNDS: i64 = 1_000_000;
/// How many clients set it up.
const CLIENTS: usize = 256;

/// Which accounts a transfer is between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    /// Any two.
    Uniform,
    /// The first one, and any other.
    Hot,
}

impl Workload {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Hot => "hot",
        }
    }

    /// From where to where the n-th transfer goes: the same on every run.
    pub(crate) fn accounts(self, n: usize, of: usize) -> (usize, usize) {
        // SplitMix64 (Steele, Lea, Flood 2014): what is drawn costs nothing worth measuring.
        let mut bits = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let (high, low) = ((bits >> 33) as usize, (bits & 0x7fff_ffff) as usize);
        let debit = match self {
            Self::Uniform => high % of,
            Self::Hot => 0,
        };
        (debit, (debit + 1 + low % (of - 1)) % of)
    }
}

/// The accounts of an asset.
#[derive(Clone)]
pub(crate) struct Book {
    pub(crate) asset: AssetCode,
    pub(crate) accounts: Arc<[AccountId]>,
}

/// Opens both assets, and so many funded accounts of each.
pub(crate) async fn open(parlor: &Parlor, accounts: usize) -> Result<[Book; 2]> {
    let sealed = book(parlor, SEALED, true, accounts).await?;
    Ok([sealed, book(parlor, UNSEALED, false, accounts).await?])
}

async fn book(parlor: &Parlor, asset: AssetCode, sealed: bool, accounts: usize) -> Result<Book> {
    let open = OpenAsset { sealed, ..OpenAsset::new(asset, 0) };
    parlor.execute(Actor::HOST, open).await?;
    let mint = OpenAccount::platform(asset, AccountKind::Issuance);
    let mint = parlor.execute(Actor::HOST, mint).await?.account;
    let host = parlor.clone();
    let open = move |_| {
        let parlor = host.clone();
        async move {
            let owner = OwnerId(draw());
            let opened = parlor.execute(Actor::HOST, OpenAccount::wallet(asset, owner)).await?;
            Ok(opened.account)
        }
    };
    let opened = clients::run("accounts", CLIENTS, accounts, open).await?.outputs;
    let accounts: Arc<[AccountId]> = opened.into();
    let (host, all) = (parlor.clone(), accounts.clone());
    let fund = move |n: usize| {
        let (parlor, account) = (host.clone(), all[n]);
        let amount = if n == 0 { FUNDS * 1_000_000 } else { FUNDS };
        async move {
            let leg = Leg::transfer(asset, mint, account, amount);
            let top_up = Transaction::new(TransactionId(draw()), Kind::of("top_up")).leg(leg);
            parlor.execute(Actor::HOST, Post(top_up)).await?;
            Ok(())
        }
    };
    clients::run("funds", CLIENTS, accounts.len(), fund).await?;
    Ok(Book { asset, accounts })
}

/// A transfer through the ledger.
pub(crate) async fn tip(parlor: Parlor, book: Book, workload: Workload, n: usize) -> Result<()> {
    let (debit, credit) = workload.accounts(n, book.accounts.len());
    let leg = Leg::transfer(book.asset, book.accounts[debit], book.accounts[credit], 1);
    let tip = Transaction::new(TransactionId(draw()), TIP).leg(leg);
    parlor.execute(Actor::HOST, Post(tip)).await?;
    Ok(())
}

/// An id that begins with the time, as those of version 7 do.
pub(crate) fn draw() -> Uuid {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system gives entropy");
    let millis = (since.as_millis() as u64).to_be_bytes();
    bytes[..6].copy_from_slice(&millis[2..]);
    (bytes[6], bytes[8]) = (bytes[6] & 0x0f | 0x70, bytes[8] & 0x3f | 0x80);
    Uuid::from_bytes(bytes)
}
