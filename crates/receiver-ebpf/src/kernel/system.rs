//! The few calls of libc that the rest of the agent needs: returning memory, and the clock of the programs.

/// Returns what loading needed to the system, and has large blocks returned as soon as they are freed from here on.
///
/// Parsing the BTF of the kernel takes some 20 MB for a moment, a read of the maps some
/// MB every interval; left to itself glibc would keep the most that was ever in use.
/// More than half of the code that is resident by then is never run again.
pub(crate) fn release_memory() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: no memory is passed; the allocator locks itself.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 64 << 10) };
        // SAFETY: as above.
        unsafe { libc::malloc_trim(0) };
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for (start, end) in maps.lines().filter_map(code) {
        let address = std::ptr::without_provenance_mut::<libc::c_void>(start);
        // SAFETY: a private mapping of a file that nobody may write: no page of it differs from the file, so
        // dropping it changes nothing but that the next access maps it again.
        unsafe { libc::madvise(address, end - start, libc::MADV_DONTNEED) };
    }
}

/// The range of a line of `/proc/self/maps` that maps code from a file.
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let code = fields.next()? == "r-xp" && fields.nth(3)?.starts_with('/');
    code.then_some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

/// Lets maps be as large as they are asked to be: before 5.11 they count as locked memory, of which 64 KiB are allowed.
/// Where that is not ours to say, the kernel refuses the maps.
pub(super) fn lift_memlock() {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: one struct, alive for the call.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) };
}

/// CLOCK_MONOTONIC in nanoseconds: what `bpf_ktime_get_ns` reads.
pub(crate) fn monotonic_now() -> u64 {
    read_clock(libc::CLOCK_MONOTONIC)
}

/// CLOCK_BOOTTIME in nanoseconds: what the start of a task is given in.
pub(crate) fn boottime_now() -> u64 {
    read_clock(libc::CLOCK_BOOTTIME)
}

fn read_clock(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room for one timespec; both clocks always exist.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Major and minor number of the running kernel; zeros where it does not say.
#[must_use]
pub fn kernel_series() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Whether a task may leave its CPU in the midst of a program of a tracepoint.
pub(super) fn preempts_programs() -> bool {
    kernel_series() >= (7, 0)
}

/// CPUs that this machine may ever have, which is what per-CPU memory is sized by.
pub(crate) fn possible_cpus() -> u32 {
    // The file holds ranges such as `0-7`; the highest number counts, gaps included.
    let text = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let highest = text.trim().rsplit([',', '-']).next().and_then(|number| number.parse::<u32>().ok());
    highest.unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_files_is_taken_for_code() {
        let line = |perms, path| format!("7f0000001000-7f0000003000 {perms} 00001000 fe:00 42    {path}");
        assert_eq!(code(&line("r-xp", "/usr/bin/tfo-agent")), Some((0x7f00_0000_1000, 0x7f00_0000_3000)));
        for other in
            [line("r--p", "/usr/bin/tfo-agent"), line("rw-p", "/lib/x"), line("r-xp", "[vdso]"), line("r-xp", "")]
        {
            assert_eq!(code(&other), None, "{other}");
        }
    }
}
