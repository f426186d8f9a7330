//! The ledger: money that cannot be lost, doubled or made up.
//!
//! ```text
//!  Transaction { id, legs } ─ post ─▶ transfers ─┬─▶ entries ─▶ accounts (sums, limits)
//!      same id again: same outcome               ├─▶ holds, what was given back
//!                                                └─▶ the asset's log: leaf ─▶ frontier ─▶ block
//! ```
//!
//! A transaction has up to [`LEGS_MAX`] legs that stand or fall together. Each takes an amount from
//! one account and gives it to another of the same asset, so that nothing can be made up: what comes
//! into being comes out of an account of [`AccountKind::Issuance`]. [`post`](post()) is the one way in, and
//! any command may call it, so that "a gift in a room" is one changeset.
//!
//! Transfers are never changed. A hold reserves an amount, and is captured, in parts if need be,
//! voided, or expires; a refund gives back at most what was moved; a reversal undoes a transfer once.
//! Everything else is kept for speed and can be reckoned again from them:
//! [`Parlor::audit`](crate::engine::Parlor::audit) does.
//!
//! ```
//! use parlor_core::economy::ledger::*;
//! use parlor_core::{Uuid, engine::Parlor, events::Actor, record::Timestamp, storage::MemoryStore};
//! # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
//! # fn block_on<F: Future>(future: F) -> F::Output {
//! #     let (mut future, mut cx) = (pin!(future), Context::from_waker(Waker::noop()));
//! #     loop { if let Poll::Ready(it) = future.as_mut().poll(&mut cx) { return it } }
//! # }
//! # let n = std::sync::atomic::AtomicU8::new(0);
//! # let entropy = move || [n.fetch_add(1, std::sync::atomic::Ordering::Relaxed); 32];
//! # let parlor = Parlor::new(MemoryStore::new(), || Timestamp::from_millis(1), entropy);
//! # block_on(async {
//! let (host, coin) = (Actor::HOST, AssetCode::of("COIN"));
//! parlor.execute(host, OpenAsset::new(coin, 0)).await?;
//! let wallet = OpenAccount::wallet(coin, OwnerId(Uuid::from_u128(1)));
//! let wallet = parlor.execute(host, wallet).await?.account;
//! let mint = OpenAccount::platform(coin, AccountKind::Issuance);
//! let mint = parlor.execute(host, mint).await?.account;
//!
//! let top_up = Transaction::new(parlor.new_id(), Kind::of("top_up"));
//! let top_up = Post(top_up.leg(Leg::transfer(coin, mint, wallet, 100)));
//! let receipt = parlor.execute(host, top_up.clone()).await?.receipt();
//! assert_eq!(parlor.execute(host, top_up).await?, Outcome::Replayed(receipt));
//! assert!(parlor.audit(|_| {}).await?.findings.is_clean());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod account;
mod audit;
mod canonical;
mod change;
mod code;
mod commands;
mod events;
mod exchange;
mod expire;
mod export;
mod finding;
mod history;
mod hold;
mod log;
mod post;
mod posting;
mod proof;
pub(crate) mod queries;
mod reads;
mod reconcile;
mod refund;
mod refusal;
mod report;
mod rows;
mod seal;
mod series;
mod share;
mod state;
mod statement;
mod transaction;
mod verify;
mod working;

pub use account::{Limits, VELOCITY_RULES_MAX, VelocityRule};
pub use audit::{Audit, Head, Progress, Stage};
pub use code::{AssetCode, BadCode, CODE_BYTES_MAX, Kind};
pub use commands::{
    Close, ClosePeriod, EraseMemo, FORGET, ForgetRejection, Freeze, OpenAccount, OpenAsset, Opened,
    Post, Reopen, Rest, SCALE_MAX, SetLimits,
};
pub use events::Event;
pub use exchange::Exchange;
pub use expire::{EXPIRY, ExpireHold};
pub use export::{Chunk, Export, Format};
pub use finding::{FINDINGS_MAX, Finding, Findings, Place};
pub use history::TransferFilter;
pub use log::LogEntry;
pub use post::{Outcome, Receipt, Request, post};
pub use proof::Proof;
pub use reads::Reads;
pub use reconcile::{
    Match, PROVIDER_LINES_MAX, ProviderLine, RECONCILED_MAX, Reconciliation, reconcile,
};
pub use refund::{Refund, refund};
pub use refusal::{Field, Refusal};
pub use report::{DAYS_MAX, HoldsEnding, ReadProgress, Supply, TrialBalance, Turnover, Volume};
pub use rows::{
    Account, AccountChange, AccountId, Asset, AssetChange, Block, Entry, Hold, Memo, OwnerId,
    Rejection, Returned, TransactionId, Transfer, TransferId, Wallet, Window,
};
pub use seal::BLOCK_LEAVES;
pub use share::{Fee, PARTS_MAX, PPM, Rate, split};
pub use state::{AccountKind, HoldInput, HoldState, Phase, Side};
pub use statement::{Counters, Line, Statement};
pub use transaction::{
    AMOUNT_MAX, Action, LEGS_MAX, Leg, MEMO_BYTES_MAX, METADATA_BYTES_MAX, REFERENCE_BYTES_MAX,
    Shortfall, Transaction,
};
pub use verify::Verified;
