"""Streams of the Collector's file and of our pages under one key, so that they
can be compared: metric name plus labels as the page has them."""

import json
import math
import re

# Our metrics: OTel name -> unit, kind. Others on the wire or the page are not compared.
METRICS = {
    "ebpf.syscalls": ("{call}", "counter"),
    "ebpf.syscall.time": ("s", "counter"),
    "ebpf.syscall.errors": ("{error}", "counter"),
    "process.context_switches": ("{context_switch}", "counter"),
    "ebpf.sched.runqueue.time": ("s", "counter"),
    "ebpf.sched.runqueue.mean": ("s", "gauge"),
    "ebpf.sched.oncpu.time": ("s", "counter"),
    "ebpf.sched.migrations": ("{migration}", "counter"),
}

# OTel name -> the seed's name, and by what the value is multiplied (s to ns).
SEED = {
    "ebpf.syscalls": ("tfo_ebpf_syscall_count", 1),
    "ebpf.syscall.time": ("tfo_ebpf_syscall_latency_ns", 1e9),
    "ebpf.syscall.errors": ("tfo_ebpf_syscall_errors", 1),
    "process.context_switches": ("tfo_ebpf_sched_context_switches", 1),
    "ebpf.sched.runqueue.mean": ("tfo_ebpf_sched_runq_latency_ns", 1e9),
    "ebpf.sched.oncpu.time": ("tfo_ebpf_sched_oncpu_ns", 1e9),
    "ebpf.sched.migrations": ("tfo_ebpf_sched_migrations", 1),
}
# Attribute -> the seed's label. What the seed lacks (the kind of a switch) is summed over.
SEED_LABELS = {
    "process.pid": "pid",
    "ebpf.comm": "comm",
    "ebpf.syscall.name": "syscall",
    "otel.metric.overflow": "overflow",
}


def otel_name(name):
    """A metric's name by the OTLP-to-Prometheus rules."""
    unit, kind = METRICS[name]
    words = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return words + ("_seconds" if unit == "s" else "") + ("_total" if kind == "counter" else "")


def otel_key(name, attributes):
    """The stream's name and labels on a page with naming: otel, and its factor."""
    labels = {re.sub(r"[^a-zA-Z0-9_]", "_", key): value for key, value in attributes}
    return (otel_name(name), frozenset(labels.items())), 1


def seed_key(name, attributes):
    """The same on a page with naming: seed; None where the seed has no name."""
    if name not in SEED:
        return None, 1
    labels = {SEED_LABELS[key]: value for key, value in attributes if key in SEED_LABELS}
    return (SEED[name][0], frozenset(labels.items())), SEED[name][1]


KEYS = {"seed": seed_key, "otel": otel_key}
FAMILIES = {"seed": {name for name, _ in SEED.values()}, "otel": {otel_name(name) for name in METRICS}}

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
            if not key.startswith("otel_scope_")
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
        self.faults = []  # what is wrong with the metrics themselves
        for line in path.read_text().splitlines():
            for resource in json.loads(line).get("resourceMetrics", []):
                for scope in resource.get("scopeMetrics", []):
                    for metric in scope.get("metrics", []):
                        self.add(metric)
        for points in self.streams.values():
            points.sort()

    def add(self, metric):
        name = metric["name"]
        if name not in METRICS:
            return
        unit, kind = METRICS[name]
        data = metric.get("sum") if kind == "counter" else metric.get("gauge")
        if data is None or metric.get("unit") != unit:
            self.faults.append(f"{name}: wanted a {kind} in {unit}, got {metric.get('unit')} and {sorted(metric)}")
            return
        if kind == "counter" and (data.get("aggregationTemporality"), data.get("isMonotonic")) != (2, True):
            self.faults.append(f"{name}: not cumulative and monotonic")
        for point in data.get("dataPoints", []):
            attributes = frozenset((each["key"], text_of(each["value"])) for each in point.get("attributes", []))
            value = float(point.get("asInt", point.get("asDouble", math.nan)))
            self.streams.setdefault((name, attributes), []).append(
                (int(point["timeUnixNano"]), value, int(point.get("startTimeUnixNano", 0)))
            )

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
            key, factor = KEYS[naming](name, attributes)
            if key:
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
