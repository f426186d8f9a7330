use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_core::media::{Connect, LegId, Refused, Rights, SdpAnswer, Setup};
use parlor_core::rooms::{ParticipantId, RoomId};
use str0m::change::SdpOffer;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive, Transmit};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{Extension, ExtensionValues, RawPacket, RtpPacket, RtpWrite, Ssrc};
use str0m::{Event, Input, Output, Rtc, RtcError};

use super::dtls::DtlsGuard;
use super::gate::Gate;
use super::guard::SsrcGuard;
use super::keys::KeyTap;
use super::listener::{LaneStream, Route};
use super::meter::Meter;
use super::offer::{Offer, unusable};
use super::rate::Rate;
use super::slot::Stamp;
use super::stage::{LOUDEST, Loudness};
use super::{Batch, Datagram, ShardConfig};

/// How many data channels a client may open before its leg is closed; str0m has no limit.
const CHANNELS_MAX: u32 = 16;

/// More outputs than this from one poll are a fault of the session, not traffic.
const OUTPUTS_MAX: usize = 10_000;

/// A place in the table of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(pub(super) usize);

/// Where a leg is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// ICE and DTLS have yet to come up.
    Setup { until: Instant },
    /// Packets flow.
    Up,
    /// Nothing has come for a while.
    Lost { until: Instant },
}

/// One leg: str0m's peer connection and what the engine keeps beside it.
///
/// Every call into str0m goes through [`Session::guarded`], so that a panic in there is a
/// [`Fault`] of this leg and of no other.
pub(super) struct Session {
    pub(super) leg: LegId,
    pub(super) room: RoomId,
    pub(super) participant: ParticipantId,
    pub(super) rights: Rights,
    pub(super) phase: Phase,
    /// How often it has come up.
    pub(super) ups: u32,
    /// When a signed STUN message or an authenticated RTP packet last came in.
    pub(super) heard: Instant,
    /// Addresses that have proved to know our ICE password, and when they last did.
    pub(super) sources: Vec<(SocketAddr, Instant)>,
    /// Where its listener is in the room.
    pub(super) place: usize,
    pub(super) mic: Option<Mid>,
    /// The m-lines it hears through, and what it takes there.
    pub(super) outgoing: Vec<(Mid, Pt)>,
    /// The streams of those that the engine seals itself; str0m has none of them.
    pub(super) taken: Vec<(Mid, Ssrc)>,
    /// Where str0m sends what is not ICE.
    pub(super) route: Option<Route>,
    pub(super) tap: KeyTap,
    pub(super) guard: SsrcGuard,
    pub(super) gate: Gate,
    /// A voice of its has been cued, and its end not yet.
    pub(super) has_spoken: bool,
    pub(super) rate: Rate,
    pub(super) meter: Meter,
    /// Bytes of Opus that str0m has been given to write.
    pub(super) bytes_written: u64,
    /// When it was first up, and whether its first sound has been told of.
    pub(super) up_at: Option<Instant>,
    pub(super) is_media_told: bool,
    pub(super) loudness: Loudness,
    /// When it is to be woken.
    pub(super) scheduled: Option<Instant>,
    /// Whether it waits to be flushed.
    pub(super) dirty: bool,
    pub(super) renegotiations: Renegotiations,
    pub(super) poisoned: bool,
    pub(super) ufrag: String,
    password: String,
    peer_password: String,
    rtc: Rtc,
    rtc_wants: Instant,
    accepted: String,
    mids: Vec<Mid>,
    cnames: Vec<(u32, Box<str>)>,
    channels: u32,
    pub(super) dtls: DtlsGuard,
    asked: Instant,
    path_at: Option<Instant>,
    setup: Option<Setup>,
    is_probing: bool,
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("its session has panicked")]
    Panicked,
    #[error("its session cannot go on: {0}")]
    Rtc(RtcError),
    #[error("its packets cannot be sealed any more")]
    Unsealed,
    #[error("{0}")]
    Misbehaved(&'static str),
}

/// What came out of a session besides datagrams.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) packets: Vec<RtpPacket>,
    /// Streams the client has reported on.
    pub(super) reported: Vec<u32>,
    pub(super) closed: bool,
}

impl Session {
    pub(super) fn new(
        request: &Connect,
        (rtc, tap): (Rtc, KeyTap),
        now: Instant,
        config: &ShardConfig,
    ) -> Self {
        Self {
            leg: request.leg,
            room: request.room,
            participant: request.participant,
            rights: request.rights,
            phase: Phase::Setup { until: now + config.setup_timeout },
            ups: 0,
            heard: now,
            sources: Vec::new(),
            place: usize::MAX,
            mic: None,
            outgoing: Vec::new(),
            taken: Vec::new(),
            route: None,
            tap,
            guard: SsrcGuard::default(),
            gate: Gate::default(),
            has_spoken: false,
            rate: Rate::new(now),
            meter: Meter::new(now),
            bytes_written: 0,
            up_at: None,
            is_media_told: false,
            loudness: Loudness::default(),
            scheduled: None,
            dirty: false,
            renegotiations: Renegotiations::default(),
            poisoned: false,
            ufrag: String::new(),
            password: String::new(),
            peer_password: String::new(),
            rtc,
            rtc_wants: now,
            accepted: String::new(),
            mids: Vec::new(),
            cnames: Vec::new(),
            channels: 0,
            dtls: DtlsGuard::default(),
            asked: now,
            path_at: None,
            setup: None,
            is_probing: false,
        }
    }

    /// Takes an offer. On a leg that stands it must have been tried on another session first:
    /// str0m changes its state before it has found all faults.
    pub(super) fn accept(
        &mut self,
        offer: &Offer,
        now: Instant,
        batch: &mut Batch,
    ) -> Result<SdpAnswer, Refused> {
        let mic = self.mic;
        self.mids.clone_from(&offer.mids);
        let sdp = offer.sdp.as_str();
        let streams = self.taken.clone();
        let taken = self.guarded(|rtc| {
            // For as long as it makes its answer, str0m has to know of the streams.
            let mut api = rtc.direct_api();
            for (mid, ssrc) in &streams {
                api.declare_stream_tx(*ssrc, None, *mid, None);
            }
            let offer = SdpOffer::from_sdp_string(sdp)
                .map_err(|error| unusable(format!("it does not parse: {error}")))?;
            rtc.sdp_api().accept_offer(offer).map_err(|error| unusable(error.to_string()))
        });
        let answer = match taken {
            Ok(answer) => answer?,
            Err(_) => return Err(unusable("it does not parse")),
        };
        self.assign_roles();
        let settled = self
            .end_streams(&streams)
            .and_then(|()| if streams.is_empty() { Ok(()) } else { self.take_streams() })
            .and_then(|()| self.advance(now))
            .and_then(|()| self.drain(now, batch, &mut Seen::default()));
        settled.map_err(|_| unusable("no session comes of it"))?;
        if self.mic == mic {
            self.guard.relax();
        } else {
            self.guard = SsrcGuard::default();
        }
        if self.mic.is_none() && self.outgoing.is_empty() {
            return Err(unusable("it has no audio m-line that sends or receives Opus"));
        }
        let credentials = self.rtc.direct_api().local_ice_credentials();
        self.ufrag = credentials.ufrag;
        self.password = credentials.pass;
        self.peer_password.clone_from(&offer.password);
        self.accepted.clone_from(&offer.sdp);
        let answer = answer.to_sdp_string();
        self.cnames = cnames(&answer);
        self.dtls.answered(&answer);
        Ok(SdpAnswer(answer))
    }

    /// Ends the streams of m-lines that are no slots, or no longer: should one become a slot again,
    /// it begins with another SSRC, for its numbers begin anew (RFC 7714 §8.3).
    fn end_streams(&mut self, taken: &[(Mid, Ssrc)]) -> Result<(), Fault> {
        let known = self.mids.iter().chain(taken.iter().map(|(mid, _)| mid));
        let is_slot = |mid: &Mid| self.outgoing.iter().any(|(slot, _)| slot == mid);
        let unused: Vec<_> = known.copied().filter(|mid| !is_slot(mid)).collect();
        self.guarded(|rtc| {
            let mut api = rtc.direct_api();
            for mid in unused {
                while let Some(stream) = api.stream_tx_by_mid(mid, None) {
                    let ssrc = stream.ssrc();
                    api.remove_stream_tx(ssrc);
                }
            }
        })
    }

    /// Takes the streams of the slots away from str0m: whatever is sent on them from now on, the
    /// engine seals.
    pub(super) fn take_streams(&mut self) -> Result<(), Fault> {
        let outgoing = self.outgoing.clone();
        let taken = self.guarded(|rtc| {
            let mut api = rtc.direct_api();
            let take = |(mid, _): &(Mid, Pt)| {
                let ssrc = api.stream_tx_by_mid(*mid, None)?.ssrc();
                api.remove_stream_tx(ssrc);
                Some((*mid, ssrc))
            };
            outgoing.iter().map(take).collect::<Option<_>>()
        })?;
        self.taken = taken.ok_or(Fault::Misbehaved("a slot of its has no stream"))?;
        Ok(())
    }

    /// What the lane has to know of the streams it has taken, slot by slot.
    pub(super) fn lane_streams(&self) -> Vec<LaneStream> {
        let stream = |(mid, ssrc): &(Mid, Ssrc)| {
            let id = |extension| {
                let media = self.rtc.media(*mid)?;
                media.remote_extmap().id_of(extension)
            };
            let id = |extension| id(extension).filter(|id| (1..15).contains(id)).unwrap_or(0);
            let named = self.cnames.iter().find(|(named, _)| *named == **ssrc);
            let cname = named.map_or("", |(_, cname)| cname.as_ref());
            let ids = (id(Extension::AudioLevel), id(Extension::RtpMid));
            LaneStream::new(**ssrc, *mid, ids, cname)
        };
        self.taken.iter().map(stream).collect()
    }

    /// Has str0m send a packet that says nothing, to see where to: it tells its choice of a path
    /// by nothing else.
    pub(super) fn probe(&mut self) -> Result<(), Fault> {
        self.is_probing = true;
        self.guarded(|rtc| {
            let nobody = Ssrc::from(1);
            rtc.direct_api().send_pli_feedback(nobody, nobody);
        })
    }

    /// It speaks no more, for now. Whether a voice of its has been cued.
    pub(super) fn falls_silent(&mut self) -> bool {
        self.gate.close();
        std::mem::take(&mut self.has_spoken)
    }

    /// The offer it stands on.
    pub(super) fn accepted(&self) -> Offer {
        Offer {
            sdp: self.accepted.clone(),
            password: self.peer_password.clone(),
            mids: self.mids.clone(),
        }
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    pub(super) fn peer_password(&self) -> &str {
        &self.peer_password
    }

    /// Whether ICE, DTLS and SRTP are up.
    pub(super) fn is_connected(&self) -> bool {
        self.rtc.is_connected()
    }

    /// How long it took to come up for the first time, now that it is up.
    pub(super) fn setup(&mut self, now: Instant) -> Setup {
        let (asked, path_at) = (self.asked, self.path_at.unwrap_or(now));
        *self.setup.get_or_insert_with(|| Setup {
            ice: path_at.saturating_duration_since(asked),
            dtls: now.saturating_duration_since(path_at),
        })
    }

    pub(super) fn receive(&mut self, datagram: Datagram<'_>, now: Instant) -> Result<(), Fault> {
        self.guarded(|rtc| {
            let Datagram { source, destination, bytes } = datagram;
            // What does not parse is dropped, as any datagram may be.
            match Receive::new(Protocol::Udp, source, destination, bytes) {
                Ok(receive) => rtc.handle_input(Input::Receive(now, receive)),
                Err(_) => Ok(()),
            }
        })?
        .map_err(Fault::Rtc)
    }

    pub(super) fn advance(&mut self, now: Instant) -> Result<(), Fault> {
        self.guarded(|rtc| rtc.handle_input(Input::Timeout(now)))?.map_err(Fault::Rtc)
    }

    /// Takes out all that str0m has, as it demands after every input.
    pub(super) fn drain(
        &mut self,
        now: Instant,
        batch: &mut Batch,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        for _ in 0..OUTPUTS_MAX {
            match self.guarded(Rtc::poll_output)?.map_err(Fault::Rtc)? {
                Output::Timeout(at) => {
                    self.rtc_wants = at;
                    self.is_probing = false;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    let Transmit { source, destination, contents, .. } = transmit;
                    if !is_stun(&contents) {
                        self.route = Some(Route { source, destination });
                    }
                    if !(self.is_probing && is_feedback(&contents)) {
                        batch.push(Datagram { source, destination, bytes: &contents });
                    }
                }
                Output::Event(Event::RtpPacket(packet)) => seen.packets.push(packet),
                Output::Event(Event::Closed) => seen.closed = true,
                Output::Event(Event::IceConnectionStateChange(state))
                    if !state.is_disconnected() =>
                {
                    self.path_at = self.path_at.or(Some(now));
                }
                Output::Event(Event::ChannelOpen(..)) => {
                    self.channels += 1;
                    if self.channels > CHANNELS_MAX {
                        return Err(Fault::Misbehaved("it opened too many data channels"));
                    }
                }
                Output::Event(Event::RawPacket(packet)) => {
                    if let RawPacket::RtcpRx(rtcp) = *packet {
                        self.reported(&rtcp, seen);
                    }
                }
                Output::Event(Event::PeerStats(stats)) => {
                    let pair = stats.selected_candidate_pair;
                    if let Some(rtt) = pair.and_then(|pair| pair.current_round_trip_time) {
                        self.meter.round_trip(rtt);
                    }
                }
                Output::Event(_) => {}
            }
        }
        Err(Fault::Misbehaved("it never comes to rest"))
    }

    /// When to wake it next.
    pub(super) fn deadline(&self, config: &ShardConfig) -> Instant {
        let own = match self.phase {
            Phase::Setup { until } | Phase::Lost { until } => until,
            Phase::Up => self.heard + config.silence_timeout,
        };
        own.min(self.rtc_wants)
    }

    /// Whether str0m has asked to be woken by now.
    pub(super) fn rtc_is_due(&self, now: Instant) -> bool {
        self.rtc_wants <= now
    }

    /// Whether an authenticated packet comes from the microphone.
    pub(super) fn is_microphone(&mut self, ssrc: Ssrc) -> bool {
        // The first packet of an SSRC is looked up; asking str0m costs it a full turn.
        self.guard.knows(*ssrc) || (self.mic.is_some() && self.mid_of(ssrc) == self.mic)
    }

    fn mid_of(&mut self, ssrc: Ssrc) -> Option<Mid> {
        self.guarded(|rtc| rtc.direct_api().stream_rx(&ssrc).map(|stream| stream.mid()))
            .unwrap_or_default()
    }

    /// Undoes what an unauthenticated packet with a new SSRC did to the table of streams.
    pub(super) fn forget_ssrc(&mut self, forged: u32) -> Result<(), Fault> {
        let (mic, known) = (self.mic, self.guard.latest());
        self.guarded(|rtc| {
            let mut api = rtc.direct_api();
            api.remove_stream_rx(forged.into());
            if let (Some(mid), Some(known)) = (mic, known) {
                api.expect_stream_rx(known.into(), None, mid, None);
            }
        })
    }

    /// Takes note of what the client says of the streams it hears.
    fn reported(&mut self, rtcp: &Rtcp, seen: &mut Seen) {
        let reports = match rtcp {
            Rtcp::ReceiverReport(report) => &report.reports,
            Rtcp::SenderReport(report) => &report.reports,
            _ => return,
        };
        for report in reports.iter() {
            self.meter.reported(report.fraction_lost, report.jitter);
            if seen.reported.len() < LOUDEST {
                seen.reported.push(*report.ssrc);
            }
        }
    }

    /// Says goodbye, as far as that can be said at once: RTCP BYE and DTLS close_notify. Nobody
    /// waits for an answer; a client that misses it finds out by its own consent checks.
    pub(super) fn close(mut self, now: Instant, batch: &mut Batch) {
        let said = self
            .guarded(Rtc::close)
            .and_then(|closed| closed.map_err(Fault::Rtc))
            .and_then(|()| self.advance(now))
            .and_then(|()| self.drain(now, batch, &mut Seen::default()));
        if let Err(fault) = said {
            tracing::debug!(leg = %self.leg, %fault, "a leg ends without a goodbye");
        }
        self.discard();
    }

    /// Drops it. What a panic has left behind may panic again.
    pub(super) fn discard(self) {
        let _ = catch_unwind(AssertUnwindSafe(move || drop(self)));
    }

    /// Has str0m write a packet, where there is no lane.
    pub(super) fn write(
        &mut self,
        (mid, pt): (Mid, Pt),
        stamp: Stamp,
        (audio_level, voice_activity): (Option<i8>, Option<bool>),
        payload: Arc<[u8]>,
        now: Instant,
    ) -> Result<(), Fault> {
        self.bytes_written += payload.len() as u64;
        let values = ExtensionValues { audio_level, voice_activity, ..ExtensionValues::default() };
        self.guarded(|rtc| {
            if let Some(stream) = rtc.direct_api().stream_tx_by_mid(mid, None) {
                let packet = RtpWrite::new(pt, stamp.seq.into(), stamp.time, now, payload);
                stream.write_rtp(packet.marker(stamp.marker).ext_vals(values));
            }
        })
    }

    /// The first m-line the client sends on is its microphone; the first few it receives on are
    /// its slots.
    fn assign_roles(&mut self) {
        self.mic = None;
        self.outgoing.clear();
        for mid in &self.mids {
            let Some(media) = self.rtc.media(*mid) else { continue };
            let pt = media.remote_pts().first().copied();
            let Some(pt) = pt.filter(|_| media.kind() == MediaKind::Audio && !media.disabled())
            else {
                continue;
            };
            let (sends, receives) = match media.direction() {
                Direction::SendRecv => (true, true),
                Direction::SendOnly => (true, false),
                Direction::RecvOnly => (false, true),
                Direction::Inactive => (false, false),
            };
            if receives && self.mic.is_none() {
                self.mic = Some(*mid);
            }
            let is_new = self.outgoing.iter().all(|(slot, _)| slot != mid);
            if sends && is_new && self.outgoing.len() < LOUDEST {
                self.outgoing.push((*mid, pt));
            }
        }
    }

    /// Where a slot starts to count: the same for the same leg, and different between legs.
    pub(super) fn first_number(&self, slot: usize) -> u16 {
        let bytes = self.leg.0.as_bytes();
        u16::from_be_bytes([bytes[14], bytes[15]]) >> 1 | u16::try_from(slot).unwrap_or(0)
    }

    fn guarded<T>(&mut self, call: impl FnOnce(&mut Rtc) -> T) -> Result<T, Fault> {
        let (rtc, poisoned) = (&mut self.rtc, self.poisoned);
        // The session is dropped after a panic, so nobody sees what it left half done.
        catch_unwind(AssertUnwindSafe(move || {
            assert!(!poisoned, "a test has asked for this");
            call(rtc)
        }))
        .map_err(|_| Fault::Panicked)
    }
}

/// New offers on a leg that stands: at most five in ten seconds, because each costs parsing.
#[derive(Debug, Default)]
pub(super) struct Renegotiations {
    since: Option<Instant>,
    count: u32,
}

impl Renegotiations {
    const COUNT_MAX: u32 = 5;
    const WINDOW: Duration = Duration::from_secs(10);

    pub(super) fn admit(&mut self, now: Instant) -> bool {
        let fresh = |since: &Instant| now.saturating_duration_since(*since) < Self::WINDOW;
        if self.since.filter(fresh).is_none() {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
        self.count <= Self::COUNT_MAX
    }
}

/// RFC 7983 §7.
fn is_stun(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first <= 3)
}

/// RTCP that begins with payload-specific feedback (RFC 4585 §6.3). What a report behind it says, the
/// next one says again.
fn is_feedback(bytes: &[u8]) -> bool {
    matches!(bytes, [128..=191, 206, ..])
}

/// The canonical names of the streams of an answer (RFC 5576 §6.1).
fn cnames(answer: &str) -> Vec<(u32, Box<str>)> {
    let named = |line: &str| {
        let (ssrc, cname) = line.strip_prefix("a=ssrc:")?.split_once(" cname:")?;
        Some((ssrc.parse().ok()?, Box::from(cname.trim_end())))
    };
    answer.lines().filter_map(named).take(LOUDEST + 1).collect()
}
