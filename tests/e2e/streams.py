"""Streams of the Collector's file and of our pages under one key, so that they
can be compared: metric name plus labels as the page has them."""

import collections
import json
import math
import re

# Our metrics: OTel name -> unit, kind (updown: a sum that may fall). Others on the wire or the page are not compared.
METRICS = {
    "ebpf.syscalls": ("{call}", "counter"),
    "ebpf.syscall.time": ("s", "counter"),
    "ebpf.syscall.errors": ("{error}", "counter"),
    "process.network.io": ("By", "counter"),
    "ebpf.udp.datagrams": ("{datagram}", "counter"),
    "ebpf.tcp.connections": ("{connection}", "counter"),
    "ebpf.tcp.connection.failures": ("{connection}", "counter"),
    "ebpf.tcp.rtt.observations": ("{observation}", "counter"),
    "ebpf.tcp.rtt.time": ("s", "counter"),
    "ebpf.tcp.rtt.mean": ("s", "gauge"),
    "ebpf.tcp.retransmits": ("{segment}", "counter"),
    "ebpf.file.operations": ("{operation}", "counter"),
    "ebpf.file.io": ("By", "counter"),
    "ebpf.file.operation.time": ("s", "counter"),
    "ebpf.file.errors": ("{error}", "counter"),
    "process.context_switches": ("{context_switch}", "counter"),
    "ebpf.sched.runqueue.time": ("s", "counter"),
    "ebpf.sched.runqueue.mean": ("s", "gauge"),
    "ebpf.sched.oncpu.time": ("s", "counter"),
    "ebpf.sched.migrations": ("{migration}", "counter"),
    "process.paging.faults": ("{fault}", "counter"),
    "ebpf.memory.oom_kills": ("{kill}", "counter"),
    "ebpf.tcp.state.transitions": ("{transition}", "counter"),
    "ebpf.tcp.connections.closed": ("{connection}", "counter"),
    "ebpf.tcp.connection.time": ("s", "counter"),
    "system.network.connection.count": ("{connection}", "updown"),
}

# Those that a machine may have none of.
RARE = {"ebpf.memory.oom_kills", "ebpf.tcp.retransmits"}

# Those whose points are distributions and that AGENT asks for; those of syscalls and waits would be most of
# all series: OTel name -> unit. An agent sends them with `histograms: true`
# on its receivers (AGENT in peers.py); what stands here is compared bucket by bucket (histograms.py).
HISTOGRAMS = {
    "ebpf.tcp.rtt": "s",
    "ebpf.file.operation.duration": "s",
    "ebpf.tcp.connection.duration": "s",
}

# A name of the seed: label -> attribute (what it lacks is summed over), attributes with the values that a
# stream must have to count there, by what the value is multiplied (s to ns), attribute's value -> the seed's.
Name = collections.namedtuple("Name", "name labels only factor spelling", defaults=({}, 1, {}))
PROCESS = {"pid": "process.pid", "comm": "ebpf.comm"}
SYSCALL = {**PROCESS, "syscall": "ebpf.syscall.name"}
FILE = {**PROCESS, "operation": "ebpf.file.operation"}
TCP_STATES = {
    "established": "ESTABLISHED", "syn_sent": "SYN_SENT", "syn_received": "SYN_RECV", "fin_wait_1": "FIN_WAIT1",
    "fin_wait_2": "FIN_WAIT2", "time_wait": "TIME_WAIT", "closed": "CLOSE", "close_wait": "CLOSE_WAIT",
    "last_ack": "LAST_ACK", "listen": "LISTEN", "closing": "CLOSING", "new_syn_received": "NEW_SYN_RECV",
}
DIRECTIONS = (("sent", "transmit"), ("recv", "receive"))
SEED = {
    "ebpf.syscalls": [Name("tfo_ebpf_syscall_count", SYSCALL)],
    "ebpf.syscall.time": [Name("tfo_ebpf_syscall_latency_ns", SYSCALL, factor=1e9)],
    "ebpf.syscall.errors": [Name("tfo_ebpf_syscall_errors", SYSCALL)],
    "process.context_switches": [Name("tfo_ebpf_sched_context_switches", PROCESS)],
    "ebpf.sched.runqueue.mean": [Name("tfo_ebpf_sched_runq_latency_ns", PROCESS, factor=1e9)],
    "ebpf.sched.oncpu.time": [Name("tfo_ebpf_sched_oncpu_ns", PROCESS, factor=1e9)],
    "ebpf.sched.migrations": [Name("tfo_ebpf_sched_migrations", PROCESS)],
    "process.network.io": [
        Name(f"tfo_ebpf_tcp_bytes_{word}", PROCESS, {"network.transport": "tcp", "network.io.direction": direction})
        for word, direction in DIRECTIONS
    ],
    "ebpf.udp.datagrams": [
        Name(f"tfo_ebpf_udp_packets_{word}", PROCESS, {"network.io.direction": direction}) for word, direction in DIRECTIONS
    ],
    "ebpf.tcp.connections": [Name("tfo_ebpf_tcp_connections", PROCESS)],
    "ebpf.tcp.rtt.mean": [Name("tfo_ebpf_tcp_rtt_ns", PROCESS, factor=1e9)],
    "ebpf.tcp.retransmits": [Name("tfo_ebpf_tcp_retransmits", PROCESS)],
    "ebpf.file.operations": [Name("tfo_ebpf_fileio_operations", FILE)],
    "ebpf.file.io": [Name("tfo_ebpf_fileio_bytes", FILE)],
    "ebpf.file.operation.time": [Name("tfo_ebpf_fileio_latency_ns", FILE, factor=1e9)],
    "process.paging.faults": [
        Name("tfo_ebpf_memory_page_faults", PROCESS),
        Name("tfo_ebpf_memory_major_faults", PROCESS, {"system.paging.fault.type": "major"}),
        Name("tfo_ebpf_memory_minor_faults", PROCESS, {"system.paging.fault.type": "minor"}),
    ],
    "ebpf.tcp.state.transitions": [
        Name(
            "tfo_ebpf_tcp_state_transitions",
            {"pid": "process.pid", "old_state": "ebpf.tcp.state.from", "new_state": "ebpf.tcp.state.to"},
            spelling=TCP_STATES,
        ),
    ],
}
# Attributes that have the seed's label also where the metric has no name of the seed.
SEED_LABELS = {"process.pid": "pid", "ebpf.comm": "comm", "otel.metric.overflow": "overflow"}
UNITS = {"s": "seconds", "By": "bytes"}


def is_about_source(label):
    """Whether a label says who was asked or who observed it, and not which stream it is."""
    return label.startswith("otel_scope_") or label.removeprefix("exported_") in ("__name__", "job", "instance")


def label_of(key):
    """An attribute's label by the OTLP-to-Prometheus rules."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", key)


def otel_name(name):
    """A metric's name by the OTLP-to-Prometheus rules."""
    unit, kind = METRICS[name]
    words = label_of(name).split("_")
    if unit in UNITS and UNITS[unit] not in words:
        words.append(UNITS[unit])
    if kind == "counter":
        words.append("total")
    return "_".join(words)


def own_seed_name(name):
    """A metric's name on a page with naming: seed for streams that the seed has no name for."""
    return otel_name(name) if name.startswith("tfo.") else "tfo_" + otel_name(name)


def otel_keys(name, attributes):
    """The stream's name and labels on a page with naming: otel, and its factor: one pair."""
    labels = {label_of(key): value for key, value in attributes}
    return [((otel_name(name), frozenset(labels.items())), 1)]


def seed_keys(name, attributes):
    """The same on a page with naming: seed, one pair for each name that the stream counts under."""
    values, keys = dict(attributes), []
    for seed in SEED.get(name, []):
        if all(values.get(key) == value for key, value in seed.only.items()):
            listed = {**seed.labels, "overflow": "otel.metric.overflow"}
            labels = frozenset((label, seed.spelling.get(values[key], values[key])) for label, key in listed.items() if key in values)
            keys.append(((seed.name, labels), seed.factor))
    if not keys:
        labels = {SEED_LABELS.get(key, label_of(key)): value for key, value in attributes}
        keys.append(((own_seed_name(name), frozenset(labels.items())), 1))
    return keys


KEYS = {"seed": seed_keys, "otel": otel_keys}
FAMILIES = {
    "seed": {seed.name for name in METRICS for seed in SEED.get(name, [])} | {own_seed_name(name) for name in METRICS},
    "otel": {otel_name(name) for name in METRICS},
}

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?')
ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def parse_page(text):
    """(name, labels) -> value of every sample. A line it cannot read, or a stream
    that stands there twice, is an error."""
    samples = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        if not match:
            raise ValueError(f"not a sample: {line!r}")
        name, inner, value = match.groups()
        labels = {
            key: re.sub(r'\\[\\"n]', lambda escape: ESCAPES[escape.group()], text)
            for key, text in LABEL.findall(inner or "")
            if not is_about_source(key)
        }
        key = (name, frozenset(labels.items()))
        if key in samples:
            raise ValueError(f"twice on the page: {line!r}")
        samples[key] = float(value)
    return samples


def text_of(value):
    """An OTLP JSON attribute value as label text."""
    (kind, inner), = value.items()
    return str(inner).lower() if kind == "boolValue" else str(inner)


class Points:
    """What the Collector wrote: every point of every stream, in order of time."""

    def __init__(self, path):
        self.streams = {}  # (OTel name, attributes) -> [(time ns, value, start ns)]
        self.distributions = {}  # (OTel name, attributes) -> [data points as they are written]
        self.faults = []  # what is wrong with the metrics themselves
        for line in path.read_text().splitlines():
            for resource in json.loads(line).get("resourceMetrics", []):
                for scope in resource.get("scopeMetrics", []):
                    for metric in scope.get("metrics", []):
                        self.add(metric)
        for points in self.streams.values():
            points.sort()
        for points in self.distributions.values():
            points.sort(key=lambda point: int(point["timeUnixNano"]))

    def add(self, metric):
        name = metric["name"]
        if "exponentialHistogram" in metric:
            self.add_distributions(name, metric)
            return
        if name not in METRICS:
            return
        unit, kind = METRICS[name]
        data = metric.get("gauge" if kind == "gauge" else "sum")
        if data is None or metric.get("unit") != unit:
            self.faults.append(f"{name}: wanted a {kind} in {unit}, got {metric.get('unit')} and {sorted(metric)}")
            return
        if kind != "gauge" and (data.get("aggregationTemporality"), data.get("isMonotonic", False)) != (2, kind == "counter"):
            self.faults.append(f"{name}: not cumulative, or monotonic where it should not be, or not where it should")
        for point in data.get("dataPoints", []):
            attributes = frozenset((each["key"], text_of(each["value"])) for each in point.get("attributes", []))
            value = float(point.get("asInt", point.get("asDouble", math.nan)))
            self.streams.setdefault((name, attributes), []).append(
                (int(point["timeUnixNano"]), value, int(point.get("startTimeUnixNano", 0)))
            )

    def add_distributions(self, name, metric):
        data, unit = metric["exponentialHistogram"], metric.get("unit")
        if data.get("aggregationTemporality") != 2:
            self.faults.append(f"{name}: not cumulative")
        if HISTOGRAMS.get(name, unit) != unit:
            self.faults.append(f"{name}: in {unit}")
        for point in data.get("dataPoints", []):
            attributes = frozenset((each["key"], text_of(each["value"])) for each in point.get("attributes", []))
            self.distributions.setdefault((name, attributes), []).append(point)

    def order_faults(self, interval):
        """Streams whose time stands still, whose total falls, that have no start, or
        that come more often than every interval (s); shutdown may bring one more."""
        faults = []
        for (name, attributes), points in self.streams.items():
            where = f"{name} {dict(sorted(attributes))}"
            span = (points[-1][0] - points[0][0]) / 1e9
            if len(points) > span / interval + 3:
                faults.append(f"{where}: {len(points)} points in {span:.1f} s")
            for before, after in zip(points, points[1:]):
                if after[0] == before[0]:
                    faults.append(f"{where}: two points at {after[0]}")
                if METRICS[name][1] == "counter" and after[1] < before[1]:
                    faults.append(f"{where}: fell from {before[1]} to {after[1]}")
            time, _, start = points[-1]
            if METRICS[name][1] == "counter" and not 0 < start <= time:
                faults.append(f"{where}: start {start} of time {time}")
        return faults

    def by_page(self, naming):
        """Page key -> the histories of the streams that the page sums up in it."""
        result = {}
        for (name, attributes), points in self.streams.items():
            for key, factor in KEYS[naming](name, attributes):
                scaled = [(time, value * factor) for time, value, _ in points]
                result.setdefault(key, []).append((METRICS[name][1], scaled))
        return result


def same(page, pushed):
    """Equal but for the last digit that seconds as a double lose against nanoseconds."""
    return page == pushed or abs(page - pushed) <= max(1e-9, 1e-12 * abs(pushed))


def compare(page, histories, naming, before, after, is_exited):
    """Faults between a page, fetched between two times (s), and the Collector's streams.

    A stream of an exited process must be equal to the last digit. One of a live
    process must lie between the last value pushed before the page was fetched and
    the first one pushed after it. Half a second is granted to a batch on its way.
    Returns (streams compared for equality, streams bracketed, faults)."""
    equal = bracketed = 0
    faults = []
    settled = (before - 0.5) * 1e9
    for key, value in page.items():
        if key[0] not in FAMILIES[naming]:
            continue
        where = f"{key[0]}{dict(sorted(key[1]))}"
        streams = histories.get(key)
        if streams is None:
            faults.append(f"{where}: on the page, never pushed")
        elif is_exited(dict(key[1])):
            equal += 1
            pushed = sum(points[-1][1] for _, points in streams)
            if not same(value, pushed):
                faults.append(f"{where}: {value} on the page, {pushed} pushed")
        elif streams[0][0] == "counter":
            bracketed += 1
            low = sum(max((v for time, v in points if time <= settled), default=0) for _, points in streams)
            high = sum(
                min((v for time, v in points if time >= after * 1e9), default=points[-1][1])
                for _, points in streams
            )
            if not (low <= value or same(value, low)) or not (value <= high or same(value, high)):
                faults.append(f"{where}: {value} on the page is not between {low} and {high}")
    for key, streams in histories.items():
        around = any(points[0][0] <= settled and points[-1][0] >= after * 1e9 for _, points in streams)
        if around and key not in page:
            faults.append(f"{key[0]}{dict(sorted(key[1]))}: pushed, not on the page")
    return equal, bracketed, faults
