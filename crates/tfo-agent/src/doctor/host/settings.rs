//! Switches of the kernel.

use receiver_ebpf::Trouble;

use super::super::report::Check;
use super::read;

/// `kernel.unprivileged_bpf_disabled`: no matter to an agent with its rights, but to the host.
pub(super) fn unprivileged_bpf() -> Check {
    let name = "unprivileged_bpf_disabled";
    match read("/proc/sys/kernel/unprivileged_bpf_disabled").as_deref() {
        Some("0") => Check::note(
            name,
            Trouble::new(
                "0: every user may load programs into the kernel; the agent does not need that",
                "run: sudo sysctl kernel.unprivileged_bpf_disabled=2",
            ),
        ),
        Some(level) => Check::ok(name, level),
        None => Check::ok(name, "not there"),
    }
}

/// What else judges what a process may do.
pub(super) fn security_modules() -> Check {
    let Some(modules) = read("/sys/kernel/security/lsm") else {
        return Check::ok("LSM", "not known: securityfs is not mounted");
    };
    let enforcing = if read("/sys/fs/selinux/enforce").as_deref() == Some("1") { " (SELinux enforces)" } else { "" };
    Check::ok("LSM", format!("{}{enforcing}", modules.replace(',', ", ")))
}

/// Which versions of cgroups are mounted; a filter on them knows the second.
pub(super) fn cgroups() -> Check {
    let mounts = read("/proc/self/mounts").unwrap_or_default();
    let of = |kind: &str| {
        let mut places = mounts.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            (fields.get(2) == Some(&kind)).then(|| (*fields.get(1).unwrap_or(&"?")).to_owned())
        });
        places.next()
    };
    match (of("cgroup2"), of("cgroup")) {
        (Some(place), None) => Check::ok("cgroups", format!("version 2 at {place}")),
        (Some(place), Some(_)) => Check::ok("cgroups", format!("version 2 at {place}, beside version 1")),
        (None, _) => Check::note(
            "cgroups",
            Trouble::new(
                "no cgroup v2 hierarchy is mounted, so a filter on cgroups admits nothing",
                "run: sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup",
            ),
        ),
    }
}

/// Whether programs run as machine code.
pub(super) fn jit() -> Check {
    match std::fs::read_to_string("/proc/sys/net/core/bpf_jit_enable").as_deref().map(str::trim) {
        Ok("0") => Check::note(
            "JIT",
            Trouble::new(
                "off: programs are interpreted, which costs several times as much",
                "run: sudo sysctl net.core.bpf_jit_enable=1",
            ),
        ),
        Ok(_) => Check::ok("JIT", "on"),
        Err(error) => Check::ok("JIT", format!("not known: net.core.bpf_jit_enable: {error}")),
    }
}
