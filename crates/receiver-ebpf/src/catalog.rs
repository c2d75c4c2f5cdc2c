//! The metric catalog: every metric of this crate, and its name in the operations guide.
//!
//! Points are made from these descriptors, so nothing undocumented can leave.

use std::sync::{Arc, LazyLock};

use pdata::Instrument::{Counter, ExponentialHistogram, Gauge, UpDownCounter};
use pdata::NumberKind::{Nanoseconds, Unsigned};
use pdata::Temporality;
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
    /// Syscalls that ended: by their return, or with their thread (exit, and what a kill interrupts).
    SYSCALLS = "ebpf.syscalls", "{call}", Counter, Unsigned, seed("tfo_ebpf_syscall_count", &BY_SYSCALL);
    /// Time from entry to return of syscalls, waiting included.
    SYSCALL_TIME = "ebpf.syscall.time", "s", Counter, Nanoseconds, seed("tfo_ebpf_syscall_latency_ns", &BY_SYSCALL);
    /// Syscalls that returned an error, by error; restarts after a signal are none.
    SYSCALL_ERRORS = "ebpf.syscall.errors", "{error}", Counter, Unsigned, seed("tfo_ebpf_syscall_errors", &BY_SYSCALL);
    /// Distribution of the time from entry to return of syscalls (histograms: true).
    SYSCALL_DURATION = "ebpf.syscall.duration", "s", ExponentialHistogram, Nanoseconds, &[];
    /// Bytes that TCP and UDP calls really transferred.
    NETWORK_IO = "process.network.io", "By", Counter, Unsigned, &TCP_BYTES;
    /// UDP datagrams sent and received.
    UDP_DATAGRAMS = "ebpf.udp.datagrams", "{datagram}", Counter, Unsigned, &UDP_PACKETS;
    /// TCP connections established, by who began.
    TCP_CONNECTIONS = "ebpf.tcp.connections", "{connection}", Counter, Unsigned, seed("tfo_ebpf_tcp_connections", &BY_PROCESS);
    /// TCP connections that were begun and never established, by error.
    TCP_CONNECTION_FAILURES = "ebpf.tcp.connection.failures", "{connection}", Counter, Unsigned, &[];
    /// Observations of the smoothed round-trip time: one a send or receive that follows newly acknowledged packets.
    TCP_RTT_OBSERVATIONS = "ebpf.tcp.rtt.observations", "{observation}", Counter, Unsigned, &[];
    /// Sum of the observations of the smoothed round-trip time.
    TCP_RTT_TIME = "ebpf.tcp.rtt.time", "s", Counter, Nanoseconds, &[];
    /// Mean observation of the smoothed round-trip time over the last collection interval.
    TCP_RTT_MEAN = "ebpf.tcp.rtt.mean", "s", Gauge, Nanoseconds, seed("tfo_ebpf_tcp_rtt_ns", &BY_PROCESS);
    /// Distribution of the observations of the smoothed round-trip time (histograms: true).
    TCP_RTT = "ebpf.tcp.rtt", "s", ExponentialHistogram, Nanoseconds, &[];
    /// TCP segments sent again, by the process that owns the socket.
    TCP_RETRANSMITS = "ebpf.tcp.retransmits", "{segment}", Counter, Unsigned, seed("tfo_ebpf_tcp_retransmits", &BY_PROCESS);
    /// File operations by kind, failed ones included.
    FILE_OPERATIONS = "ebpf.file.operations", "{operation}", Counter, Unsigned, seed("tfo_ebpf_fileio_operations", &BY_OPERATION);
    /// Bytes that file operations really read or wrote.
    FILE_IO = "ebpf.file.io", "By", Counter, Unsigned, seed("tfo_ebpf_fileio_bytes", &BY_OPERATION);
    /// Time that file operations took, waiting included.
    FILE_OPERATION_TIME = "ebpf.file.operation.time", "s", Counter, Nanoseconds, seed("tfo_ebpf_fileio_latency_ns", &BY_OPERATION);
    /// File operations that failed, by error.
    FILE_ERRORS = "ebpf.file.errors", "{error}", Counter, Unsigned, &[];
    /// Distribution of the time that file operations took (histograms: true).
    FILE_OPERATION_DURATION = "ebpf.file.operation.duration", "s", ExponentialHistogram, Nanoseconds, &[];
    /// Times that a thread of the process left its CPU, by its own will or not.
    CONTEXT_SWITCHES = "process.context_switches", "{context_switch}", Counter, Unsigned, seed("tfo_ebpf_sched_context_switches", &BY_PROCESS);
    /// Time that threads of the process were runnable without a CPU.
    RUNQUEUE_TIME = "ebpf.sched.runqueue.time", "s", Counter, Nanoseconds, &[];
    /// Mean wait for a CPU over the last collection interval.
    RUNQUEUE_MEAN = "ebpf.sched.runqueue.mean", "s", Gauge, Nanoseconds, seed("tfo_ebpf_sched_runq_latency_ns", &BY_PROCESS);
    /// Distribution of the waits for a CPU, one a time slice (histograms: true).
    RUNQUEUE_LATENCY = "ebpf.sched.runqueue.latency", "s", ExponentialHistogram, Nanoseconds, &[];
    /// Time that threads of the process were on a CPU.
    ONCPU_TIME = "ebpf.sched.oncpu.time", "s", Counter, Nanoseconds, seed("tfo_ebpf_sched_oncpu_ns", &BY_PROCESS);
    /// Times that a thread of the process was moved to another CPU.
    MIGRATIONS = "ebpf.sched.migrations", "{migration}", Counter, Unsigned, seed("tfo_ebpf_sched_migrations", &BY_PROCESS);
    /// Page faults that the kernel completed: major ones had to read, by the mode that they were made in.
    PAGING_FAULTS = "process.paging.faults", "{fault}", Counter, Unsigned, &FAULTS;
    /// Times that the OOM killer chose the process.
    OOM_KILLS = "ebpf.memory.oom_kills", "{kill}", Counter, Unsigned, &[];
    /// TCP state transitions, by the process that owns the socket where one is known.
    TCP_TRANSITIONS = "ebpf.tcp.state.transitions", "{transition}", Counter, Unsigned, seed("tfo_ebpf_tcp_state_transitions", &BY_STATES);
    /// TCP connections that ended after they were established.
    TCP_CONNECTIONS_CLOSED = "ebpf.tcp.connections.closed", "{connection}", Counter, Unsigned, &[];
    /// Sum of the durations of TCP connections that ended, from established to closed.
    TCP_CONNECTION_TIME = "ebpf.tcp.connection.time", "s", Counter, Nanoseconds, &[];
    /// Distribution of the durations of TCP connections that ended (histograms: true).
    TCP_CONNECTION_DURATION = "ebpf.tcp.connection.duration", "s", ExponentialHistogram, Nanoseconds, &[];
    /// TCP sockets of the agent's network namespace by state.
    OPEN_CONNECTIONS = "system.network.connection.count", "{connection}", UpDownCounter, Unsigned, &[];
    /// Whether the programs of a sub-collector are attached: 1 or 0.
    ATTACHED = "tfo.ebpf.attached", "{sub_collector}", Gauge, Unsigned, &[];
    /// Programs that are attached, and the kind of hook that each is attached by: 1.
    PROGRAM_ATTACHED = "tfo.ebpf.program.attached", "{program}", Gauge, Unsigned, &[];
    /// Runs of a kernel program.
    PROGRAM_EVENTS = "tfo.ebpf.program.events", "{event}", Counter, Unsigned, &[];
    /// Time that a kernel program took, estimated from one run of 1,024 and without reading the clock for it.
    PROGRAM_TIME = "tfo.ebpf.program.time", "s", Counter, Nanoseconds, &[];
    /// Events, processes and tasks that gave up detail, by reason.
    LOSS = "tfo.ebpf.loss", "{event}", Counter, Unsigned, &[];
    /// Events that are in the books of the programs and not in those of the processes, or the other way round: 0.
    SELF_CHECK = "tfo.ebpf.selfcheck.difference", "{event}", Gauge, Unsigned, &[];
    /// Memory of the mapped arrays.
    MAP_MEMORY = "tfo.ebpf.map.memory", "By", Gauge, Unsigned, &[];
    /// Process slots that are free for newcomers.
    FREE_SLOTS = "tfo.ebpf.slots.free", "{slot}", Gauge, Unsigned, &[];
}

const PID: SeedLabel = SeedLabel::new("pid", pdata::Attributes::PID);
const COMM: SeedLabel = SeedLabel::new("comm", pdata::Attributes::COMM);
const BY_PROCESS: [SeedLabel; 2] = [PID, COMM];
const BY_SYSCALL: [SeedLabel; 3] = [PID, COMM, SeedLabel::new("syscall", SYSCALL_NAME)];
const BY_OPERATION: [SeedLabel; 3] = [PID, COMM, SeedLabel::new("operation", FILE_OPERATION)];
const BY_STATES: [SeedLabel; 3] = [
    PID,
    SeedLabel::new("old_state", STATE_FROM).spelled(&GUIDE_STATES),
    SeedLabel::new("new_state", STATE_TO).spelled(&GUIDE_STATES),
];

static TCP_BYTES: [SeedName; 2] = [
    SeedName::new("tfo_ebpf_tcp_bytes_sent", &BY_PROCESS)
        .only(&[(NETWORK_TRANSPORT, "tcp"), (NETWORK_DIRECTION, "transmit")]),
    SeedName::new("tfo_ebpf_tcp_bytes_recv", &BY_PROCESS)
        .only(&[(NETWORK_TRANSPORT, "tcp"), (NETWORK_DIRECTION, "receive")]),
];
static UDP_PACKETS: [SeedName; 2] = [
    SeedName::new("tfo_ebpf_udp_packets_sent", &BY_PROCESS).only(&[(NETWORK_DIRECTION, "transmit")]),
    SeedName::new("tfo_ebpf_udp_packets_recv", &BY_PROCESS).only(&[(NETWORK_DIRECTION, "receive")]),
];
static FAULTS: [SeedName; 3] = [
    SeedName::new("tfo_ebpf_memory_page_faults", &BY_PROCESS),
    SeedName::new("tfo_ebpf_memory_major_faults", &BY_PROCESS).only(&[(FAULT_TYPE, "major")]),
    SeedName::new("tfo_ebpf_memory_minor_faults", &BY_PROCESS).only(&[(FAULT_TYPE, "minor")]),
];

/// Attribute: the kernel's name of a syscall, such as `openat`.
pub(crate) const SYSCALL_NAME: &str = "ebpf.syscall.name";
/// Attribute: `compat` of a 32-bit call.
pub(crate) const SYSCALL_ABI: &str = "ebpf.syscall.abi";
/// Attribute: the kernel's name of an error, such as `ENOENT`.
pub(crate) const ERROR_TYPE: &str = "error.type";
/// Attribute: `voluntary` or `involuntary`.
pub(crate) const CONTEXT_SWITCH_TYPE: &str = "process.context_switch.type";
/// Attribute: `transmit` or `receive`.
pub(crate) const NETWORK_DIRECTION: &str = "network.io.direction";
/// Attribute: `tcp` or `udp`.
pub(crate) const NETWORK_TRANSPORT: &str = "network.transport";
/// Attribute: `ipv4` or `ipv6`.
pub(crate) const NETWORK_TYPE: &str = "network.type";
/// Attribute: `active` or `passive`.
pub(crate) const TCP_ROLE: &str = "ebpf.tcp.role";
/// Attribute: `read`, `write`, `open` or `fsync`.
pub(crate) const FILE_OPERATION: &str = "ebpf.file.operation";
/// Attribute: what kind of file, such as `regular`.
pub(crate) const FILE_TYPE: &str = "ebpf.file.type";
/// Attribute: `major` or `minor`.
pub(crate) const FAULT_TYPE: &str = "system.paging.fault.type";
/// Attribute: `user` or `kernel`.
pub(crate) const FAULT_MODE: &str = "ebpf.paging.mode";
/// Attribute: a state of [`TCP_STATES`].
pub(crate) const CONNECTION_STATE: &str = "network.connection.state";
/// Attribute: a state of [`TCP_STATES`].
pub(crate) const STATE_FROM: &str = "ebpf.tcp.state.from";
/// Attribute: a state of [`TCP_STATES`].
pub(crate) const STATE_TO: &str = "ebpf.tcp.state.to";

/// States of TCP sockets by the kernel's number, as OpenTelemetry calls them.
pub(crate) const TCP_STATES: [&str; 13] = [
    "unknown",
    "established",
    "syn_sent",
    "syn_received",
    "fin_wait_1",
    "fin_wait_2",
    "time_wait",
    "closed",
    "close_wait",
    "last_ack",
    "listen",
    "closing",
    "new_syn_received",
];

/// What the guide calls them.
static GUIDE_STATES: [(&str, &str); 12] = [
    ("established", "ESTABLISHED"),
    ("syn_sent", "SYN_SENT"),
    ("syn_received", "SYN_RECV"),
    ("fin_wait_1", "FIN_WAIT1"),
    ("fin_wait_2", "FIN_WAIT2"),
    ("time_wait", "TIME_WAIT"),
    ("closed", "CLOSE"),
    ("close_wait", "CLOSE_WAIT"),
    ("last_ack", "LAST_ACK"),
    ("listen", "LISTEN"),
    ("closing", "CLOSING"),
    ("new_syn_received", "NEW_SYN_RECV"),
];

fn seed(name: &'static str, labels: &'static [SeedLabel]) -> &'static [SeedName] {
    // One per metric, made once, for the life of the process.
    Box::leak(Box::new([SeedName::new(name, labels)]))
}

fn describe(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    instrument: Instrument,
    number: NumberKind,
    seeds: &'static [SeedName],
) -> Arc<Descriptor> {
    Arc::new(Descriptor {
        name: name.into(),
        unit: unit.into(),
        description: description.into(),
        instrument,
        temporality: Temporality::Cumulative,
        number,
        seeds,
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
            for seed in metric.seeds {
                assert!(page.contains(seed.name) && readme.contains(seed.name), "{}", seed.name);
            }
        }
    }

    #[test]
    fn the_guide_s_names_are_exactly_these() {
        let mut seeds: Vec<_> = all().iter().flat_map(|metric| metric.seeds).map(|seed| seed.name).collect();
        seeds.sort_unstable();
        assert_eq!(
            seeds,
            [
                "tfo_ebpf_fileio_bytes",
                "tfo_ebpf_fileio_latency_ns",
                "tfo_ebpf_fileio_operations",
                "tfo_ebpf_memory_major_faults",
                "tfo_ebpf_memory_minor_faults",
                "tfo_ebpf_memory_page_faults",
                "tfo_ebpf_sched_context_switches",
                "tfo_ebpf_sched_migrations",
                "tfo_ebpf_sched_oncpu_ns",
                "tfo_ebpf_sched_runq_latency_ns",
                "tfo_ebpf_syscall_count",
                "tfo_ebpf_syscall_errors",
                "tfo_ebpf_syscall_latency_ns",
                "tfo_ebpf_tcp_bytes_recv",
                "tfo_ebpf_tcp_bytes_sent",
                "tfo_ebpf_tcp_connections",
                "tfo_ebpf_tcp_retransmits",
                "tfo_ebpf_tcp_rtt_ns",
                "tfo_ebpf_tcp_state_transitions",
                "tfo_ebpf_udp_packets_recv",
                "tfo_ebpf_udp_packets_sent",
            ]
        );
    }
}
