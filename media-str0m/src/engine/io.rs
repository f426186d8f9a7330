use std::time::Instant;

use parlor_core::media::{Connect, LegId, MediaError, MediaEvent, Rights, SdpAnswer, SdpOffer};

use super::{Batch, Datagram};

/// What a [`Shard`](super::Shard) is told.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// A datagram came in.
    Datagram(Datagram<'a>),
    /// Time has passed.
    Timeout,
    /// The host wants something. Its answer comes out as [`Output::Reply`] with the same ticket.
    Command(Ticket, Command),
}

/// Names a command, so that its reply finds back. The shard gives it no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a host may want; the methods of
/// [`MediaBackend`](parlor_core::media::MediaBackend) as data.
#[derive(Clone, Debug)]
pub enum Command {
    /// Start a leg; the leg its participant has is replaced once the offer is taken. Answered by
    /// [`Reply::Answer`].
    Connect(Connect),
    /// Take a new offer on a leg that stands. Answered by [`Reply::Answer`].
    Renegotiate {
        /// The leg.
        leg: LegId,
        /// The new offer.
        offer: SdpOffer,
    },
    /// Set what a leg may do, from the next datagram on.
    SetRights {
        /// The leg.
        leg: LegId,
        /// What it may do.
        rights: Rights,
    },
    /// End a leg.
    Disconnect {
        /// The leg.
        leg: LegId,
    },
    /// End every leg and take no new ones.
    Shutdown,
    /// Makes a leg's session panic when it is next touched, to prove that only it falls.
    #[doc(hidden)]
    Poison {
        /// The leg.
        leg: LegId,
    },
    /// Makes a leg panic when it is next sent a packet, to prove that only it falls.
    #[doc(hidden)]
    PoisonLane {
        /// The leg.
        leg: LegId,
    },
}

/// How a command went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The offer is taken; this is what to give to the client.
    Answer(SdpAnswer),
    /// It is done.
    Done,
    /// It is not done.
    Failed(MediaError),
}

/// What a [`Shard`](super::Shard) wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send these.
    Batch(Batch),
    /// A command has been answered.
    Reply(Ticket, Reply),
    /// Tell the host.
    Event(MediaEvent),
    /// There is nothing more to do until then, or until something comes in.
    Timeout(Option<Instant>),
}
