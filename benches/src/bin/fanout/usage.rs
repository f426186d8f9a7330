//! What a process uses, and how much it may.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_gettime};

use crate::Result;

/// CPU time of this process, in user mode and in the kernel.
pub(crate) fn process_cpu() -> Result<Duration> {
    // To the nanosecond, where getrusage(2) and /proc may be a tick behind.
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}

/// CPU time of this thread, in user mode and in the kernel.
pub(crate) fn thread_cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// The memory of this process that is in use, in bytes.
pub(crate) fn rss_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let resident = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    let kib = resident.ok_or("the kernel tells no resident memory")?;
    Ok(kib.trim().parse::<u64>()? * 1_024)
}

/// How many datagrams the kernel has thrown away at each UDP port because nobody read in time.
pub(crate) fn socket_drops() -> Result<Vec<(u16, u64)>> {
    let drops = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let port = u16::from_str_radix(fields.nth(1)?.rsplit(':').next()?, 16).ok()?;
        Some((port, fields.last()?.parse().ok()?))
    };
    Ok(fs::read_to_string("/proc/net/udp")?.lines().skip(1).filter_map(drops).collect())
}

/// Sees to it that so many files may be open.
///
/// # Errors
/// If they may not: what to do.
pub(crate) fn allow_open_files(count: u64) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= count {
        return Ok(());
    }
    // Beyond the hard limit only the superuser gets.
    setrlimit(Resource::RLIMIT_NOFILE, count, hard.max(count))
        .or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, count.min(hard), hard))?;
    if getrlimit(Resource::RLIMIT_NOFILE)?.0 < count {
        let why = format!("{count} open files are needed, {hard} are allowed");
        return Err(format!("{why}: raise it with `ulimit -n {count}`").into());
    }
    Ok(())
}
