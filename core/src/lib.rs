//! The domain of real-time voice platforms, without a socket, a clock or a thread of its own:
//! people, rooms and stages, decided by pure functions and made true by a store.
//!
//! ```
//! use parlor_core::engine::Parlor;
//! use parlor_core::record::Timestamp;
//! use parlor_core::rooms::{Create, Join, StageMode};
//! use parlor_core::storage::MemoryStore;
//!
//! # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
//! # fn block_on<F: Future>(future: F) -> F::Output {
//! #     let (mut future, mut cx) = (pin!(future), Context::from_waker(Waker::noop()));
//! #     loop { if let Poll::Ready(it) = future.as_mut().poll(&mut cx) { return it } }
//! # }
//! # block_on(async {
//! // A host gives a store, a clock and entropy.
//! let now = || Timestamp::from(std::time::SystemTime::now());
//! # let entropy = { let n = std::sync::atomic::AtomicU8::new(0); move || [n.fetch_add(1, std::sync::atomic::Ordering::Relaxed); 32] };
//! let parlor = Parlor::new(MemoryStore::new(), now, entropy);
//!
//! let ada = parlor.sign_up_guest("Ada").await?;
//! let actor = parlor.authenticate(&ada.token.reveal()).await?;
//! let create = Create {
//!     name: "Tea".into(),
//!     description: String::new(),
//!     max_participants: None,
//!     stage_mode: StageMode::OpenFloor,
//! };
//! let room = parlor.execute(actor, create).await?.room;
//! let stay = parlor.execute(actor, Join { room }).await?;
//! assert_eq!(parlor.rooms().room(actor, room).await?.me.map(|me| me.id), Some(stay.participant));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Everything that happens goes one way: a command is decided while the store holds the rows it
//! needs, the changeset and its events become true in one transaction, and policies, the media
//! bridge and the host follow the feed. See [`storage`] for the write path, [`engine`] for the
//! driver, and [`conformance`] for what a store of one's own has to pass.
//!
//! The core depends on no runtime: its futures run on any executor.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "conformance"),
    expect(rustdoc::broken_intra_doc_links, reason = "the suite is behind a feature")
)]

pub mod calls;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod economy;
pub mod engine;
pub mod events;
pub mod identity;
pub mod media;
pub mod permissions;
pub mod record;
pub mod rooms;
pub mod storage;
pub mod tables;

pub use uuid::{Error as UuidError, Uuid};

/// Every named read there is, with arguments that stand for any.
pub fn queries() -> Vec<storage::NamedQuery> {
    let mut all = engine::queries();
    all.extend(identity::queries::all());
    all.extend(rooms::queries::all());
    all.extend(calls::queries::all());
    all.extend(economy::ledger::queries::all());
    all
}

/// Every named reckoning there is, with arguments that stand for any.
pub fn aggregates() -> Vec<storage::Aggregate> {
    economy::ledger::queries::aggregates()
}
