"""Those who are compared. Each is a context manager that attaches, yields its programs
and leaves nothing behind."""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import bpf

BENCHES = pathlib.Path(__file__).resolve().parent.parent
STARTED_S, ENDED_S = 20, 15
# Programs and links have not changed for so long: whoever attaches them is done.
STEADY_S = 0.3
PR_SET_PDEATHSIG = 1


class NotHere(Exception):
    """A contestant that cannot take part, and why."""


def die_with_us():
    """Runs in the child: who is attached must not outlive the benchmark, even if it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Spawned:
    """A process that loads programs; they are known by not having been there before."""

    def __init__(self, command, prefix, log, end=signal.SIGTERM):
        self.prefix, self.log, self.end = prefix, log, end
        self.before = set(bpf.ids(bpf.PROG_NEXT_ID))
        with open(log, "w", encoding="utf-8") as output:
            # A session of its own: Ctrl-C is ours to handle, then it is ended in order.
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=die_with_us,
            )

    def loaded(self):
        """Ids of its programs so far. Where others load some at the same time, which shows by a
        name that comes twice, or where names say nothing, only those that it holds open count."""
        new = {each: bpf.program_name(each) for each in set(bpf.ids(bpf.PROG_NEXT_ID)) - self.before}
        new = {each: name for each, name in new.items() if name is not None and name.startswith(self.prefix)}
        if not self.prefix or len(set(new.values())) < len(new):
            with contextlib.suppress(OSError):
                return frozenset(new.keys() & bpf.held_by(self.process.pid))
        return frozenset(new)

    def wait_until_steady(self):
        """Returns its programs' ids when it has attached them all."""
        began = changed = time.monotonic()
        seen = None
        while True:
            if self.process.poll() is not None:
                raise NotHere(self.last_words())
            now = time.monotonic()
            state = self.loaded(), frozenset(bpf.ids(bpf.LINK_NEXT_ID)) if self.prefix else None
            if state != seen:
                seen, changed = state, now
            if seen[0] and now - changed > STEADY_S:
                return seen[0]
            if now - began > STARTED_S:
                raise NotHere(f"loaded nothing within {STARTED_S} s: {self.last_words()}")
            time.sleep(0.02)

    def last_words(self):
        """The end of its output, without where in a file that is gone by then."""
        text = pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace").strip()
        lines = re.sub(r"^/\S+:\d+:\d+: ", "", text, flags=re.M).splitlines()
        return " | ".join(lines[-3:]) or f"it ended with {self.process.returncode}"

    def stop(self):
        """Ends it, in order if it can be."""
        if self.process.poll() is None:
            self.process.send_signal(self.end)
            try:
                self.process.wait(ENDED_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def base():
    """Nobody."""
    return contextlib.nullcontext([])


class Agent:
    """The agent's own binary, with a configuration."""

    def __init__(self, binary, scratch):
        self.binary, self.scratch = str(pathlib.Path(binary).resolve()), scratch
        listed = subprocess.run([self.binary, "components"], capture_output=True, text=True, check=True, timeout=20)
        self.receivers = set(re.findall(r"name: (ebpf_\w+)", listed.stdout))

    def taking_part(self, variant):
        """The receivers of a variant that this agent has."""
        return [each for each in variant.receivers if not variant.missing_ok or each in self.receivers]

    def configuration(self, variant, pins):
        """YAML (JSON is some) with a port and pins of its own, and reads that disturb nothing."""
        receivers = self.taking_part(variant)
        pipeline = {"receivers": receivers, "processors": ["process_filter"], "exporters": ["prometheus"]}
        return json.dumps({
            "extensions": {"ebpf": {"pin_path": pins}},
            "receivers": {each: {"collection_interval": "1h", **variant.receivers[each]} for each in receivers},
            "processors": {"process_filter": {"exclude": list(variant.exclude)}},
            "exporters": {"prometheus": {"endpoint": "127.0.0.1:0"}},
            "service": {"extensions": ["ebpf"], "pipelines": {"metrics": pipeline}},
        }, indent=1)

    @contextlib.contextmanager
    def attached(self, variant):
        """The agent, running."""
        pins = f"/sys/fs/bpf/tfo-bench-{os.getpid()}"
        path = self.scratch / "agent.yaml"
        path.write_text(self.configuration(variant, pins), encoding="ascii")
        spawned = Spawned([self.binary, "start", "--config", path], "tfo_", self.scratch / "agent.log")
        try:
            loaded = spawned.wait_until_steady()
            hooks = bpf.hooks_by_program()
            yield [bpf.Program(each, bpf.program_name(each), hooks.get(each, ""), "btf") for each in sorted(loaded)]
        finally:
            spawned.stop()
            shutil.rmtree(pins, ignore_errors=True)


class Bpftrace:
    """A script of benches/bpftrace."""

    def __init__(self, scratch):
        self.scratch = scratch

    @contextlib.contextmanager
    def attached(self, script):
        """bpftrace, running a script."""
        path = BENCHES / "bpftrace" / f"{script}.bt"
        hooks = re.findall(r"^tracepoint:\w+:(\w+)", path.read_text(encoding="ascii"), re.M)
        if not shutil.which("bpftrace"):
            raise NotHere("bpftrace is not installed: scripts/setup.sh bench")
        spawned = Spawned(["bpftrace", path], "", self.scratch / "bpftrace.log", signal.SIGINT)
        try:
            loaded = sorted(spawned.wait_until_steady())
            # Versions differ in how they call a program: after its hook, or after anything.
            by_name = {hook[:15]: hook for hook in hooks}
            named = [by_name.get(bpf.program_name(each)) for each in loaded]
            if None in named:
                named = hooks
            if len(named) != len(loaded):
                raise NotHere(f"{script}.bt has {len(hooks)} probes and {len(loaded)} programs")
            yield [bpf.Program(each, hook, hook, "classic") for each, hook in zip(loaded, named)]
        finally:
            spawned.stop()
