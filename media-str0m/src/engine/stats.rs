/// Counters of a shard. `sessions` to `sources` say how many there are at the moment;
/// all others only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Legs.
    pub sessions: u64,
    /// Rooms with at least one leg.
    pub rooms: u64,
    /// Legs that may send a microphone.
    pub speakers: u64,
    /// Legs that only hear.
    pub listeners: u64,
    /// Legs for which the engine seals packets itself.
    pub fast_lanes: u64,
    /// Addresses that clients have proved to be reachable at.
    pub sources: u64,
    /// Datagrams that came in, of any kind.
    pub datagrams_in: u64,
    /// Bytes of those.
    pub bytes_in: u64,
    /// Datagrams handed out to be sent.
    pub datagrams_out: u64,
    /// Bytes of those.
    pub bytes_out: u64,
    /// Authenticated microphone packets that came in.
    pub packets_in: u64,
    /// Copies of microphone packets written to listener slots.
    pub packets_out: u64,
    /// How often the clock has woken a leg.
    pub wakeups: u64,
    /// Legs closed because their session panicked.
    pub panics: u64,
    /// What was not taken or not passed on, by cause.
    pub dropped: Dropped,
}

/// Why something was dropped. Each counts datagrams or packets, never bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Neither STUN, DTLS, RTP nor RTCP (RFC 7983), or STUN that does not parse.
    pub malformed: u64,
    /// From an address no session has validated.
    pub unknown_source: u64,
    /// A STUN request for a username fragment nobody has.
    pub unknown_ufrag: u64,
    /// A STUN request whose message integrity is wrong (RFC 8489 §9.1).
    pub bad_integrity: u64,
    /// A valid STUN request from one address more than a session may have.
    pub too_many_sources: u64,
    /// A valid STUN request from an address another live session is using.
    pub source_taken: u64,
    /// DTLS in plain text that would have ended a handshake, and that anybody could have made.
    pub forged_dtls: u64,
    /// RTP with an unknown SSRC while the known one is heard.
    pub ssrc_guard: u64,
    /// RTP that did not authenticate and would have moved a microphone to another SSRC.
    pub ssrc_repaired: u64,
    /// RTP that did not authenticate or came twice. Forged packets and replays are among it.
    pub unauthenticated: u64,
    /// A microphone packet of someone who may not send.
    pub not_permitted: u64,
    /// A packet on an m-line that is not the microphone.
    pub not_microphone: u64,
    /// A microphone packet of someone who is not among the loudest.
    pub not_loudest: u64,
    /// Silence and discontinuous transmission, beyond the moment it takes to notice.
    pub silence: u64,
    /// RTP of a publisher who sends more than [`PUBLISH_BITS_MAX`](super::PUBLISH_BITS_MAX).
    pub over_rate: u64,
    /// The oldest of too many packets waiting for a room's listeners.
    pub queue_full: u64,
    /// A copy too late for its slot: from before the slot changed its speaker.
    pub too_late: u64,
    /// A copy for a listener who offered fewer slots than there are loudest speakers.
    pub no_slot: u64,
}
