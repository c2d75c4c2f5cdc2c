//! Which capability is missing, in words that end the search.

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// What this process lacks to load BPF programs, and how to give it that.
pub(super) fn advice() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let missing = missing(effective(&status));
    if missing.is_empty() {
        return "no capability is missing, so a kernel lockdown, an LSM, seccomp or a container runtime refuses \
                (check: cat /sys/kernel/security/lockdown; journalctl -k | grep -i -e apparmor -e selinux); before Linux \
                5.11 it may be the limit of locked memory (run with LimitMEMLOCK=infinity, or with CAP_SYS_RESOURCE too)"
            .to_owned();
    }
    let program = std::env::current_exe().map_or("tfo-agent".to_owned(), |path| path.display().to_string());
    format!(
        "missing {}; run: sudo setcap cap_bpf,cap_perfmon+ep {program} (or start it as root)",
        missing.join(" and ")
    )
}

/// `CapEff` of a `/proc/PID/status`.
fn effective(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

fn missing(effective: u64) -> Vec<&'static str> {
    let has = |capability: u32| effective & (1 << capability) != 0;
    [("CAP_BPF", CAP_BPF), ("CAP_PERFMON", CAP_PERFMON)]
        .into_iter()
        .filter(|(_, capability)| !has(*capability) && !has(CAP_SYS_ADMIN))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_missing_and_takes_sys_admin_for_both() {
        assert_eq!(missing(effective("Name:\tx\nCapEff:\t0000000000000000\n")), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(missing(1 << CAP_BPF), ["CAP_PERFMON"]);
        assert!(missing(1 << CAP_SYS_ADMIN).is_empty());
    }
}
