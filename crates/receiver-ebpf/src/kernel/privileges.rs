//! What this process may do to the kernel, and what forbids the rest, in words that end the search.

use std::fs;

use super::system;
use crate::trouble::Trouble;

const CAP_DAC_READ_SEARCH: u32 = 2;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_RESOURCE: u32 = 24;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Those that have to do with what an agent does.
const NAMES: [(&str, u32); 5] = [
    ("CAP_BPF", CAP_BPF),
    ("CAP_PERFMON", CAP_PERFMON),
    ("CAP_SYS_ADMIN", CAP_SYS_ADMIN),
    ("CAP_SYS_RESOURCE", CAP_SYS_RESOURCE),
    ("CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH),
];

/// What maps take at least: below this much locked memory they cannot be made.
const LOCKED_MEMORY: u64 = 32 << 20;

/// `/proc/self/status`, as far as it says what we may do.
struct Rights {
    effective: u64,
    bounding: u64,
    no_new_privileges: bool,
    filtered: bool,
    /// Capabilities of a user namespace are none to the kernel.
    user_namespace: bool,
}

impl Rights {
    fn read() -> Self {
        let all = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { user_namespace: !is_initial(&all), ..Self::of(&status) }
    }

    fn of(status: &str) -> Self {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let set = |name: &str| field(name).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
        Self {
            effective: set("CapEff:"),
            bounding: set("CapBnd:"),
            no_new_privileges: field("NoNewPrivs:") == Some("1"),
            filtered: field("Seccomp:") == Some("2"),
            user_namespace: false,
        }
    }

    /// What must be there and is not. `CAP_SYS_ADMIN` stands for both, and before 5.8 there is nothing else.
    fn missing(&self, series: (u32, u32)) -> Vec<(&'static str, u32)> {
        if has(self.effective, CAP_SYS_ADMIN) {
            return Vec::new();
        }
        let wanted = if series < (5, 8) { &NAMES[2..3] } else { &NAMES[..2] };
        wanted.iter().filter(|(_, capability)| !has(self.effective, *capability)).copied().collect()
    }

    /// Why nothing can be loaded, as far as capabilities say.
    fn trouble(&self, series: (u32, u32)) -> Option<Trouble> {
        let missing = self.missing(series);
        if missing.is_empty() && self.user_namespace {
            return Some(Trouble::new(
                "this is a user namespace, whose capabilities do not reach the kernel",
                "run it outside of one: no rootless container, no unshare --user, no PrivateUsers=",
            ));
        }
        if missing.is_empty() {
            return None;
        }
        let names: Vec<_> = missing.iter().map(|(name, _)| *name).collect();
        let what = format!("missing {}", names.join(" and "));
        if missing.iter().any(|(_, capability)| !has(self.bounding, *capability)) {
            return Some(Trouble::new(
                format!("{what}, and the bounding set does not allow it either"),
                format!(
                    "let the container or unit have it: docker run {}; Kubernetes securityContext: capabilities: add; \
                     systemd CapabilityBoundingSet= and AmbientCapabilities={}",
                    names.iter().map(|name| format!("--cap-add {name}")).collect::<Vec<_>>().join(" "),
                    names.join(" "),
                ),
            ));
        }
        if self.no_new_privileges {
            return Some(Trouble::new(
                format!("{what}, and no_new_privs keeps those of the file away"),
                format!(
                    "give it as ambient one, systemd AmbientCapabilities={} (or start it as root)",
                    names.join(" ")
                ),
            ));
        }
        let program = std::env::current_exe().map_or("tfo-agent".to_owned(), |path| path.display().to_string());
        let set = if series < (5, 8) { "cap_sys_admin" } else { "cap_bpf,cap_perfmon" };
        Some(Trouble::new(what, format!("run: sudo setcap {set}+ep {program} (or start it as root)")))
    }
}

/// What we have of the capabilities that matter.
///
/// # Errors
/// What is missing and what gives it.
pub fn capabilities() -> Result<String, Trouble> {
    let rights = Rights::read();
    match rights.trouble(system::kernel_series()) {
        Some(trouble) => Err(trouble),
        None => Ok(format!("effective {}, bounding {}", list(rights.effective), list(rights.bounding))),
    }
}

/// The limit of locked memory, as far as it is one for maps.
///
/// # Errors
/// Where maps cannot be made for it.
pub fn locked_memory() -> Result<String, Trouble> {
    system::lift_memlock();
    let limit = memlock();
    if system::kernel_series() >= (5, 11) {
        return Ok("maps are accounted to the memory cgroup, no limit of locked memory applies".to_owned());
    }
    match limit {
        Some(bytes) if bytes < LOCKED_MEMORY && !has(Rights::read().effective, CAP_SYS_RESOURCE) => Err(Trouble::new(
            format!("locked memory is limited to {} KiB, which maps count as before Linux 5.11", bytes >> 10),
            "run with LimitMEMLOCK=infinity (ulimit -l unlimited), or with CAP_SYS_RESOURCE too",
        )),
        Some(bytes) => Ok(format!("{} MiB of locked memory are allowed", bytes >> 20)),
        None => Ok("unlimited".to_owned()),
    }
}

/// How far the kernel is locked down.
///
/// # Errors
/// Where it lets no program read its memory.
pub fn lockdown() -> Result<String, Trouble> {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    let level = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(level, _)| level);
    match level {
        "confidentiality" => Err(Trouble::new(
            "the kernel is locked down for confidentiality: programs may not read its memory",
            "boot with lockdown=integrity or without; /sys/kernel/security/lockdown shows it",
        )),
        "" => Ok("not there".to_owned()),
        _ => Ok(level.to_owned()),
    }
}

/// Why the kernel said no.
pub(super) fn refusal() -> Trouble {
    let rights = Rights::read();
    let series = system::kernel_series();
    let known = rights.trouble(series).or_else(|| locked_memory().err()).or_else(|| lockdown().err());
    known.unwrap_or_else(|| {
        let suspects = if rights.filtered {
            "a seccomp filter is on: it, an LSM or a container runtime refuses"
        } else {
            "an LSM or a container runtime refuses"
        };
        Trouble::new(
            format!("no capability is missing, so {suspects}"),
            "allow bpf(2) and perf_event_open(2) there (check: journalctl -k | grep -i -e apparmor -e selinux -e audit)",
        )
    })
}

/// The level of `kernel.perf_event_paranoid`.
///
/// # Errors
/// Where it refuses this process the events of perf that the tier without BTF counts by.
pub fn perf_events() -> Result<String, Trouble> {
    let text = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    let level = text.trim();
    let refused = level.parse().is_ok_and(|level: i32| level > 2) && !has(Rights::read().effective, CAP_SYS_ADMIN);
    if refused {
        return Err(Trouble::new(
            format!("kernel.perf_event_paranoid is {level}, which refuses events of perf to all but CAP_SYS_ADMIN"),
            "run: sudo sysctl kernel.perf_event_paranoid=2",
        ));
    }
    Ok(if level.is_empty() { "not there".to_owned() } else { level.to_owned() })
}

fn has(set: u64, capability: u32) -> bool {
    set & (1 << capability) != 0
}

/// The capabilities of `set` that matter; the rest is only said to be there.
fn list(set: u64) -> String {
    if NAMES.iter().all(|(_, capability)| has(set, *capability)) {
        return "all that matter".to_owned();
    }
    let names: Vec<_> = NAMES.iter().filter(|(_, capability)| has(set, *capability)).map(|(name, _)| *name).collect();
    if names.is_empty() { "none that matter".to_owned() } else { names.join(" ") }
}

/// Whether a `uid_map` is that of the first user namespace: every number is itself.
fn is_initial(map: &str) -> bool {
    let fields: Vec<&str> = map.split_ascii_whitespace().collect();
    // Without one there are no such namespaces.
    fields.is_empty() || fields == ["0", "0", "4294967295"]
}

/// Bytes that may be locked; `None` is without limit.
fn memlock() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: (u32, u32) = (6, 1);

    fn rights(effective: u64, bounding: u64) -> Rights {
        Rights::of(&format!(
            "Name:\tx\nCapEff:\t{effective:016x}\nCapBnd:\t{bounding:016x}\nNoNewPrivs:\t0\nSeccomp:\t0\n"
        ))
    }

    fn bits(capabilities: &[u32]) -> u64 {
        capabilities.iter().fold(0, |set, capability| set | 1 << capability)
    }

    #[test]
    fn names_what_is_missing_and_takes_sys_admin_for_both() {
        let missing = |effective, series| {
            let missing = rights(effective, u64::MAX).missing(series);
            missing.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(missing(0, NOW), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(missing(bits(&[CAP_BPF]), NOW), ["CAP_PERFMON"]);
        assert!(missing(bits(&[CAP_SYS_ADMIN]), NOW).is_empty());
        assert_eq!(missing(bits(&[CAP_BPF, CAP_PERFMON]), (5, 4)), ["CAP_SYS_ADMIN"], "there are no others");
    }

    #[test]
    fn the_remedy_is_one_that_works_where_the_process_stands() {
        let mend = |rights: &Rights, series| rights.trouble(series).unwrap().mend;
        let two = bits(&[CAP_BPF, CAP_PERFMON]);
        assert!(mend(&rights(0, two), NOW).starts_with("run: sudo setcap cap_bpf,cap_perfmon+ep /"));
        assert!(mend(&rights(0, u64::MAX), (4, 15)).starts_with("run: sudo setcap cap_sys_admin+ep /"));
        assert!(mend(&rights(0, 0), NOW).contains("docker run --cap-add CAP_BPF --cap-add CAP_PERFMON;"));
        let tied = Rights { no_new_privileges: true, ..rights(0, two) };
        assert!(mend(&tied, NOW).contains("AmbientCapabilities=CAP_BPF CAP_PERFMON"));
        let inside = Rights { user_namespace: true, ..rights(two, two) };
        assert!(inside.trouble(NOW).unwrap().what.contains("user namespace"));
        assert_eq!(rights(two, two).trouble(NOW), None);
    }

    #[test]
    fn the_first_user_namespace_maps_every_number_to_itself() {
        assert!(is_initial("         0          0 4294967295\n") && is_initial(""));
        assert!(!is_initial("         0       1000          1\n"));
    }
}
