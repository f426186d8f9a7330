//! What a process uses, and how much it may.

use std::fs;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};

use crate::Result;

/// CPU time of this process, in user mode and in the kernel.
pub(crate) fn process_cpu_us() -> Result<u64> {
    cpu_us(UsageWho::RUSAGE_SELF)
}

/// CPU time of this thread, in user mode and in the kernel.
pub(crate) fn thread_cpu_us() -> Result<u64> {
    cpu_us(UsageWho::RUSAGE_THREAD)
}

fn cpu_us(who: UsageWho) -> Result<u64> {
    let used = getrusage(who)?;
    let [user, system] = [used.user_time(), used.system_time()];
    let us = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
    Ok(us.try_into()?)
}

/// The memory of this process that is in use, in bytes.
pub(crate) fn rss_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let resident = text.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    let kib = resident.ok_or("the kernel tells no resident memory")?;
    Ok(kib.trim().parse::<u64>()? * 1_024)
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
