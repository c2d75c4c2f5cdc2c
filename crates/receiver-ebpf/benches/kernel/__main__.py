"""What the agent's kernel programs cost, beside the seed's design and beside bpftrace.

    make bench-kernel                 some five minutes
    make bench-kernel BENCH=--quick   under a minute, to see that all of it works

End to end, on seven workloads: ns per operation that the released agent, with its
defaults, adds, and that the seed's design adds. Per event: the kernel's own clock, for
each program of ours, alone and together, of the seed's and of bpftrace. The machine
should have nothing else to do. A target that is not met is said and is no failure."""

import argparse
import os
import pathlib
import signal
import sys
import tempfile

import bpf
import measure
import report


def others():
    """Programs of somebody else that are attached meanwhile, and cost time too."""
    count = len(bpf.hooks_by_program())
    if count:
        print(f"  {count} programs of others are attached on this machine: figures suffer", file=sys.stderr)


def main():
    """Reads the arguments."""
    as_written = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(prog="bench-kernel", description=__doc__, formatter_class=as_written)
    parser.add_argument("--agent", default=measure.ROOT / "build/tfo-agent", help="the binary")
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--rounds", type=int, help="of each part, in place of 15 and 5")
    parser.add_argument("--only", choices=("end-to-end", "per-event"), help="one part")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench-kernel: run it as root: it loads programs into the kernel")
    if not os.access(arguments.agent, os.X_OK):
        sys.exit(f"bench-kernel: {arguments.agent} is not there: make build")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    milliseconds, rounds = (40, (2, 1)) if arguments.quick else (100, (15, 5))
    if arguments.rounds:
        rounds = arguments.rounds, arguments.rounds
    with tempfile.TemporaryDirectory(prefix="tfo-bench-") as scratch:
        others()
        bench = measure.Bench(arguments.agent, pathlib.Path(scratch), milliseconds)
        if arguments.only != "per-event":
            bench.end_to_end(rounds[0])
        if arguments.only != "end-to-end":
            with bpf.clock():
                bench.per_event(rounds[1])
        others()
        report.Report(bench).all()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
