//! What the device makes of it all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use crate::Result;
use crate::clients::percentiles;

/// The median time of an append of 4 KiB with `fdatasync`, in microseconds.
///
/// # Errors
/// When nothing can be written there.
pub fn fsync_us(dir: &Path) -> Result<f64> {
    let path = dir.join("fsync");
    let mut file = File::create(&path)?;
    let mut took = Vec::new();
    for _ in 0..301 {
        let begin = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(begin.elapsed());
    }
    fs::remove_file(path)?;
    let [median, _] = percentiles(&mut took);
    eprintln!("a small append is on the device after {median:.0} µs");
    Ok(median)
}
