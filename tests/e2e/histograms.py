"""Distributions as the Collector, a page of text and Prometheus have them, in one
shape, so that they can be compared bucket by bucket."""

import json

import streams

MAX_SCHEMA = 8  # of Prometheus: what is finer is merged there


class Distribution:
    """Counts by upper edge of the bucket, without empty ones; of zeros by 0."""

    def __init__(self, count, total, buckets):
        self.count, self.sum = count, total
        self.buckets = {edge: number for edge, number in buckets.items() if number}

    def differences(self, other):
        """What is not the same; an edge may be one double beside the other."""
        if self.count != other.count:
            yield f"count {self.count} and {other.count}"
        if abs(self.sum - other.sum) > 1e-12 * abs(self.sum):
            yield f"sum {self.sum} and {other.sum}"
        ours, theirs = sorted(self.buckets.items()), sorted(other.buckets.items())
        alike = len(ours) == len(theirs) and all(
            a[1] == b[1] and abs(a[0] - b[0]) <= 1e-15 * a[0] for a, b in zip(ours, theirs)
        )
        if not alike:
            yield f"buckets {ours} and {theirs}"


def edge(scale, index):
    """The upper edge of an exponential bucket."""
    return 2.0 ** ((index + 1) / 2.0**scale)


def exponential(scale, zeros, offset, counts, total, finest=99):
    """A distribution from exponential buckets; finer ones than wanted are merged."""
    buckets, shift = {0.0: zeros}, max(scale - finest, 0)
    for index, number in enumerate(counts, offset):
        key = edge(scale - shift, index >> shift)
        buckets[key] = buckets.get(key, 0) + number
    return Distribution(zeros + sum(counts), total, buckets)


def of_point(point, finest=99):
    """A distribution from a data point of the Collector's file (JSON of OTLP)."""
    positive = point.get("positive", {})
    counts = [int(number) for number in positive.get("bucketCounts", [])]
    zeros, offset = int(point.get("zeroCount", 0)), positive.get("offset", 0)
    found = exponential(point.get("scale", 0), zeros, offset, counts, point.get("sum", 0.0), finest)
    if found.count != int(point.get("count", 0)):
        raise ValueError(f"count is not that of its buckets: {point}")
    return found


def of_samples(samples, family):
    """Labels -> distribution of a family of classic buckets, from the samples of a page or of a
    query. Zeros cannot be told from the first bucket, so they are in it."""
    below, result = {}, {}
    for (name, labels), value in samples.items():
        if name == family + "_bucket":
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            below.setdefault(rest, {})[float(dict(labels)["le"])] = value
    for labels, edges in below.items():
        buckets, last = {}, 0
        for upper, value in sorted(edges.items()):
            if value < last:
                raise ValueError(f"{family}{dict(labels)}: falls at le={upper}")
            buckets[upper], last = value - last, value
        if buckets.pop(float("inf")) != 0 and len(edges) > 1:
            raise ValueError(f"{family}{dict(labels)}: something above the last edge")
        count, total = (samples[(family + suffix, labels)] for suffix in ("_count", "_sum"))
        if count != last:
            raise ValueError(f"{family}{dict(labels)}: count {count}, le=+Inf {last}")
        result[labels] = Distribution(count, total, buckets)
    return result


def as_classic(distribution):
    """What classic buckets can tell of a distribution: zeros are in the first of the others."""
    buckets = dict(distribution.buckets)
    zeros = buckets.pop(0.0, 0)
    if zeros and buckets:
        buckets[min(buckets)] += zeros
    return Distribution(distribution.count, distribution.sum, buckets)


def of_answer(answer):
    """(name, labels) -> value, and labels -> distribution of native ones, of Prometheus' answer to a query."""
    samples, native = {}, {}
    for each in json.loads(answer)["data"]["result"]:
        name = each["metric"].get("__name__")
        labels = frozenset(pair for pair in each["metric"].items() if not streams.is_about_source(pair[0]))
        if "value" in each:
            samples[(name, labels)] = float(each["value"][1])
        else:
            found = each["histogram"][1]
            # The bucket of zeros is the one with a lower edge below zero or at it.
            buckets = {
                0.0 if float(low) <= 0 else float(high): float(number)
                for _, low, high, number in found.get("buckets") or []
            }
            native[labels] = Distribution(float(found["count"]), float(found["sum"]), buckets)
    return samples, native


def page_name(name, unit, naming):
    """A histogram's family on a page."""
    words = streams.label_of(name) + ("_seconds" if unit == "s" else "")
    return words if naming == "otel" or words.startswith("tfo_") else "tfo_" + words


def page_labels(attributes, naming):
    """A histogram's labels on a page."""
    special = streams.SEED_LABELS if naming == "seed" else {}
    return frozenset((special.get(key, streams.label_of(key)), value) for key, value in attributes)


class Seen:
    """What pages and Prometheus had of some metrics at one moment."""

    def __init__(self, metrics):
        self.metrics = metrics  # OTel name -> unit
        self.classic = {}  # (where, naming, OTel name) -> labels -> distribution, of text
        self.native = {}  # OTel name -> labels -> distribution, of Prometheus that scraped naming: otel


def look(stage, metrics, selectors):
    """What is there now. By naming, a selector narrows the question to Prometheus; it may be empty."""
    seen = Seen(metrics)
    pages = {naming: streams.parse_page(stage.page(naming) or "") for naming in ("seed", "otel")} if metrics else {}
    for name, unit in metrics.items():
        for naming, page in pages.items():
            family = page_name(name, unit, naming)
            seen.classic["page", naming, name] = of_samples(page, family)
            question = f'{{__name__=~"{family}(_bucket|_sum|_count)?",job="{naming}",{selectors[naming]}}}'
            samples, native = of_answer(stage.query(question))
            if naming == "otel":
                seen.native[name] = native
            else:
                seen.classic["Prometheus", naming, name] = of_samples(samples, family)
    return seen


def compare(check, seen, wanted):
    """What was seen against what was pushed: (OTel name, attributes) -> function of the finest scale."""
    for (where, naming, name), found in seen.classic.items():
        streams_of = {page_labels(key[1], naming): as_classic(make(99)) for key, make in wanted.items() if key[0] == name}
        compare_streams(check, f"{where}, naming {naming}, classic buckets: {name}", streams_of, found)
    for name, found in seen.native.items():
        streams_of = {page_labels(key[1], "otel"): make(MAX_SCHEMA) for key, make in wanted.items() if key[0] == name}
        compare_streams(check, f"Prometheus, native: {name}", streams_of, found)


def compare_streams(check, what, wanted, found):
    """As many streams as wanted, each of them the same."""
    faults = [f"missing: {sorted(labels)}" for labels in wanted if labels not in found]
    for labels, distribution in wanted.items():
        if labels in found:
            faults += [f"{sorted(labels)}: {text}" for text in distribution.differences(found[labels])]
    check.none(f"{what}: {len(wanted)} streams are the same, bucket by bucket", faults)


def check_agent(check, seen, points, process):
    """Of a real agent: all has arrived, nothing falls, and the streams of an exited process, by pid and name, are
    the same everywhere."""
    if not seen.metrics:
        return
    check.none("Collector: every histogram has arrived", sorted(set(seen.metrics) - {name for name, _ in points.distributions}))
    check.none("Collector: no bucket of a histogram ever falls", list(fallen(points)))
    of_pid = {
        key: lambda finest, point=history[-1]: of_point(point, finest)
        for key, history in points.distributions.items()
        if key[0] in seen.metrics and tuple(dict(key[1]).get(each) for each in ("process.pid", "ebpf.comm")) == process
    }
    check("histograms: there was something to compare", of_pid)
    compare(check, seen, of_pid)


def fallen(points):
    """Streams that lose an observation, or whose time stands still."""
    for (name, attributes), history in points.distributions.items():
        for before, after in zip(history, history[1:]):
            old, new = of_point(before), of_point(after)
            fell = [upper for upper, number in old.buckets.items() if new.buckets.get(upper, 0) < number]
            if fell or new.sum < old.sum or before["timeUnixNano"] == after["timeUnixNano"]:
                yield f"{name} {dict(sorted(attributes))}: at {fell}, sum {old.sum} and {new.sum}"
