//! What `/proc` says of processes and of sockets.

use std::fs;
use std::os::linux::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Inode of the PID namespace that the kernel itself counts in: `PROC_PID_INIT_INO`.
const INITIAL: u64 = 0xefff_fffc;

/// A tick of the times in `/proc/PID/stat`, in ns: USER_HZ is 100 everywhere.
const TICK: u64 = 10_000_000;

/// A process that lives.
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) uid: u32,
    pub(super) comm: [u8; 16],
    /// ns since boot.
    pub(super) start_boottime: u64,
}

impl Process {
    pub(super) fn read(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()?;
        let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
        let mut comm = [0; 16];
        // One byte short, so that it ends in a zero; the file ends in a line feed.
        comm.iter_mut().take(15).zip(name.strip_suffix(b"\n").unwrap_or(&name)).for_each(|(to, from)| *to = *from);
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let ticks: u64 = fields(&stat)?.nth(19)?.parse().ok()?;
        Some(Self { pid, uid, comm, start_boottime: ticks * TICK })
    }
}

/// The fields of a `stat` from the state on: a name may hold anything, also brackets.
fn fields(stat: &str) -> Option<impl Iterator<Item = &str>> {
    Some(stat.get(stat.rfind(')')? + 1..)?.split_whitespace())
}

/// Whether numbers here are those of the kernel.
pub(super) fn is_of_all_processes() -> bool {
    fs::metadata("/proc/self/ns/pid").is_ok_and(|metadata| metadata.st_ino() == INITIAL)
}

/// The cgroup v2 hierarchy, where cgroups are asked for and there is one.
pub(super) fn cgroup_root(wanted: bool) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok().filter(|_| wanted)?;
    mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&"cgroup2"))
        .map(|fields| PathBuf::from(fields[1]))
}

/// The id of the cgroup of `pid`: the inode of its directory. 0 where it is gone, or in none.
pub(super) fn cgroup(root: &Path, pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"));
    path.and_then(|path| fs::metadata(root.join(path)).ok()).map_or(0, |metadata| metadata.st_ino())
}

/// Numbers of all processes.
pub(super) fn processes() -> impl Iterator<Item = u32> {
    numbers("/proc")
}

/// Numbers of the threads of `pid` that have not ended.
pub(super) fn threads(pid: u32) -> impl Iterator<Item = u32> {
    numbers(&format!("/proc/{pid}/task")).filter(|thread| is_alive(*thread))
}

fn numbers(directory: &str) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether the thread is there and not merely waited for.
pub(super) fn is_alive(thread: u32) -> bool {
    fs::read_to_string(format!("/proc/{thread}/stat"))
        .ok()
        .and_then(|stat| Some(!["Z", "X"].contains(&fields(&stat)?.next()?)))
        .unwrap_or(false)
}

/// Sockets of this network namespace by TCP state, as the kernel numbers states.
pub(super) fn connections() -> std::io::Result<[u64; 16]> {
    let mut counts = [0; 16];
    let ipv4 = fs::read_to_string("/proc/net/tcp")?;
    // Where there is no IPv6 there is no such file.
    let ipv6 = fs::read_to_string("/proc/net/tcp6").unwrap_or_default();
    for line in ipv4.lines().skip(1).chain(ipv6.lines().skip(1)) {
        let state = line.split_whitespace().nth(3).and_then(|state| usize::from_str_radix(state, 16).ok());
        if let Some(count) = state.and_then(|state| counts.get_mut(state)) {
            *count += 1;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_known() {
        let pid = std::process::id();
        let process = Process::read(pid).unwrap();
        assert!(is_alive(pid) && threads(pid).any(|thread| thread == pid));
        assert!(processes().any(|number| number == pid));
        assert!(process.comm.starts_with(b"receiver_ebpf") && process.comm[15] == 0);
        assert!(process.start_boottime > 0 && process.start_boottime <= crate::kernel::boottime_now());
        assert_eq!(fields("1 (a) b) S 2 3").unwrap().next(), Some("S"));
    }
}
