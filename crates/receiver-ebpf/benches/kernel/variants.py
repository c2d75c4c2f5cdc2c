"""What is measured, as tables. To add a variant of the agent's configuration add a line
to VARIANTS; nothing else has to know of it.

The agent is a black box: a variant is the receivers with their keys, as in YAML."""

import dataclasses

ALL = ("ebpf_syscalls", "ebpf_network", "ebpf_fileio", "ebpf_scheduler", "ebpf_memory", "ebpf_tcpstate")

# Name -> what one operation is.
WORKLOADS = {
    "getppid": "getppid",
    "pread": "pread of 1 byte, tmpfs",
    "pipe": "pipe round trip, 2 processes",
    "tcp": "TCP send + recv, loopback",
    "udp": "UDP send + recv, loopback",
    "fault": "page fault, mapping shared",
    "connect": "connect, accept, close",
}


@dataclasses.dataclass(frozen=True)
class Figure:
    """What one receiver gathers per event, and the most that it may cost as a share of bpftrace's."""

    receiver: str
    workload: str
    hooks: tuple  # on which the agent gathers it; the sums of all programs on them are compared
    script: str  # benches/bpftrace/SCRIPT.bt, which gathers the same
    seed_hooks: tuple
    target: float


SYSCALL = ("sys_enter", "sys_exit")
SWITCH = ("sched_switch", "sched_wakeup")
LENGTH = ("sock_send_length", "sock_recv_length")
PREAD = ("sys_enter_pread64", "sys_exit_pread64")
FIGURES = (
    Figure("ebpf_syscalls", "getppid", SYSCALL, "syscalls", SYSCALL, 1 / 4),
    Figure("ebpf_fileio", "pread", SYSCALL + PREAD, "fileio", PREAD, 1 / 4),
    Figure("ebpf_network", "tcp", LENGTH, "network", LENGTH, 1 / 4),
    Figure("ebpf_scheduler", "pipe", SWITCH, "scheduler", SWITCH, 1 / 4),
    Figure("ebpf_memory", "fault", ("page_fault_user",), "memory", ("page_fault_user",), 1 / 4),
    Figure("ebpf_tcpstate", "connect", ("inet_sock_set_state",), "tcpstate", ("inet_sock_set_state",), 2 / 3),
)


@dataclasses.dataclass(frozen=True)
class Variant:
    """A configuration of the agent, the workloads it is measured on, and the variant it is compared with."""

    name: str
    receivers: dict  # receiver -> keys besides collection_interval
    workloads: tuple
    versus: str = ""
    exclude: tuple = ()  # of process_filter; the workloads are called LOAD
    missing_ok: bool = False  # take those of the receivers that this agent has


LOAD = "tfo-bench-load"


def alone(receiver, workload, label="", **keys):
    """One receiver by itself."""
    return Variant(f"{receiver.removeprefix('ebpf_')}{label}", {receiver: keys}, (workload,))


def histograms(figure):
    """A receiver without and with histograms, whichever is the default."""
    off = alone(figure.receiver, figure.workload, ", no histograms", histograms=False)
    on = alone(figure.receiver, figure.workload, ", histograms", histograms=True)
    return off, dataclasses.replace(on, versus=off.name)


WITH_HISTOGRAMS = [figure for figure in FIGURES if figure.receiver != "ebpf_memory"]
VARIANTS = (
    Variant("all", dict.fromkeys(ALL, {}), tuple(WORKLOADS), missing_ok=True),
    Variant("syscalls", {"ebpf_syscalls": {}}, ("getppid", "pread")),
    *(alone(figure.receiver, figure.workload) for figure in FIGURES[1:]),
    Variant("syscalls + fileio", {"ebpf_syscalls": {}, "ebpf_fileio": {}}, ("pread",), versus="syscalls"),
    Variant("syscalls + network", {"ebpf_syscalls": {}, "ebpf_network": {}}, ("tcp",), versus="network"),
    Variant("fileio, pipes too", {"ebpf_fileio": {"file_types": ["regular", "pipe"]}}, ("pread",), versus="fileio"),
    *(variant for figure in WITH_HISTOGRAMS for variant in histograms(figure)),
    Variant("syscalls, denied", {"ebpf_syscalls": {}}, ("getppid",), versus="syscalls", exclude=(LOAD,)),
    Variant(
        "all, denied", dict.fromkeys(ALL, {}), ("getppid",), versus="all", exclude=(LOAD,), missing_ok=True
    ),
)
DENIED, COUNTED, DENIED_TARGET = "syscalls, denied", "syscalls", 1 / 4

# Of what the seed's design adds, end to end.
END_TO_END_TARGET, GEOMETRIC_MEAN_TARGET = 1 / 2, 1 / 3
