//! What it costs: the time on processors, of this process and of the server.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::Result;

/// `USER_HZ`, in which `/proc` counts: the same on every Linux.
const TICKS_PER_S: u64 = 100;

/// The processes that do the work.
#[derive(Debug)]
pub struct Processes {
    server: u32,
}

impl Processes {
    /// This one, and the server whose data are there.
    ///
    /// # Errors
    /// When no server runs there.
    pub fn of(data: &Path) -> Result<Self> {
        let file = fs::read_to_string(data.join("postmaster.pid"))?;
        let first = file.lines().next().ok_or("the server's process has a number")?;
        Ok(Self { server: first.trim().parse()? })
    }

    /// What all have used so far, those of the server that have ended included.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn used(&self) -> Result<Duration> {
        loop {
            let server = Stat::read(self.server)?;
            let children = self.children()?;
            // One that ended meanwhile is in neither.
            if Stat::read(self.server)?.ended == server.ended {
                let own = Stat::read(std::process::id())?.own;
                let ticks = own + server.own + server.ended + children;
                return Ok(Duration::from_millis(ticks * 1_000 / TICKS_PER_S));
            }
        }
    }

    /// What those of the server have used that run, which are children of its first.
    fn children(&self) -> Result<u64> {
        let mut ticks = 0;
        for entry in fs::read_dir("/proc")? {
            let Some(id) = entry?.file_name().to_str().and_then(|it| it.parse().ok()) else {
                continue;
            };
            // One may end meanwhile.
            let Ok(stat) = Stat::read(id) else { continue };
            if stat.parent == self.server {
                ticks += stat.own;
            }
        }
        Ok(ticks)
    }
}

/// From `/proc/…/stat`.
struct Stat {
    parent: u32,
    /// In user mode and in the kernel.
    own: u64,
    /// The same of children that were waited for.
    ended: u64,
}

impl Stat {
    fn read(id: u32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The name, in brackets, may have spaces in it; the state is the first after it.
        let (_, after) = text.rsplit_once(") ").ok_or("a process has a name")?;
        let fields: Vec<&str> = after.split_ascii_whitespace().collect();
        let number = |at: usize| -> Result<u64> { Ok(fields.get(at).ok_or("a field")?.parse()?) };
        Ok(Self {
            parent: fields.get(1).ok_or("a parent")?.parse()?,
            own: number(11)? + number(12)?,
            ended: number(13)? + number(14)?,
        })
    }
}
