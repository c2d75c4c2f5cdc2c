//! Which metric stands where on which dashboard, and by which attributes it is split. All else is the catalog's.

/// A dashboard.
pub(super) struct Board {
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    /// Whether its figures are those of processes, which can be chosen by name.
    pub(super) processes: bool,
    pub(super) rows: &'static [(&'static str, &'static [Panel])],
}

/// One panel.
pub(super) enum Panel {
    /// A metric and the attributes that it is split by: rates of counters, quantiles of histograms, gauges as they are.
    Of(&'static str, &'static [&'static str]),
    /// Title, and two counters of which the first is divided by the second, by attributes.
    Ratio(&'static str, &'static str, &'static str, &'static [&'static str]),
}

use Panel::{Of, Ratio};

const COMM: &str = "ebpf.comm";
const CALL: &[&str] = &[COMM, "ebpf.syscall.name"];
const OPERATION: &[&str] = &[COMM, "ebpf.file.operation"];
const WHO: &[&str] = &[COMM];
const EXPORTER: &[&str] = &["exporter"];
const PROCESSOR: &[&str] = &["pipeline", "processor"];
const COLLECTOR: &[&str] = &["ebpf.sub_collector"];

/// What processes do.
pub(super) static PROCESSES: Board = Board {
    uid: "tfo-agent-processes",
    title: "tfo-agent: what processes do",
    processes: true,
    rows: &[
        (
            "System calls",
            &[
                Of("ebpf.syscalls", CALL),
                Ratio("Mean time of a call", "ebpf.syscall.time", "ebpf.syscalls", CALL),
                Of("ebpf.syscall.time", CALL),
                Of("ebpf.syscall.errors", &[COMM, "ebpf.syscall.name", "error.type"]),
                Of("ebpf.syscall.duration", CALL),
            ],
        ),
        (
            "Network",
            &[
                Of("process.network.io", &[COMM, "network.io.direction", "network.transport"]),
                Of("ebpf.udp.datagrams", &[COMM, "network.io.direction"]),
                Of("ebpf.tcp.connections", &[COMM, "ebpf.tcp.role"]),
                Of("ebpf.tcp.connection.failures", &[COMM, "error.type"]),
                Of("ebpf.tcp.retransmits", WHO),
                Of("ebpf.tcp.rtt.mean", WHO),
                Ratio("Mean round trip", "ebpf.tcp.rtt.time", "ebpf.tcp.rtt.observations", WHO),
                Of("ebpf.tcp.rtt.time", WHO),
                Of("ebpf.tcp.rtt.observations", WHO),
                Of("ebpf.tcp.rtt", WHO),
            ],
        ),
        (
            "Files",
            &[
                Of("ebpf.file.operations", OPERATION),
                Of("ebpf.file.io", OPERATION),
                Ratio("Mean time of an operation", "ebpf.file.operation.time", "ebpf.file.operations", OPERATION),
                Of("ebpf.file.operation.time", OPERATION),
                Of("ebpf.file.errors", &[COMM, "ebpf.file.operation", "error.type"]),
                Of("ebpf.file.operation.duration", OPERATION),
            ],
        ),
        (
            "Scheduler",
            &[
                Of("ebpf.sched.oncpu.time", WHO),
                Of("ebpf.sched.runqueue.time", WHO),
                Of("ebpf.sched.runqueue.mean", WHO),
                Of("process.context_switches", &[COMM, "process.context_switch.type"]),
                Of("ebpf.sched.migrations", WHO),
                Of("ebpf.sched.runqueue.latency", WHO),
            ],
        ),
        (
            "Memory",
            &[Of("process.paging.faults", &[COMM, "system.paging.fault.type"]), Of("ebpf.memory.oom_kills", WHO)],
        ),
        (
            "TCP connections",
            &[
                Of("system.network.connection.count", &["network.connection.state"]),
                Of("ebpf.tcp.state.transitions", &["ebpf.tcp.state.from", "ebpf.tcp.state.to"]),
                Of("ebpf.tcp.connections.closed", WHO),
                Ratio("Mean life of a connection", "ebpf.tcp.connection.time", "ebpf.tcp.connections.closed", WHO),
                Of("ebpf.tcp.connection.time", WHO),
                Of("ebpf.tcp.connection.duration", WHO),
            ],
        ),
    ],
};

/// How the agent itself is doing.
pub(super) static AGENT: Board = Board {
    uid: "tfo-agent-self",
    title: "tfo-agent: the agent itself",
    processes: false,
    rows: &[
        (
            "Is it well",
            &[
                Of("tfo.ebpf.attached", COLLECTOR),
                Of("tfo.ebpf.selfcheck.difference", COLLECTOR),
                Of("tfo.ebpf.loss", &["reason"]),
                Of("tfo.component.works", &["otelcol.component.kind", "otelcol.component.id"]),
                Of("tfo.config.reloads", &["result"]),
                Of("otelcol_process_uptime", &[]),
            ],
        ),
        (
            "What it costs",
            &[
                Of("otelcol_process_cpu_seconds", &[]),
                Of("otelcol_process_memory_rss", &[]),
                Of("tfo.ebpf.map.memory", &[]),
                Of("tfo.ebpf.slots.free", &[]),
                Of("tfo.ebpf.program.events", &["program"]),
                Of("tfo.ebpf.program.time", &["program"]),
                Ratio("Mean time of a program's run", "tfo.ebpf.program.time", "tfo.ebpf.program.events", &["program"]),
                Of("tfo.ebpf.program.attached", &["program", "rung"]),
            ],
        ),
        (
            "Pipelines",
            &[
                Of("otelcol_receiver_accepted_metric_points", &["receiver"]),
                Of("otelcol_receiver_refused_metric_points", &["receiver"]),
                Of("otelcol_processor_incoming_items", PROCESSOR),
                Of("otelcol_processor_outgoing_items", PROCESSOR),
                Of("otelcol_exporter_sent_metric_points", EXPORTER),
                Of("otelcol_exporter_send_failed_metric_points", EXPORTER),
                Of("otelcol_exporter_enqueue_failed_metric_points", EXPORTER),
                Of("otelcol_exporter_queue_size", EXPORTER),
                Of("otelcol_exporter_queue_capacity", EXPORTER),
                Of("tfo.exporter.merged_points", EXPORTER),
            ],
        ),
    ],
};
