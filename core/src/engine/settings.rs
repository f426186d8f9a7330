use std::time::Duration;

/// Time-outs and limits that a host may change. The defaults are those of the domain's table of
/// timers and limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A participant who joined must have a transport up within this time. Default 15 s.
    pub connect_timeout: Duration,
    /// A participant who lost their transport keeps their place this long. Default 20 s.
    pub reconnect_grace: Duration,
    /// A room that nobody ever entered closes after this time. Default 300 s.
    pub empty_timeout: Duration,
    /// A room that the last participant left closes after this time. Default 20 s.
    pub departure_timeout: Duration,
    /// An invitation to speak lapses after this time. Default 60 s.
    pub speak_invite_ttl: Duration,
    /// A guest's token is good for this time. Default 30 days.
    pub guest_session_ttl: Duration,
    /// An outcome is kept for retries this long. Default 24 h.
    pub idempotency_ttl: Duration,
    /// A room's card in the lobby is refreshed at most this often. Default 1 s.
    pub listing_interval: Duration,
    /// A node that is silent this long loses its rooms to others. Default 10 s.
    pub lease: Duration,
    /// The samples of a leg are kept this long after its end. Default 30 days.
    pub sample_retention: Duration,
    /// A transaction that was refused for how things stood is refused again under its id this long.
    /// Default 7 days.
    pub rejection_ttl: Duration,
    /// A room's capacity unless its creator says otherwise. Default 1,000.
    pub max_participants: u32,
    /// Speakers on a moderated stage, hosts included. Default 50.
    pub max_speakers: u32,
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            connect_timeout: Duration::from_secs(15),
            reconnect_grace: Duration::from_secs(20),
            empty_timeout: Duration::from_secs(300),
            departure_timeout: Duration::from_secs(20),
            speak_invite_ttl: Duration::from_secs(60),
            guest_session_ttl: DAY * 30,
            idempotency_ttl: DAY,
            listing_interval: Duration::from_secs(1),
            lease: Duration::from_secs(10),
            sample_retention: DAY * 30,
            rejection_ttl: DAY * 7,
            max_participants: 1_000,
            max_speakers: 50,
        }
    }
}
