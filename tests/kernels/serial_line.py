"""What a virtual machine of tests/kernels said on its serial line, in init's marks."""

import re

MARK = re.compile(r"@@tfo (\w+) ?(.*)")
SAMPLE = re.compile(r"(tfo_ebpf_\w+)(?:\{(.*)\})? (\S+)")
LADDER = re.compile(r'sub_collector="(\w+)" tier="(\w+)" rung="(\w+)"')
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Outcome:
    """One run of one kernel."""

    def __init__(self, text):
        self.release = None
        self.done = False
        self.tests = []  # (suite, name, outcome, seconds)
        self.blocks = {}  # what init put between begin and end
        self.remarks = []  # marks that ask for attention, such as a module that did not load
        self.rest = []  # what came unmarked: firmware, a panic
        block = None
        for line in text.replace("\r", "").splitlines():
            mark = MARK.match(line)
            if block is not None and line.startswith("|"):
                block.append(line[2:])
            elif not mark:
                self.rest.append(line)
            else:
                block = self.take(*mark.groups())

    def take(self, word, rest):
        """One mark; the block that it opens, if any."""
        if word == "begin":
            return self.blocks.setdefault(rest, [])
        if word == "boot":
            self.release = rest
        elif word == "done":
            self.done = True
        elif word == "test":
            suite, name, outcome, seconds = rest.split()
            self.tests.append((suite, name, outcome, float(seconds)))
        elif word != "end":
            self.remarks.append(f"{word} {rest}".strip())
        return None

    @property
    def series(self):
        """6.12 of 6.12.107+deb13-cloud-amd64."""
        return ".".join(re.findall(r"\d+", self.release or "")[:2])

    def samples(self):
        """The agent's figures of itself, as (name, labels, value)."""
        for line in self.blocks.get("probe", []):
            if line == "log":
                return
            found = SAMPLE.fullmatch(line)
            if found:
                yield found[1], dict(LABEL.findall(found[2] or "")), float(found[3])

    def attached(self):
        """Sub-collector -> whether it is attached, as the agent says."""
        name = "tfo_ebpf_attached"
        return {labels["ebpf_sub_collector"]: value == 1 for which, labels, value in self.samples() if which == name}

    def rungs(self):
        """Program -> the rung that it is attached by."""
        name = "tfo_ebpf_program_attached"
        found = [(labels, value) for which, labels, value in self.samples() if which == name]
        return {labels["program"]: labels["rung"] for labels, value in found if value == 1}

    def ladders(self):
        """Sub-collector -> the rung that it has taken, and the tier, as the agent's log says."""
        taken = (LADDER.search(line) for line in self.blocks.get("probe", []))
        return {found[1]: (found[3], found[2]) for found in taken if found}

    def metrics(self):
        """Names of the metrics that were on the page."""
        lines = self.blocks.get("probe", [])
        return {line.removeprefix("metric ") for line in lines if line.startswith("metric ")}

    def faults(self):
        """Everything that must not be, as (what, the last words about it)."""
        if not self.release:
            yield "the kernel", "did not boot"
        elif not self.done:
            last = self.tests[-1][1] if self.tests else "the boot"
            yield "the machine", f"did not finish; the last it said was of {last}; {' '.join(self.rest[-3:])}"
        for remark in self.remarks:
            yield "init", remark
        attached = self.attached()
        if self.release and not attached:
            yield "probe", "the agent's page says nothing of itself"
        for name, there in attached.items():
            if not there:
                yield f"probe: {name}", "not attached"
        for suite, name, outcome, seconds in self.tests:
            if outcome != "ok":
                yield f"{suite}::{name}", f"{outcome} after {seconds:.0f} s{self.why(f'{suite}::{name}')}"
        for line in self.blocks.get("complaints", []):
            yield "the kernel complains", line

    def why(self, block):
        """The first words of a panic in a block, where there is one."""
        lines = self.blocks.get(block, [])
        starts = [number for number, line in enumerate(lines) if " panicked at " in line]
        return ": " + " ".join(lines[starts[0] + 1 : starts[0] + 4]) if starts else ""
