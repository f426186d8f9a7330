//! When the speakers of each room say their next frame.

use std::time::Instant;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::Result;
use crate::voice::FRAME;

/// Ticks once a frame for each room, spread evenly over the rooms.
pub(crate) struct Metronome {
    timer: TimerFd,
    rooms: Vec<Vec<usize>>,
    /// How many ticks there have been, of how many.
    ticks: u64,
    ticks_max: u64,
    begin: Instant,
}

impl Metronome {
    /// Begins at once; `rooms` says who speaks in each, who all say so many frames.
    pub(crate) fn start(rooms: Vec<Vec<usize>>, frames: u64) -> Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        let each = TimeSpec::from(FRAME / u32::try_from(rooms.len())?);
        let begin = Instant::now();
        timer.set(Expiration::Interval(each), TimerSetTimeFlags::empty())?;
        Ok(Self { timer, ticks: 0, ticks_max: frames * rooms.len() as u64, rooms, begin })
    }

    pub(crate) fn timer(&self) -> &TimerFd {
        &self.timer
    }

    /// Takes note that the timer has gone off.
    pub(crate) fn wait(&self) {
        let _ = self.timer.wait();
    }

    /// Who speaks next, if it is time. Whoever comes too late catches up.
    pub(crate) fn due(&mut self, now: Instant) -> Option<&[usize]> {
        let rooms = self.rooms.len() as u64;
        let at = FRAME.mul_f64((self.ticks + 1) as f64 / rooms as f64);
        if self.is_over() || now < self.begin + at {
            return None;
        }
        let room = (self.ticks % rooms) as usize;
        self.ticks += 1;
        self.rooms.get(room).map(Vec::as_slice)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ticks >= self.ticks_max
    }
}
