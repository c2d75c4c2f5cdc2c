//! What the benchmark measures, and how.

pub(crate) mod load;
mod programs;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

pub(crate) use programs::{Empty, Ours, Seed};

/// By program: `run_time_ns` and `run_cnt`.
pub(crate) type Costs = BTreeMap<String, (u64, u64)>;

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Has the kernel time every program; switched back when dropped.
pub(crate) struct Stats(String);

impl Stats {
    pub(crate) fn enable() -> Self {
        let before = fs::read_to_string(SWITCH).expect("run as root: make bench-kernel");
        fs::write(SWITCH, "1").expect("run as root: make bench-kernel");
        Self(before)
    }
}

impl Drop for Stats {
    fn drop(&mut self) {
        let _ = fs::write(SWITCH, &self.0);
    }
}

/// Attaches, runs the loads, and takes what each program of this process cost.
pub(crate) fn measure<T>(attach: impl FnOnce() -> T) -> Costs {
    let attached = attach();
    let before = costs();
    for what in ["getppid", "pipe"] {
        // One CPU: the loads are compared, not how the scheduler spreads them.
        let status = Command::new("taskset")
            .args(["-c", "0"])
            .arg(std::env::current_exe().unwrap())
            .args(["--load", what])
            .status();
        assert!(status.expect("taskset").success());
    }
    let mut after = costs();
    for (program, (time, count)) in &mut after {
        let (time_before, count_before) = before.get(program).copied().unwrap_or_default();
        *time -= time_before;
        *count -= count_before;
    }
    drop(attached);
    after
}

/// What the programs that this process holds have cost so far.
fn costs() -> Costs {
    let names: BTreeMap<u64, String> = aya::programs::loaded_programs()
        .flatten()
        .map(|program| (u64::from(program.id()), program.name_as_str().unwrap_or_default().to_owned()))
        .collect();
    let mut costs = Costs::new();
    for entry in fs::read_dir("/proc/self/fdinfo").unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let number = |key: &str| {
            text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')?.trim().parse::<u64>().ok())
        };
        if let (Some(id), Some(time), Some(count)) = (number("prog_id"), number("run_time_ns"), number("run_cnt"))
            && let Some(name) = names.get(&id)
        {
            costs.insert(name.clone(), (time, count));
        }
    }
    costs
}
