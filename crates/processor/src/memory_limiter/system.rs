//! How much memory this process has, and how much there is for it.

use std::fs;
use std::path::Path;

/// Resident memory of this process in bytes, that of its mapped counters included.
pub(super) fn resident() -> Result<u64, String> {
    kib(Path::new("/proc/self/status"), "VmRSS:")
}

/// What the cgroup of this process may have, or the host has, whichever is less; in bytes.
pub(super) fn total() -> Result<u64, String> {
    total_under(Path::new("/"))
}

fn total_under(root: &Path) -> Result<u64, String> {
    let host = kib(&root.join("proc/meminfo"), "MemTotal:")?;
    // Without cgroups there is no such file, and no such limit.
    let cgroups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = cgroups.lines().filter_map(|line| limit(root, line));
    Ok(limits.fold(host, u64::min))
}

/// The least limit of the cgroup in a line of `/proc/self/cgroup` and those above it.
fn limit(root: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let (mount, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|controller| controller == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let (mount, path) = (root.join(mount), Path::new(path.trim_start_matches('/')));
    // In a container the path may be the host's, and not be there; the root of the mount is its own then.
    // A word, max, is no limit.
    let limits = path
        .ancestors()
        .filter_map(|path| fs::read_to_string(mount.join(path).join(file)).ok()?.trim().parse::<u64>().ok());
    limits.min()
}

/// The bytes in a line such as `MemTotal:  16384 kB`.
fn kib(file: &Path, name: &str) -> Result<u64, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    Ok(kib.ok_or_else(|| format!("{}: no {name} in kB", file.display()))?.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_less_than_there_is() {
        let (resident, total) = (resident().unwrap(), total().unwrap());
        assert!((100_000..total).contains(&resident), "{resident} of {total}");
    }

    #[test]
    fn the_least_of_host_and_cgroups_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(total_under(root.path()).unwrap_err().contains("meminfo"));
        write("proc/meminfo", "MemTotal:        1000 kB\nMemFree:         10 kB\n");
        assert_eq!(total_under(root.path()), Ok(1_024_000));
        write("proc/self/cgroup", "0::/a/b\n");
        write("sys/fs/cgroup/a/b/memory.max", "max\n");
        assert_eq!(total_under(root.path()), Ok(1_024_000));
        write("sys/fs/cgroup/a/memory.max", "700000\n");
        assert_eq!(total_under(root.path()), Ok(700_000));
        write("proc/self/cgroup", "3:cpu:/x\n2:memory,hugetlb:/y\n");
        write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(total_under(root.path()), Ok(1_024_000));
        write("sys/fs/cgroup/memory/y/memory.limit_in_bytes", "4096\n");
        assert_eq!(total_under(root.path()), Ok(4096));
    }
}
