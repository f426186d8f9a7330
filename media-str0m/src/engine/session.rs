use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parlor_core::media::{Connect, LegId, Refused, Rights, SdpAnswer, Setup};
use parlor_core::rooms::{ParticipantId, RoomId};
use str0m::change::SdpOffer;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpPacket, RtpWrite, Ssrc};
use str0m::{Event, Input, Output, Rtc, RtcError};

use super::guard::SsrcGuard;
use super::offer::{Offer, unusable};
use super::slot::{Origin, SILENCE, Slot, Stamp};
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
    /// When something authenticated last came in.
    pub(super) heard: Instant,
    /// Addresses that have proved to know our ICE password, and when they last did.
    pub(super) sources: Vec<(SocketAddr, Instant)>,
    pub(super) mic: Option<Mid>,
    pub(super) slots: Vec<Slot>,
    pub(super) guard: SsrcGuard,
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
    channels: u32,
    is_dtls_client: bool,
    asked: Instant,
    path_at: Option<Instant>,
    setup: Option<Setup>,
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("its session has panicked")]
    Panicked,
    #[error("its session cannot go on: {0}")]
    Rtc(RtcError),
    #[error("{0}")]
    Misbehaved(&'static str),
}

/// What came out of a session besides datagrams.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) packets: Vec<RtpPacket>,
    pub(super) closed: bool,
}

/// A microphone packet on its way to the listeners. The payload is shared, never copied.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) origin: Origin,
    pub(super) score: i32,
    pub(super) seq: u64,
    pub(super) time: u32,
    pub(super) level: Option<i8>,
    pub(super) voice: Option<bool>,
    pub(super) payload: Arc<[u8]>,
}

/// What became of a packet at a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forwarded {
    Written,
    TooLate,
    NoSlot,
}

impl Session {
    pub(super) fn new(request: &Connect, rtc: Rtc, now: Instant, config: &ShardConfig) -> Self {
        Self {
            leg: request.leg,
            room: request.room,
            participant: request.participant,
            rights: request.rights,
            phase: Phase::Setup { until: now + config.setup_timeout },
            ups: 0,
            heard: now,
            sources: Vec::new(),
            mic: None,
            slots: Vec::new(),
            guard: SsrcGuard::default(),
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
            channels: 0,
            is_dtls_client: false,
            asked: now,
            path_at: None,
            setup: None,
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
        let sdp = offer.sdp.as_str();
        let taken = self.guarded(|rtc| {
            let offer = SdpOffer::from_sdp_string(sdp)
                .map_err(|error| unusable(format!("it does not parse: {error}")))?;
            rtc.sdp_api().accept_offer(offer).map_err(|error| unusable(error.to_string()))
        });
        let answer = match taken {
            Ok(answer) => answer?,
            Err(_) => return Err(unusable("it does not parse")),
        };
        let drained = self.advance(now).and_then(|()| self.drain(now, batch, &mut Seen::default()));
        drained.map_err(|_| unusable("no session comes of it"))?;
        self.mids.clone_from(&offer.mids);
        let mic = self.mic;
        self.assign_roles();
        if self.mic == mic {
            self.guard.relax();
        } else {
            self.guard = SsrcGuard::default();
        }
        if self.mic.is_none() && self.slots.is_empty() {
            return Err(unusable("it has no audio m-line that sends or receives Opus"));
        }
        let credentials = self.rtc.direct_api().local_ice_credentials();
        self.ufrag = credentials.ufrag;
        self.password = credentials.pass;
        self.peer_password.clone_from(&offer.password);
        self.accepted.clone_from(&offer.sdp);
        let answer = answer.to_sdp_string();
        self.is_dtls_client = answer.lines().any(|line| line == "a=setup:active");
        Ok(SdpAnswer(answer))
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

    /// Whether the peer is the server of the DTLS handshake, as browsers are (RFC 8842 §5.3).
    pub(super) fn is_dtls_client(&self) -> bool {
        self.is_dtls_client
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
                    return Ok(());
                }
                Output::Transmit(transmit) => batch.push(Datagram {
                    source: transmit.source,
                    destination: transmit.destination,
                    bytes: &transmit.contents,
                }),
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

    /// Puts a packet into the slot of its speaker, or into one that is free. `audible` says
    /// whom this listener hears at the moment, and how loud they are.
    pub(super) fn forward(
        &mut self,
        voice: &Voice,
        audible: impl Fn(Key) -> Option<i32>,
        hold: Duration,
        now: Instant,
    ) -> Result<Forwarded, Fault> {
        let speaker = voice.origin.speaker;
        let own = self.slots.iter().position(|slot| slot.speaker() == Some(speaker));
        let free = || {
            let is_free = |slot: &Slot| slot.speaker().is_none_or(|key| audible(key).is_none());
            self.slots.iter().position(is_free)
        };
        // Fewer slots than loudest speakers: the quietest gives way.
        let quieter = || {
            let score = |slot: &Slot| slot.speaker().and_then(&audible).unwrap_or(i32::MIN);
            let settled = |slot: &Slot| {
                slot.since().is_none_or(|since| now.saturating_duration_since(since) >= hold)
            };
            (0..self.slots.len())
                .filter(|at| settled(&self.slots[*at]))
                .filter(|at| score(&self.slots[*at]) < voice.score)
                .min_by_key(|at| score(&self.slots[*at]))
        };
        let Some(at) = own.or_else(free).or_else(quieter) else {
            return Ok(Forwarded::NoSlot);
        };
        let slot = &mut self.slots[at];
        let Some(stamp) = slot.stamp(voice.origin, voice.seq, voice.time, now) else {
            return Ok(Forwarded::TooLate);
        };
        let values = ExtensionValues {
            audio_level: voice.level,
            voice_activity: voice.voice,
            ..ExtensionValues::default()
        };
        self.write(at, stamp, values, voice.payload.clone(), now)?;
        Ok(Forwarded::Written)
    }

    /// Ends a speaker's turn, or everybody's, with silence. Whether there was one.
    pub(super) fn release(&mut self, speaker: Option<Key>, now: Instant) -> Result<bool, Fault> {
        let mut released = false;
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            if speaker.is_some() && slot.speaker() != speaker {
                continue;
            }
            let Some(stamps) = slot.release(now) else { continue };
            let payload: Arc<[u8]> = Arc::from(SILENCE);
            for stamp in stamps {
                self.write(at, stamp, ExtensionValues::default(), payload.clone(), now)?;
            }
            released = true;
        }
        Ok(released)
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

    fn write(
        &mut self,
        at: usize,
        stamp: Stamp,
        values: ExtensionValues,
        payload: Arc<[u8]>,
        now: Instant,
    ) -> Result<(), Fault> {
        let Slot { mid, pt, .. } = self.slots[at];
        self.guarded(|rtc| {
            if let Some(stream) = rtc.direct_api().stream_tx_by_mid(mid, None) {
                let packet = RtpWrite::new(pt, stamp.seq.into(), stamp.time, now, payload);
                stream.write_rtp(packet.marker(stamp.marker).ext_vals(values));
            }
        })
    }

    /// The first m-line the client sends on is its microphone; the first few it receives on are
    /// its slots. Those that stay keep their numbering.
    fn assign_roles(&mut self) {
        self.mic = None;
        let mut slots = Vec::with_capacity(LOUDEST);
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
            if sends && slots.len() < LOUDEST {
                let held = self.slots.iter().position(|slot| slot.mid == *mid && slot.pt == pt);
                slots.push(match held {
                    Some(at) => self.slots.swap_remove(at),
                    None => Slot::new(*mid, pt, self.first_number(slots.len())),
                });
            }
        }
        self.slots = slots;
    }

    /// Where a slot starts to count: the same for the same leg, and different between legs.
    fn first_number(&self, slot: usize) -> u16 {
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
