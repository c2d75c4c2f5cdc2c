//! Where the agent stands in its host: in a container, in a PID namespace of its own.

use std::path::Path;

use receiver_ebpf::Trouble;

use super::super::report::Check;
use super::read;

/// The inode of the first PID namespace, `PROC_PID_INIT_INO` of the kernel.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Which container runtime has started it, if any; what it keeps away shows elsewhere.
pub(super) fn container() -> Check {
    let marks: [(&str, bool); 4] = [
        ("Kubernetes", std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()),
        ("Docker", Path::new("/.dockerenv").exists()),
        ("Podman", Path::new("/run/.containerenv").exists()),
        ("a container", std::env::var_os("container").is_some() || in_container(read("/proc/1/cgroup").as_deref())),
    ];
    let name = marks.iter().find(|(_, is)| *is).map_or("none", |(name, _)| name);
    Check::ok("container", name)
}

fn in_container(cgroup: Option<&str>) -> bool {
    let words = ["docker", "kubepods", "containerd", "libpod", "lxc"];
    cgroup.is_some_and(|cgroup| words.iter().any(|word| cgroup.contains(word)))
}

/// Processes are told by the numbers that they have in the first namespace.
pub(super) fn pid_namespace() -> Check {
    let name = "PID namespace";
    match std::fs::read_link("/proc/self/ns/pid") {
        Ok(link) if link.as_os_str() == FIRST_PID_NAMESPACE => Check::ok(name, "the host's"),
        Ok(_) => Check::note(
            name,
            Trouble::new(
                "not the host's: pids are told as the host has them, and processes older than the agent are seen late",
                "start it with docker run --pid host, Kubernetes hostPID: true",
            ),
        ),
        Err(error) => Check::ok(name, format!("not known: {error}")),
    }
}
