//! What the view shows of a process, and the metrics that it is taken from.
//!
//! The one table by which both sources, batches and pages, know what is meant for whom.

/// A number of a process that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    Calls,
    CallTime,
    Errors,
    Received,
    Sent,
    Connections,
    Retransmits,
    Read,
    Written,
    OnCpu,
    RunQueue,
    Switches,
    Migrations,
    Faults,
    MajorFaults,
}

/// How many of them there are.
pub(super) const FIGURES: usize = Figure::MajorFaults as usize + 1;

/// What of a process is spread over buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// Times of system calls.
    Calls,
    /// Waits for a CPU.
    Waits,
}

/// How many of them there are.
pub(super) const SPREADS: usize = Spread::Waits as usize + 1;

/// What one receiver reads at a time: these figures are of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Syscalls,
    Network,
    Files,
    Scheduler,
    Memory,
}

/// All of them, in the order of their numbers.
pub(super) const GROUPS: [Group; 5] = [Group::Syscalls, Group::Network, Group::Files, Group::Scheduler, Group::Memory];

impl Group {
    /// Its figures.
    pub(super) fn figures(self) -> &'static [Figure] {
        match self {
            Self::Syscalls => &[Figure::Calls, Figure::CallTime, Figure::Errors],
            Self::Network => &[Figure::Received, Figure::Sent, Figure::Connections, Figure::Retransmits],
            Self::Files => &[Figure::Read, Figure::Written],
            Self::Scheduler => &[Figure::OnCpu, Figure::RunQueue, Figure::Switches, Figure::Migrations],
            Self::Memory => &[Figure::Faults, Figure::MajorFaults],
        }
    }

    /// What it has in buckets.
    pub(super) fn spread(self) -> Option<Spread> {
        match self {
            Self::Syscalls => Some(Spread::Calls),
            Self::Scheduler => Some(Spread::Waits),
            _ => None,
        }
    }
}

/// Where a point belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Number(Figure),
    Buckets(Spread),
}

/// A metric, or that part of it whose points have an attribute.
#[derive(Debug)]
pub(super) struct Origin {
    /// OpenTelemetry's name.
    pub(super) metric: &'static str,
    /// An attribute and its value that a point must have.
    pub(super) only: Option<(&'static str, &'static str)>,
    /// What the same is called in the operations guide, if that has it; `only` holds there too where `labelled`.
    pub(super) guide: Option<&'static str>,
    pub(super) labelled: bool,
    pub(super) group: Group,
    pub(super) place: Place,
}

const fn origin(metric: &'static str, guide: Option<&'static str>, group: Group, figure: Figure) -> Origin {
    Origin { metric, only: None, guide, labelled: false, group, place: Place::Number(figure) }
}

const fn only(origin: Origin, key: &'static str, value: &'static str) -> Origin {
    Origin { only: Some((key, value)), ..origin }
}

const fn labelled(origin: Origin) -> Origin {
    Origin { labelled: true, ..origin }
}

const fn buckets(metric: &'static str, group: Group, spread: Spread) -> Origin {
    Origin { metric, only: None, guide: None, labelled: false, group, place: Place::Buckets(spread) }
}

const DIRECTION: &str = "network.io.direction";
const OPERATION: &str = "ebpf.file.operation";
const FILE_BYTES: Option<&str> = Some("tfo_ebpf_fileio_bytes");

/// All of them.
pub(super) static ORIGINS: [Origin; FIGURES + SPREADS] = {
    use Figure::*;
    use Group::{Files, Memory, Network, Scheduler, Syscalls};
    [
        origin("ebpf.syscalls", Some("tfo_ebpf_syscall_count"), Syscalls, Calls),
        origin("ebpf.syscall.time", Some("tfo_ebpf_syscall_latency_ns"), Syscalls, CallTime),
        origin("ebpf.syscall.errors", Some("tfo_ebpf_syscall_errors"), Syscalls, Errors),
        only(origin("process.network.io", Some("tfo_ebpf_tcp_bytes_recv"), Network, Received), DIRECTION, "receive"),
        only(origin("process.network.io", Some("tfo_ebpf_tcp_bytes_sent"), Network, Sent), DIRECTION, "transmit"),
        origin("ebpf.tcp.connections", Some("tfo_ebpf_tcp_connections"), Network, Connections),
        origin("ebpf.tcp.retransmits", Some("tfo_ebpf_tcp_retransmits"), Network, Retransmits),
        labelled(only(origin("ebpf.file.io", FILE_BYTES, Files, Read), OPERATION, "read")),
        labelled(only(origin("ebpf.file.io", FILE_BYTES, Files, Written), OPERATION, "write")),
        origin("ebpf.sched.oncpu.time", Some("tfo_ebpf_sched_oncpu_ns"), Scheduler, OnCpu),
        origin("ebpf.sched.runqueue.time", None, Scheduler, RunQueue),
        origin("process.context_switches", Some("tfo_ebpf_sched_context_switches"), Scheduler, Switches),
        origin("ebpf.sched.migrations", Some("tfo_ebpf_sched_migrations"), Scheduler, Migrations),
        origin("process.paging.faults", Some("tfo_ebpf_memory_page_faults"), Memory, Faults),
        only(
            origin("process.paging.faults", Some("tfo_ebpf_memory_major_faults"), Memory, MajorFaults),
            "system.paging.fault.type",
            "major",
        ),
        buckets("ebpf.syscall.duration", Syscalls, Spread::Calls),
        buckets("ebpf.sched.runqueue.latency", Scheduler, Spread::Waits),
    ]
};
