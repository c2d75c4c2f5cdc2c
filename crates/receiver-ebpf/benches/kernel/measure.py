"""Runs the workloads under each contestant, in turns, and keeps what was seen."""

import collections
import contextlib
import functools
import os
import pathlib
import statistics
import subprocess
import sys
import time

import bpf
import contestants
import variants

ROOT = contestants.BENCHES.parent.parent.parent
CLANGS = ("clang-19", "clang-20", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14", "clang")
# The agent reads a second time within a second of its start; it should have done so.
SECOND_READ_S = 1.0
# By then a new process has been judged.
JUDGED_S = 0.6
# A program belongs to a workload if it runs at least so often per operation; and a mean
# of fewer runs says nothing.
FIRES_PER_OPERATION, LEAST_RUNS = 0.3, 500


class Workloads:
    """The compiled loads."""

    def __init__(self, scratch, milliseconds):
        self.path, self.milliseconds = scratch / variants.LOAD, milliseconds
        source = contestants.BENCHES / "support" / "workload.c"
        subprocess.run(["cc", "-O2", "-Wall", "-o", self.path, source], check=True, timeout=60)

    def run(self, name, rest=None):
        """ns per operation, least and median, and the number of operations."""
        # What others do during a rest is to be little beside the work.
        command = [self.path, name, str(self.milliseconds * (10 if rest else 1)), *([str(rest)] if rest else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=30)
        least, median, operations = done.stdout.split()
        return float(least), float(median), int(operations)


def compiled(scratch, name):
    """The object of ebpf/bench/NAME.bpf.c."""
    def runs(clang):
        with contextlib.suppress(OSError):
            return subprocess.run([clang, "--version"], capture_output=True, check=False, timeout=20).returncode == 0
        return False

    clang = os.environ.get("CLANG") or next(filter(runs, CLANGS), "clang")
    target = scratch / f"{name}.bpf.o"
    command = [clang, "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror", "-c"]
    subprocess.run([*command, ROOT / f"ebpf/bench/{name}.bpf.c", "-o", target], check=True, timeout=60)
    return target


class Series(collections.defaultdict):
    """Key -> one figure per round."""

    def __init__(self):
        super().__init__(list)

    def least(self, key):
        """Of all rounds."""
        return min(self[key])

    def median(self, key):
        """Of all rounds."""
        return statistics.median(self[key])


class Bench:
    """All contestants, and what they were seen to cost."""

    def __init__(self, agent, scratch, milliseconds):
        self.scratch, self.workloads = scratch, Workloads(scratch, milliseconds)
        self.agent = contestants.Agent(agent, scratch)
        self.bpftrace = contestants.Bpftrace(scratch)
        libbpf = bpf.Libbpf()
        empty, seed = compiled(scratch, "empty"), compiled(scratch, "seed")
        self.empty = functools.partial(libbpf.attached, empty)
        self.seed = functools.partial(libbpf.attached, seed)
        self.missing = {}  # contestant -> why it does not take part
        # (contestant, workload) -> ns per operation, the least and the median of each round
        self.least_ns, self.median_ns = Series(), Series()
        # (contestant, workload, (name, hook, kind)) -> ns per run, and runs per operation
        self.run_ns, self.runs = Series(), Series()

    @contextlib.contextmanager
    def taking_part(self, name, attached):
        """Programs of a contestant; None if it cannot take part, which is noted and not tried again."""
        if name in self.missing:
            yield None
            return
        with contextlib.ExitStack() as stack:
            try:
                programs = stack.enter_context(attached)
            except (contestants.NotHere, OSError) as error:
                self.missing[name] = str(error)
                print(f"  {name}: left out: {error}", file=sys.stderr)
                programs = None
            yield programs

    def end_to_end(self, rounds):
        """ns per operation with nobody, with empty programs, with ours and with the seed's; each
        goes first in turn."""
        everything = variants.VARIANTS[0]
        order = [
            ("nobody", contestants.base),
            ("empty", functools.partial(self.empty, "btf")),
            ("ours", functools.partial(self.agent.attached, everything)),
            ("seed", self.seed),
        ]
        for number in range(rounds):
            for name, attached in order:
                with self.taking_part(name, attached()) as programs:
                    if programs is None:
                        continue
                    time.sleep(SECOND_READ_S if name == "ours" else 0.1)
                    for workload in variants.WORKLOADS:
                        least, median, _ = self.workloads.run(workload)
                        self.least_ns[name, workload].append(least)
                        self.median_ns[name, workload].append(median)
            order.append(order.pop(0))
            progress("end to end", number, rounds)

    def per_event(self, rounds):
        """ns per run of every program, by the kernel's own clock."""
        everywhere = tuple(variants.WORKLOADS)
        turns = [(f"empty {kind}", functools.partial(self.empty, kind), everywhere) for kind in ("btf", "classic")]
        for variant in variants.VARIANTS:
            turns.append((variant.name, functools.partial(self.agent.attached, variant), variant.workloads))
        turns.append(("seed", self.seed, everywhere))
        for figure in variants.FIGURES:
            attached = functools.partial(self.bpftrace.attached, figure.script)
            turns.append((f"bpftrace {figure.script}", attached, (figure.workload,)))
        for number in range(rounds):
            for name, attached, workloads in turns:
                with self.taking_part(name, attached()) as programs:
                    for workload in workloads if programs is not None else ():
                        self.observe(name, programs, workload, JUDGED_S if name.endswith("denied") else None)
            progress("per event", number, rounds)

    def observe(self, name, programs, workload, rest):
        """One workload under programs that are attached."""
        before = bpf.costs(programs)
        operations = self.workloads.run(workload, rest)[2]
        for program, (time_ns, count) in bpf.costs(programs).items():
            time_before, count_before = before.get(program, (0, 0))
            runs = count - count_before
            if runs < max(operations * FIRES_PER_OPERATION, LEAST_RUNS):
                continue
            key = name, workload, (program.name, program.hook, program.kind)
            self.run_ns[key].append((time_ns - time_before) / runs)
            self.runs[key].append(runs / operations)


def progress(what, number, rounds):
    """So that nobody thinks it hangs."""
    load = pathlib.Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    print(f"  {what}: round {number + 1} of {rounds}, load {load}", file=sys.stderr, flush=True)
