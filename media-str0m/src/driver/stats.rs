use std::time::Duration;

use super::Histogram;
use crate::engine::{Dropped, Stats};

/// Counters of a driver, its sockets and its shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverStats {
    /// The shard's.
    pub engine: Stats,
    /// The sockets'.
    pub sockets: SocketStats,
    /// Events the host was too slow for.
    pub events_dropped: u64,
    /// The CPU time of the thread the driver runs on, brought up to date every 10 ms. It is the
    /// driver's own only if nothing else runs on that thread, as is so for
    /// [`Str0mBackend`](crate::Str0mBackend). Zero where the system does not tell.
    pub cpu: Duration,
    /// How long after it was due the shard was told that time has passed.
    pub lateness: Histogram,
    /// From reading a packet to handing its copies to the sockets; each copy counts.
    pub forwarding: Histogram,
}

/// Counters of [`Sockets`](super::Sockets); all only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketStats {
    /// System calls that received, those among them that found nothing.
    pub receive_calls: u64,
    /// System calls that sent, those among them that failed.
    pub send_calls: u64,
    /// Receives that the kernel had merged out of several datagrams (GRO).
    pub gro_messages: u64,
    /// Messages that the kernel took apart into several datagrams (GSO).
    pub gso_messages: u64,
    /// Datagrams that had to wait until the kernel had room for them.
    pub queued: u64,
    /// Datagrams that were not sent, by cause.
    pub lost: SendLost,
}

/// Why datagrams were not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendLost {
    /// The oldest of those that waited, when more came than may wait.
    pub overflow: u64,
    /// The kernel has something against it: no route, a firewall, no memory, too long.
    pub refused: u64,
    /// They are to leave from an address no socket has.
    pub no_socket: u64,
}

/// Adds up fields that are named once, and all of them: a new one that is forgotten does not
/// compile.
macro_rules! add_fields {
    ($type:ident, $to:expr, $from:expr, { $($field:ident),+ $(,)? } $(and { $apart:ident })?) => {{
        let $type { $($field,)+ $($apart: _)? } = $from;
        $($to.$field += *$field;)+
    }};
}

impl DriverStats {
    /// Adds those of another driver, as if both were one.
    pub fn add(&mut self, other: &Self) {
        let Self { engine, sockets, events_dropped, cpu, lateness, forwarding } = other;
        add_engine(&mut self.engine, engine);
        self.sockets.add(sockets);
        self.events_dropped += events_dropped;
        self.cpu += *cpu;
        self.lateness.merge(lateness);
        self.forwarding.merge(forwarding);
    }
}

impl SocketStats {
    fn add(&mut self, other: &Self) {
        add_fields!(SendLost, self.lost, &other.lost, { overflow, refused, no_socket });
        add_fields!(SocketStats, self, other, {
            receive_calls,
            send_calls,
            gro_messages,
            gso_messages,
            queued,
        } and { lost });
    }
}

impl SendLost {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { overflow, refused, no_socket } = self;
        overflow + refused + no_socket
    }
}

fn add_engine(to: &mut Stats, from: &Stats) {
    let Stats { dropped, .. } = from;
    add_fields!(Dropped, to.dropped, dropped, {
        malformed,
        unknown_source,
        unknown_ufrag,
        bad_integrity,
        forged_dtls,
        too_many_sources,
        source_taken,
        ssrc_guard,
        ssrc_repaired,
        unauthenticated,
        not_permitted,
        not_microphone,
        not_loudest,
        silence,
        over_rate,
        queue_full,
        too_late,
        no_slot,
    });
    add_fields!(Stats, to, from, {
        sessions,
        rooms,
        speakers,
        listeners,
        fast_lanes,
        sources,
        datagrams_in,
        bytes_in,
        datagrams_out,
        bytes_out,
        packets_in,
        packets_out,
        wakeups,
        panics,
    } and { dropped });
}
