//! The few calls of libc that the rest of the agent needs: returning memory, and the clock of the programs.

use std::ops::Range;

/// Returns what loading needed to the system, and has large blocks returned as soon as they are freed from here on.
///
/// Parsing the BTF of the kernel takes some 20 MB for a moment, a read of the maps some
/// MB every interval; left to itself glibc would keep the most that was ever in use.
pub(crate) fn release_memory() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: no memory is passed; the allocator locks itself.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 64 << 10) };
        // SAFETY: as above.
        unsafe { libc::malloc_trim(0) };
    }
}

/// The code of this program and what is mapped before it (constants, tables), from its own file: it stays there to the end.
#[derive(Debug)]
pub struct Code(Option<(usize, usize)>);

impl Code {
    /// Reads `/proc/self/maps`; where that cannot be read, nothing can be released.
    #[must_use]
    pub fn mapped() -> Self {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        Self(code(&maps, Self::mapped as *const () as usize))
    }

    /// Has only that be resident that is run and read from here on: of what a start has run more than half never is
    /// again. What is needed is mapped again by its next use.
    pub fn release(&self) {
        let Some((start, end)) = self.0 else { return };
        let address = std::ptr::without_provenance_mut::<libc::c_void>(start);
        // SAFETY: private mappings of a file that nobody may write, which are never unmapped, since it is what runs
        // here, and never were writable, so that no page of them differs from the file: dropping them changes nothing
        // but that the next access maps them again.
        unsafe { libc::madvise(address, end - start, libc::MADV_DONTNEED) };
    }
}

/// The range of the mapping of code around `address`, and of the file's beginning where that is mapped right before it.
/// What is read-only after the code may have been written before, by the dynamic linker.
fn code(maps: &str, address: usize) -> Option<(usize, usize)> {
    let mut before = None;
    for mapping in maps.lines().filter_map(mapping) {
        if mapping.access == "r-xp" && mapping.range.contains(&address) {
            let Range { start, end } = mapping.range;
            return Some((
                before.filter(|(_, border)| *border == start).map_or(start, |(beginning, _)| beginning),
                end,
            ));
        }
        let is_beginning = mapping.access == "r--p" && mapping.offset == 0;
        before = is_beginning.then_some((mapping.range.start, mapping.range.end));
    }
    None
}

/// A line of `/proc/self/maps` that maps a file.
struct Mapping<'a> {
    range: Range<usize>,
    access: &'a str,
    /// Where in the file it begins, in bytes.
    offset: usize,
}

fn mapping(line: &str) -> Option<Mapping<'_>> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let (access, offset) = (fields.next()?, fields.next()?);
    let number = |text| usize::from_str_radix(text, 16).ok();
    fields.nth(2)?.starts_with('/').then_some(())?;
    Some(Mapping { range: number(start)?..number(end)?, access, offset: number(offset)? })
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

/// Whether a task may leave its CPU in the midst of a program of a tracepoint; it may where the kernel does not say what
/// it is.
pub(super) fn preempts_programs() -> bool {
    let series = kernel_series();
    series == (0, 0) || series >= (7, 0)
}

/// Whether a program may be interrupted by itself, which was so before 6.2, or by another that keeps the same book: those
/// at the returns of functions do, which serve before 6.3.
pub(super) fn nests_programs() -> bool {
    kernel_series() < (6, 3)
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
    fn our_own_code_is_found_and_goes_on_when_it_is_released() {
        let code = Code::mapped();
        let (start, end) = code.0.unwrap();
        assert!((start..end).contains(&(Code::release as *const () as usize)));
        code.release();
        assert_eq!(Code::mapped().0, Some((start, end)));
    }

    #[test]
    fn what_the_linker_may_have_written_is_not_taken_for_code() {
        let line = |range, access, offset, path| format!("{range} {access} {offset} fe:00 42    {path}\n");
        let program = "/usr/bin/tfo-agent";
        let head = line("1000-3000", "r--p", "00000000", program);
        let code_there = |access, path| line("3000-5000", access, "00002000", path);
        let rest = line("5000-6000", "r--p", "00004000", program) + &line("6000-7000", "rw-p", "00005000", program);
        assert_eq!(code(&(head.clone() + &code_there("r-xp", program) + &rest), 0x3800), Some((0x1000, 0x5000)));
        assert_eq!(code(&(code_there("r-xp", program) + &rest), 0x3800), Some((0x3000, 0x5000)));
        for (access, path) in [("r--p", program), ("rwxp", program), ("r-xp", "[vdso]"), ("r-xp", "")] {
            assert_eq!(code(&(head.clone() + &code_there(access, path) + &rest), 0x3800), None, "{access} {path}");
        }
        for other in [line("1000-2000", "r--p", "00000000", program), line("1000-3000", "r--p", "00001000", program)] {
            assert_eq!(
                code(&(other.clone() + &code_there("r-xp", program)), 0x3800),
                Some((0x3000, 0x5000)),
                "{other}"
            );
        }
    }
}
