//! What the agent needs of its host, one line each. What it says at its start too comes from the receivers' own code.

mod place;
mod settings;

use std::path::Path;

use receiver_ebpf::{PinPath, Trouble};

use super::configuration::Wanted;
use super::guide::Entry;
use super::report::{Check, State};

/// The oldest kernel that there is an object for.
const OLDEST: (u32, u32) = (4, 15);

/// The object that works here, by name, and whether it stands on BTF; `None` where none does.
pub(super) type Tier = Option<(&'static str, bool)>;

/// All of them, in the order in which people ask.
pub(super) fn checks(wanted: &Wanted, tier: Tier) -> Vec<Check> {
    // What only the tier without BTF needs is no matter where another one works.
    let without_btf = tier.map_or_else(|| receiver_ebpf::btf().is_err(), |(_, btf)| !btf);
    vec![
        kernel(),
        btf(tier),
        bpffs(&wanted.pin_path, without_btf),
        permission("capabilities", receiver_ebpf::capabilities(), tier),
        only("perf_event_paranoid", receiver_ebpf::perf_events(), without_btf && tier.is_none()),
        settings::unprivileged_bpf(),
        permission("lockdown", receiver_ebpf::lockdown(), tier),
        settings::security_modules(),
        settings::cgroups(),
        permission("locked memory", receiver_ebpf::locked_memory(), tier),
        settings::jit(),
        only("tracefs", receiver_ebpf::tracefs(), without_btf).answers(Entry::FailedToLoad),
        place::container(),
        place::pid_namespace(),
    ]
}

fn kernel() -> Check {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let found = format!("Linux {release}, {}", std::env::consts::ARCH);
    if receiver_ebpf::kernel_series() < OLDEST {
        return Check::wrong("kernel", Trouble::new(found, "use Linux 4.15 or newer, 5.8 or newer with BTF is better"));
    }
    Check::ok("kernel", found)
}

fn btf(tier: Tier) -> Check {
    match receiver_ebpf::btf() {
        Ok(found) => Check::ok("BTF", found),
        // The tier without it is a fine one, and says itself what it cannot do.
        Err(trouble) if tier.is_some() => Check::note("BTF", trouble).answers(Entry::NoBtf),
        Err(trouble) => Check::wrong("BTF", trouble).answers(Entry::NoBtf),
    }
}

fn bpffs(pin_path: &Path, without_btf: bool) -> Check {
    let place = pin_path.display();
    let unpin = || format!("start the agent, or run: sudo tfo-agent unpin --pin-path {place}");
    if pin_path.as_os_str().is_empty() {
        return Check::ok("bpffs", "not used: pin_path is empty, counts end with the agent");
    }
    let mut check = match receiver_ebpf::look_at_pin_path(pin_path) {
        Ok(PinPath::Free) => Check::ok("bpffs", format!("{place} can be pinned to")),
        Ok(PinPath::Held(pid)) => {
            let who = pid.map_or(String::new(), |pid| format!(", pid {pid}"));
            Check::ok("bpffs", format!("a tfo-agent runs on {place}{who}"))
        }
        Ok(PinPath::Abandoned) => {
            let what = format!("{place}: what an agent left that is gone counts on, for the next one to take over");
            Check::note("bpffs", Trouble::new(what, unpin()))
        }
        Err(trouble) => {
            let what = format!("{}: counts would end with the agent", trouble.what);
            Check::wrong("bpffs", Trouble::new(what, trouble.mend)).answers(Entry::NotMounted)
        }
    };
    if check.state == State::Wrong && without_btf {
        check.state = State::Note;
        check.found.push_str(", as they do without BTF anyway");
    }
    check
}

/// Of what may forbid to load programs, and is no trouble where they were loaded.
fn permission(name: &str, outcome: Result<String, Trouble>, tier: Tier) -> Check {
    let check = match outcome {
        Err(trouble) if tier.is_some() => Check::note(name, trouble),
        outcome => Check::of(name, outcome),
    };
    check.answers(Entry::NotPermitted)
}

/// Of what is not needed everywhere.
fn only(name: &str, outcome: Result<String, Trouble>, needed: bool) -> Check {
    match outcome {
        Err(Trouble { what, .. }) if !needed => Check::ok(name, format!("{what}; not needed here")),
        outcome => Check::of(name, outcome),
    }
}

/// The text of a file of one line.
fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}
