//! The metric catalog: every metric of this crate, and its name in the operations guide.
//!
//! Points are made from these descriptors, so nothing undocumented can leave.

use std::sync::{Arc, LazyLock};

use pdata::Instrument::{Counter, Gauge};
use pdata::NumberKind::{Nanoseconds, Unsigned};
use pdata::{Descriptor, Instrument, NumberKind, SeedLabel, SeedName};

/// A descriptor that batches share.
pub(crate) type Shared = LazyLock<Arc<Descriptor>>;

macro_rules! catalog {
    ($($(#[doc = $description:literal])+ $constant:ident = $name:literal, $unit:literal, $instrument:expr, $number:expr, $seed:expr;)*) => {
        $($(#[doc = $description])+
        pub(crate) static $constant: Shared = LazyLock::new(|| describe(
            $name, $unit, concat!($($description),+).trim_ascii_start(), $instrument, $number, $seed,
        ));)*

        /// Every metric, in the order of the catalog.
        pub fn all() -> Vec<Arc<Descriptor>> {
            vec![$($constant.clone()),*]
        }
    };
}

catalog! {
    /// Syscalls that returned.
    SYSCALLS = "ebpf.syscalls", "{call}", Counter, Unsigned, seed("tfo_ebpf_syscall_count", &BY_SYSCALL);
    /// Time from entry to return of syscalls, waiting included.
    SYSCALL_TIME = "ebpf.syscall.time", "s", Counter, Nanoseconds, seed("tfo_ebpf_syscall_latency_ns", &BY_SYSCALL);
    /// Syscalls that returned an error; restarts after a signal are none.
    SYSCALL_ERRORS = "ebpf.syscall.errors", "{error}", Counter, Unsigned, seed("tfo_ebpf_syscall_errors", &BY_SYSCALL);
    /// Times that a thread of the process left its CPU, by its own will or not.
    CONTEXT_SWITCHES = "process.context_switches", "{context_switch}", Counter, Unsigned, seed("tfo_ebpf_sched_context_switches", &BY_PROCESS);
    /// Time that threads of the process were runnable without a CPU.
    RUNQUEUE_TIME = "ebpf.sched.runqueue.time", "s", Counter, Nanoseconds, None;
    /// Mean wait for a CPU over the last collection interval.
    RUNQUEUE_MEAN = "ebpf.sched.runqueue.mean", "s", Gauge, Nanoseconds, seed("tfo_ebpf_sched_runq_latency_ns", &BY_PROCESS);
    /// Time that threads of the process were on a CPU.
    ONCPU_TIME = "ebpf.sched.oncpu.time", "s", Counter, Nanoseconds, seed("tfo_ebpf_sched_oncpu_ns", &BY_PROCESS);
    /// Times that a thread of the process was moved to another CPU.
    MIGRATIONS = "ebpf.sched.migrations", "{migration}", Counter, Unsigned, seed("tfo_ebpf_sched_migrations", &BY_PROCESS);
    /// Whether the programs of a sub-collector are attached: 1 or 0.
    ATTACHED = "tfo.ebpf.attached", "{sub_collector}", Gauge, Unsigned, None;
    /// Events, processes and tasks that gave up detail, by reason.
    LOSS = "tfo.ebpf.loss", "{event}", Counter, Unsigned, None;
    /// Memory of the mapped arrays.
    MAP_MEMORY = "tfo.ebpf.map.memory", "By", Gauge, Unsigned, None;
    /// Process slots that are free for newcomers.
    FREE_SLOTS = "tfo.ebpf.slots.free", "{slot}", Gauge, Unsigned, None;
}

const PID: SeedLabel = SeedLabel { label: "pid", attribute: pdata::Attributes::PID };
const COMM: SeedLabel = SeedLabel { label: "comm", attribute: pdata::Attributes::COMM };
const BY_PROCESS: [SeedLabel; 2] = [PID, COMM];
const BY_SYSCALL: [SeedLabel; 3] = [PID, COMM, SeedLabel { label: "syscall", attribute: SYSCALL_NAME }];

/// Attribute: the kernel's name of a syscall, such as `openat`.
pub(crate) const SYSCALL_NAME: &str = "ebpf.syscall.name";
/// Attribute: `voluntary` or `involuntary`.
pub(crate) const CONTEXT_SWITCH_TYPE: &str = "process.context_switch.type";

fn seed(name: &'static str, labels: &'static [SeedLabel]) -> Option<&'static SeedName> {
    // One per metric, made once, for the life of the process.
    Some(Box::leak(Box::new(SeedName { name, labels })))
}

fn describe(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    instrument: Instrument,
    number: NumberKind,
    seed: Option<&'static SeedName>,
) -> Arc<Descriptor> {
    Arc::new(Descriptor {
        name: name.into(),
        unit: unit.into(),
        description: description.into(),
        instrument,
        number,
        seed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_carry_no_unit_or_total() {
        let mut names: Vec<_> = all().iter().map(|metric| metric.name.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all().len());
        for name in names {
            assert!(!name.ends_with("total") && !name.ends_with("seconds") && !name.ends_with("bytes"), "{name}");
        }
    }

    #[test]
    fn every_metric_is_in_the_documents() {
        let page = include_str!("../../../docs/metrics.md");
        let readme = include_str!("../../../README.md");
        for metric in all() {
            let section = page.split("\n### ").find(|section| section.lines().next() == Some(&metric.name));
            let section = section.unwrap_or_else(|| panic!("docs/metrics.md lacks {}", metric.name));
            assert!(section.contains(&format!("`{}`", metric.unit)), "docs/metrics.md: unit of {}", metric.name);
            assert!(readme.contains(&format!("`{}`", metric.name)), "README.md lacks {}", metric.name);
            if let Some(seed) = metric.seed {
                assert!(page.contains(seed.name) && readme.contains(seed.name), "{}", seed.name);
            }
        }
    }

    #[test]
    fn the_guide_s_names_are_exactly_these() {
        let mut seeds: Vec<_> = all().iter().filter_map(|metric| metric.seed).map(|seed| seed.name).collect();
        seeds.sort_unstable();
        assert_eq!(
            seeds,
            [
                "tfo_ebpf_sched_context_switches",
                "tfo_ebpf_sched_migrations",
                "tfo_ebpf_sched_oncpu_ns",
                "tfo_ebpf_sched_runq_latency_ns",
                "tfo_ebpf_syscall_count",
                "tfo_ebpf_syscall_errors",
                "tfo_ebpf_syscall_latency_ns",
            ]
        );
    }
}
