//! What this process has used so far, as the kernel's books say.

use std::fs;

/// CPU time and memory of this process.
pub(super) struct Used {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: u64,
}

/// Of user space, on every machine that Linux runs on today.
const TICKS_PER_SECOND: f64 = 100.0;

/// What `/proc/self` says; `None` where there is no such thing.
pub(super) fn used() -> Option<Used> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th field behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
    let ticks = fields.next()? + fields.next()?;
    #[expect(clippy::cast_precision_loss, reason = "a double is what the page carries")]
    Some(Used { cpu_seconds: ticks as f64 / TICKS_PER_SECOND, resident_bytes: resident * 1024 })
}
