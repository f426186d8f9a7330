use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrayvec::ArrayVec;
use str0m::media::{Mid, Pt};

use super::batch::Batch;
use super::report::{Compound, SenderReport};
use super::session::Key;
use super::slot::{Origin, Slot, Stamp};
use super::srtp::{Sealer, Unsealed};
use super::stage::{LOUDEST, Stage};

/// How long a speaker keeps a slot that a louder one would like, where slots are scarce.
const SLOT_HOLD: Duration = Duration::from_millis(500);

/// How often a stream's clock is told (RFC 3550 §6.2 recommends at least every 5 s).
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The fixed header (RFC 3550 §5.1), and an extension with a level and a MID of up to 16 octets
/// (RFC 8285 §4.2).
const HEADER_MAX: usize = 12 + 4 + 2 + 1 + MID_MAX + 3;
const MID_MAX: usize = 16;

const VERSION: u8 = 2 << 6;
const HAS_EXTENSION: u8 = 1 << 4;
const MARKER: u8 = 1 << 7;
const ONE_BYTE_EXTENSIONS: [u8; 2] = [0xBE, 0xDE];

/// What the fan-out touches of a leg for every packet, kept close together: a room visits its
/// listeners in the order they lie in memory.
pub(super) struct Listener {
    pub(super) key: Key,
    /// It may hear, and its leg is up.
    pub(super) is_open: bool,
    pub(super) slots: ArrayVec<Slot, LOUDEST>,
    /// If it is `None`, str0m writes.
    pub(super) lane: Option<Lane>,
    /// Bytes of RTP that have left on the lane.
    pub(super) bytes_out: u64,
    pub(super) is_poisoned: bool,
    /// It has been sent somebody's voice.
    pub(super) is_started: bool,
}

/// The fast lane of a leg: what it takes to send without str0m.
pub(super) struct Lane {
    pub(super) route: Route,
    pub(super) streams: ArrayVec<LaneStream, LOUDEST>,
    sealer: Sealer,
    report_at: Instant,
}

/// Where a leg's packets go, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
}

/// What str0m would know of a slot's stream.
#[derive(Clone, Debug)]
pub(super) struct LaneStream {
    pub(super) ssrc: u32,
    /// The numbers of the header extensions (RFC 8285), 0 for none.
    pub(super) level_id: u8,
    pub(super) mid_id: u8,
    /// The client has reported on the stream, so it knows which m-line it belongs to and need not
    /// be told again.
    pub(super) is_bound: bool,
    pub(super) cname: Box<str>,
    mid: ArrayVec<u8, MID_MAX>,
    packets: u32,
    octets: u32,
}

/// What a room has for its listeners, in order.
#[derive(Debug)]
pub(super) enum Cue {
    Voice(Voice),
    /// A speaker's turn is over, and is to end in silence.
    End(Key),
}

/// A microphone packet on its way to the listeners. The payload is shared, never copied.
#[derive(Debug)]
pub(super) struct Voice {
    pub(super) origin: Origin,
    /// Only those who are on the stage themselves hear it, since they do not hear themselves.
    pub(super) is_reserve: bool,
    pub(super) rank: Rank,
    pub(super) seq: u64,
    pub(super) time: u32,
    pub(super) level: Option<i8>,
    pub(super) voice: Option<bool>,
    pub(super) payload: Arc<[u8]>,
    /// When it came in.
    pub(super) arrived: Instant,
    /// How many copies are in the batch.
    pub(super) copies: u32,
}

/// Who goes before whom: pins first, then the louder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) is_pinned: bool,
    /// Smoothed loudness, in 1/256 dB above silence.
    pub(super) score: i32,
}

/// A packet that str0m has to write.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) key: Key,
    pub(super) mid: Mid,
    pub(super) pt: Pt,
    pub(super) stamp: Stamp,
    pub(super) level: Option<i8>,
    pub(super) voice: Option<bool>,
    pub(super) payload: Arc<[u8]>,
}

/// Where a listener's packets go, and what is counted of them.
pub(super) struct Outlet<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) writes: &'a mut Vec<Write>,
    pub(super) silence: &'a Arc<[u8]>,
    /// The wall clock of this moment, as an NTP timestamp.
    pub(super) ntp: u64,
    pub(super) now: Instant,
    pub(super) packets_out: u64,
    /// Who has been sent a voice for the first time.
    pub(super) started: &'a mut Vec<Key>,
    pub(super) too_late: u64,
    pub(super) no_slot: u64,
}

impl<'a> Outlet<'a> {
    /// `now`, and the wall clock of that moment.
    pub(super) fn new(
        batch: &'a mut Batch,
        writes: &'a mut Vec<Write>,
        silence: &'a Arc<[u8]>,
        started: &'a mut Vec<Key>,
        (now, ntp): (Instant, u64),
    ) -> Self {
        Self { batch, writes, silence, started, ntp, now, packets_out: 0, too_late: 0, no_slot: 0 }
    }
}

impl Listener {
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            is_open: false,
            slots: ArrayVec::new(),
            lane: None,
            bytes_out: 0,
            is_poisoned: false,
            is_started: false,
        }
    }

    /// Gives it all that is due: one visit for however many packets.
    pub(super) fn serve(
        &mut self,
        cues: &mut [Cue],
        stage: &Stage,
        out: &mut Outlet<'_>,
    ) -> Result<(), Unsealed> {
        assert!(!self.is_poisoned, "a test has asked for this");
        for cue in cues {
            match cue {
                Cue::Voice(voice) => self.hear(voice, stage, out)?,
                Cue::End(speaker) => self.release(Some(*speaker), out)?,
            }
        }
        self.report(out)
    }

    /// Ends a speaker's turn, or everybody's, with silence.
    pub(super) fn release(
        &mut self,
        speaker: Option<Key>,
        out: &mut Outlet<'_>,
    ) -> Result<(), Unsealed> {
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            if speaker.is_some() && slot.speaker() != speaker {
                continue;
            }
            let Some(stamps) = slot.release(out.now) else { continue };
            for stamp in stamps {
                let silence = out.silence.clone();
                self.send(at, stamp, (None, None), &silence, out)?;
            }
        }
        Ok(())
    }

    /// Forgets who spoke through its slots: it cannot be told any more.
    pub(super) fn reset(&mut self, now: Instant) {
        for slot in &mut self.slots {
            slot.release(now);
        }
    }

    fn hear(
        &mut self,
        voice: &mut Voice,
        stage: &Stage,
        out: &mut Outlet<'_>,
    ) -> Result<(), Unsealed> {
        let speaker = voice.origin.speaker;
        if speaker == self.key || (voice.is_reserve && !stage.is_heard_by_all(self.key)) {
            return Ok(());
        }
        let Some(at) = self.slot_for(speaker, voice.rank, stage, out.now) else {
            out.no_slot += 1;
            return Ok(());
        };
        let stamp = self.slots[at].stamp(voice.origin, voice.seq, voice.time, out.now);
        let Some(stamp) = stamp else {
            out.too_late += 1;
            return Ok(());
        };
        out.packets_out += 1;
        if !std::mem::replace(&mut self.is_started, true) {
            out.started.push(self.key);
        }
        if self.lane.is_some() {
            voice.copies += 1;
        }
        let payload = &voice.payload;
        self.send(at, stamp, (voice.level, voice.voice), payload, out)
    }

    /// The slot the speaker has, or one that is free, or that of someone who goes after them.
    fn slot_for(&self, speaker: Key, rank: Rank, stage: &Stage, now: Instant) -> Option<usize> {
        let slots = &self.slots;
        if let Some(own) = slots.iter().position(|slot| slot.speaker() == Some(speaker)) {
            return Some(own);
        }
        let is_on_stage = stage.is_heard_by_all(self.key);
        let audible = |slot: &Slot| slot.speaker().and_then(|key| stage.rank(key, is_on_stage));
        if let Some(free) = slots.iter().position(|slot| audible(slot).is_none()) {
            return Some(free);
        }
        let is_settled = |slot: &Slot| {
            slot.since().is_none_or(|since| now.saturating_duration_since(since) >= SLOT_HOLD)
        };
        (0..slots.len())
            .filter(|at| is_settled(&slots[*at]) && audible(&slots[*at]) < Some(rank))
            .min_by_key(|at| audible(&slots[*at]))
    }

    fn send(
        &mut self,
        at: usize,
        stamp: Stamp,
        (level, voice): (Option<i8>, Option<bool>),
        payload: &Arc<[u8]>,
        out: &mut Outlet<'_>,
    ) -> Result<(), Unsealed> {
        let slot = &self.slots[at];
        let (mid, pt) = (slot.mid, slot.pt);
        let lane = self.lane.as_mut();
        let Some((lane, at)) = lane.filter(|lane| at < lane.streams.len()).map(|lane| (lane, at))
        else {
            let payload = payload.clone();
            out.writes.push(Write { key: self.key, mid, pt, stamp, level, voice, payload });
            return Ok(());
        };
        let Lane { route, streams, sealer, .. } = lane;
        let stream = &mut streams[at];
        let header = Header::of(stream, pt, stamp, level, voice);
        stream.packets = stream.packets.wrapping_add(1);
        stream.octets = stream.octets.wrapping_add(payload.len() as u32);
        let ssrc = stream.ssrc;
        let len = out.batch.write(*route, |arena| {
            sealer.seal_rtp(header.bytes(), payload, ssrc, stamp.seq, arena)
        })?;
        self.bytes_out += len as u64;
        Ok(())
    }

    /// Tells the client the clocks of its streams, on the way of what is sent anyway.
    fn report(&mut self, out: &mut Outlet<'_>) -> Result<(), Unsealed> {
        let Some(lane) = self.lane.as_mut().filter(|lane| lane.report_at <= out.now) else {
            return Ok(());
        };
        lane.report_at = out.now + REPORT_INTERVAL;
        let Lane { route, streams, sealer, .. } = lane;
        for (slot, stream) in self.slots.iter().zip(streams) {
            let Some(time) = slot.clock(out.now) else { continue };
            let LaneStream { ssrc, packets, octets, ref cname, .. } = *stream;
            let report = SenderReport { ssrc, ntp: out.ntp, time, packets, octets, cname };
            let compound = Compound::of(&report);
            out.batch.write(*route, |arena| sealer.seal_rtcp(compound.bytes(), ssrc, arena))?;
        }
        Ok(())
    }
}

impl Lane {
    /// The first report comes a second after the start, and those of many listeners are spread.
    pub(super) fn new(sealer: Sealer, route: Route, key: Key, now: Instant) -> Self {
        let spread = Duration::from_millis((key.0 as u64 % 64) * 50);
        let report_at = now + Duration::from_secs(1) + spread;
        Self { route, streams: ArrayVec::new(), sealer, report_at }
    }
}

impl LaneStream {
    pub(super) fn new(ssrc: u32, mid: Mid, (level_id, mid_id): (u8, u8), cname: &str) -> Self {
        let cname = cname.into();
        // One that does not fit is not sent.
        let mid = mid.as_bytes().try_into().unwrap_or_default();
        Self { ssrc, level_id, mid_id, is_bound: false, cname, mid, packets: 0, octets: 0 }
    }
}

impl LaneStream {
    /// The counters of a report are of the stream's whole life.
    pub(super) fn goes_on_from(&mut self, before: &Self) {
        (self.packets, self.octets) = (before.packets, before.octets);
        self.is_bound = before.is_bound;
    }
}

/// The header of an RTP packet.
struct Header {
    bytes: [u8; HEADER_MAX],
    len: usize,
}

impl Header {
    fn of(
        stream: &LaneStream,
        pt: Pt,
        stamp: Stamp,
        level: Option<i8>,
        voice: Option<bool>,
    ) -> Self {
        let mut bytes = [0; HEADER_MAX];
        bytes[0] = VERSION;
        bytes[1] = *pt | if stamp.marker { MARKER } else { 0 };
        bytes[2..4].copy_from_slice(&(stamp.seq as u16).to_be_bytes());
        bytes[4..8].copy_from_slice(&stamp.time.to_be_bytes());
        bytes[8..12].copy_from_slice(&stream.ssrc.to_be_bytes());
        let mut end = 16;
        if let Some(level) = level.filter(|_| stream.level_id != 0) {
            // RFC 6464 §3: whether there is voice, and how far below full scale it is.
            let voice = if voice == Some(true) { 1 << 7 } else { 0 };
            bytes[end] = stream.level_id << 4;
            bytes[end + 1] = voice | level.unsigned_abs().min(127);
            end += 2;
        }
        let mid = &stream.mid;
        if !stream.is_bound && stream.mid_id != 0 && !mid.is_empty() {
            bytes[end] = stream.mid_id << 4 | (mid.len() - 1) as u8;
            bytes[end + 1..end + 1 + mid.len()].copy_from_slice(mid);
            end += 1 + mid.len();
        }
        if end == 16 {
            return Self { bytes, len: 12 };
        }
        let end = (end + 3) & !3;
        bytes[0] |= HAS_EXTENSION;
        bytes[12..14].copy_from_slice(&ONE_BYTE_EXTENSIONS);
        bytes[15] = ((end - 16) / 4) as u8;
        Self { bytes, len: end }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_laid_out_as_the_standards_say() {
        let mut stream = LaneStream::new(0x0A0B_0C0D, Mid::from("ab"), (1, 4), "");
        let stamp = Stamp { seq: 0x1_FFFE, time: 960, marker: true };
        let header = |stream: &LaneStream, level| {
            Header::of(stream, Pt::from(111), stamp, level, Some(true)).bytes().to_vec()
        };
        #[rustfmt::skip]
        let full = vec![
            0x90, 0x80 | 111, 0xFF, 0xFE,
            0, 0, 3, 0xC0,
            0x0A, 0x0B, 0x0C, 0x0D,
            0xBE, 0xDE, 0, 2,
            0x10, 0x80 | 30, 0x41, b'a',
            b'b', 0, 0, 0,
        ];
        assert_eq!(header(&stream, Some(-30)), full);
        stream.is_bound = true;
        let bound = [&full[..15], &[1, 0x10, 0x80 | 30, 0, 0]].concat();
        assert_eq!(header(&stream, Some(-30)), bound);
        let bare = [&[0x80], &full[1..12]].concat();
        assert_eq!(header(&stream, None), bare);
        stream.is_bound = false;
        stream.mid = b"0123456789abcdef"[..].try_into().unwrap();
        let longest = Header::of(&stream, Pt::from(0), stamp, Some(0), None);
        assert_eq!(longest.bytes().len(), 12 + 4 + 20);
    }
}
