//! Parlor's media engine: an audio forwarder for big rooms that lives in the host's process.
//!
//! ```
//! use parlor_core::Uuid;
//! use parlor_core::media::{Connect, LegId, MediaBackend, MediaEvent, Rights, SdpOffer};
//! use parlor_core::rooms::{ParticipantId, RoomId};
//! use parlor_media_str0m::{Config, Str0mBackend};
//!
//! # #[cfg(not(feature = "client"))] fn main() {}
//! # #[cfg(feature = "client")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let media = Str0mBackend::bind(Config::default()).await?;
//! println!("clients reach it at {:?}", media.candidates());
//!
//! # let now = std::time::Instant::now();
//! # let at = parlor_media_str0m::client::ClientConfig::at("127.0.0.1:9".parse()?);
//! # let offer_of_the_client = parlor_media_str0m::client::Client::new(at, now).offer()?;
//! let answer = media
//!     .connect(Connect {
//!         leg: LegId(Uuid::from_u128(1)),
//!         room: RoomId(Uuid::from_u128(2)),
//!         participant: ParticipantId(Uuid::from_u128(3)),
//!         rights: Rights { send_microphone: true, hear: true, pinned: false },
//!         offer: SdpOffer(offer_of_the_client),
//!     })
//!     .await?;
//! assert!(answer.0.contains("opus/48000/2"));
//!
//! media.disconnect(LegId(Uuid::from_u128(1))).await?;
//! assert!(matches!(media.next_event().await, Some(MediaEvent::Closed { .. })));
//! # Ok(())
//! # }
//! ```
//!
//! # What a client offers
//!
//! One audio m-line it sends on, its microphone, and up to [`engine::LOUDEST`] it receives on,
//! its listener slots; all at joining, so that becoming a speaker needs no new offer. Any of them
//! may be missing, and one that does both counts as both. Opus is the only codec (RFC 7587); the
//! audio level extension (RFC 6464) is asked for. Who does not send it counts as of medium
//! loudness. Video and further m-lines are answered as rejected or left unused. An ICE-lite
//! client and one with an RSA certificate cannot connect.
//!
//! # What it promises
//!
//! - Whoever may hear hears the [`engine::LOUDEST`] loudest others of the room, never themself.
//!   While no more than that many speak, every packet is passed on. Who is pinned
//!   ([`Rights`](parlor_core::media::Rights)) is heard before others who are louder. Silence is
//!   not passed on, but for the first moment of it and three frames that say so.
//! - A slot keeps its speaker while they are heard. Its sequence numbers and timestamps go on
//!   without a seam whoever speaks through it.
//! - Once [`set_rights`](parlor_core::media::MediaBackend::set_rights) has returned, nothing
//!   more of a muted microphone is passed on, whatever its client does; three frames of silence
//!   close the gap. What has come in and not gone out yet is dropped.
//! - A packet that is passed on costs no allocation. Where AES-GCM is negotiated (RFC 7714), which
//!   browsers do, the engine seals it itself, and never uses a nonce twice.
//! - Nothing unauthenticated is answered, and nothing is sent to an address only because an offer
//!   names it: candidates of clients are ignored, their addresses are learnt from their signed
//!   connectivity checks. ICE is full ICE on both sides (RFC 8445).
//! - Everything from outside has a limit: see the constants in [`engine`] and [`driver`], and
//!   [`Config`].
//! - A fault inside one session, even a panic, ends that leg alone. This needs
//!   `panic = "unwind"`.
//!
//! # Layers
//!
//! Each can be used alone: [`engine`] decides and does no I/O; [`driver`] gives it sockets and a
//! clock; [`Str0mBackend`] is what the domain sees. The feature `client` adds a module `client`,
//! the other end of a leg for tests and load harnesses.

// One module of the driver is let off: its system calls.
#![deny(unsafe_code)]

mod backend;
#[cfg(feature = "client")]
pub mod client;
pub mod driver;
pub mod engine;

pub use backend::{BindError, Config, SHARDS_MAX, Str0mBackend};
