"""What was seen, as tables, and what it says of each target."""

import math

import variants

# An addition below this share of the base is not told from noise.
RESOLUTION = 0.01


class Report:
    """Prints the tables of a benchmark; verdicts gather and come last."""

    def __init__(self, bench):
        self.bench, self.verdicts = bench, []
        self.present = bench.agent.taking_part(variants.VARIANTS[0])

    def all(self):
        """Everything."""
        self.end_to_end()
        self.per_event()
        self.variants()
        print("\nTargets")
        for what, said in self.verdicts:
            print(f"  {what:<48} {said}")

    def verdict(self, what, value, target, more):
        """`value` is a share of somebody else's cost; None if there is none."""
        if value is None:
            said = f"not judged: {more}"
        else:
            said = f"{'met' if value <= target else 'NOT MET'}: {value:.2f}, at most {target:.2f}; {more}"
        self.verdicts.append((what, said))

    # -- end to end ------------------------------------------------------

    def added(self, workload, figures):
        """What empty programs, ours and the seed's design add, in ns per operation, and ours as a share
        of the seed's, no less than noise; None where even the seed's is not told from noise."""
        contestants = ("nobody", "empty", "ours", "seed")
        nobody, empty, ours, seed = (
            figures((who, workload)) if (who, workload) in self.bench.least_ns else math.nan for who in contestants
        )
        empty, ours, seed, noise = empty - nobody, ours - nobody, seed - nobody, RESOLUTION * nobody
        return nobody, empty, ours, seed, max(ours, noise) / seed if seed > noise else None

    def end_to_end(self):
        """ns per operation that ours and the seed's design add to each workload."""
        bench = self.bench
        if not bench.least_ns:
            return
        print("\nEnd to end: ns per operation with nobody, and what is added; least (median) of all rounds")
        print("  (empty: programs that do nothing, one on each hook: what hooks cost by themselves)")
        print(f"  {'':<30} {'nobody':>14} {'empty':>14} {'ours':>14} {'seed':>14} {'ours/seed':>12}")
        shares = {}
        for workload, what in variants.WORKLOADS.items():
            series = bench.least_ns.least, bench.median_ns.median
            nobody, empty, ours, seed, share = zip(*(self.added(workload, figures) for figures in series))
            cells = [pair(*nobody, ".0f", 14), *(pair(*each, "+.0f", 14) for each in (empty, ours, seed))]
            print(f"  {what:<30} {' '.join(cells)} {pair(*share, '.2f', 12)}")
            shares[what] = share
        why = "; ".join(f"{who}: {bench.missing[who]}" for who in ("ours", "seed") if who in bench.missing)
        if not why and len(self.present) < len(variants.ALL):
            why = f"ours has {len(self.present)} of the six receivers: {', '.join(self.present)}"
        if why:
            print(f"  {why}")
            self.verdict("end to end, beside the seed's", None, 0, why)
            return
        mean = [geometric_mean([share[i] for share in shares.values()]) for i in (0, 1)]
        print(f"  {'geometric mean':<30} {'':>14} {'':>14} {'':>14} {'':>14} {pair(*mean, '.2f', 12)}")
        for what, share in shares.items():
            target = variants.END_TO_END_TARGET
            self.verdict(f"{what}, beside the seed's", share[0], target, f"by medians {number(share[1], '.2f')}")
        target = variants.GEOMETRIC_MEAN_TARGET
        self.verdict("geometric mean of these", mean[0], target, f"by medians {number(mean[1], '.2f')}")

    # -- per event -------------------------------------------------------

    def net(self, who, workload, program):
        """ns per run above an empty program on the same hook: least, median."""
        bench = self.bench
        _, hook, kind = program
        key = who, workload, program
        floor = next((k for k in bench.run_ns if k[:2] == (f"empty {kind}", workload) and k[2][1] == hook), None)
        if not floor:
            return bench.run_ns.least(key), bench.run_ns.median(key), "~"
        least = bench.run_ns.least(key) - bench.run_ns.least(floor)
        return least, bench.run_ns.median(key) - bench.run_ns.median(floor), ""

    def programs(self, who, workload, hooks=None):
        """Programs of a contestant that a workload makes run, on some hooks or on any."""
        found = [k[2] for k in self.bench.run_ns if k[:2] == (who, workload) and k[2]]
        return [each for each in found if hooks is None or each[1] in hooks]

    def per_operation(self, who, workload, hooks):
        """Least and median of what its programs on some hooks take in one operation, and how often
        the most frequent of them runs in one; None if there are no such programs."""
        found = [
            (self.net(who, workload, each), self.bench.runs.median((who, workload, each)))
            for each in self.programs(who, workload, hooks)
        ]
        if not found:
            return None
        least, median = (sum(net[i] * runs for net, runs in found) for i in (0, 1))
        return least, median, max(runs for _, runs in found)

    def per_run(self, who, workload, hooks=None):
        """The same per event: what one run of the most frequent program comes with. Not every
        switch has a wakeup, but enter and exit are a pair."""
        cost = self.per_operation(who, workload, hooks)
        return cost and (cost[0] / cost[2], cost[1] / cost[2])

    def per_event(self):
        """Each program of each contestant, and by figure ours beside bpftrace's and the seed's."""
        bench = self.bench
        if not bench.run_ns:
            return
        print("\nPrograms: net ns per run, least (median), and runs per operation")
        print("  (the kernel's run_time_ns / run_cnt, minus an empty program's on the same hook; ~ none to subtract)")
        for figure in variants.FIGURES:
            workload = figure.workload
            print(f"  {figure.receiver}: {variants.WORKLOADS[workload]}")
            own = figure.receiver.removeprefix("ebpf_")
            labels = {"alone": own, "all": "all", "seed": "seed", "bpftrace": f"bpftrace {figure.script}"}
            for label, who in labels.items():
                for program in self.programs(who, workload):
                    least, median, mark = self.net(who, workload, program)
                    runs = bench.runs.median((who, workload, program))
                    cost = f"{pair(least, median, '.0f', 12)}{mark:<1} {runs:>6.2f}"
                    print(f"    {label:<9} {program[0]:<20} {program[1]:<20} {cost}")
        print("\nFigures: net ns per event, all programs of a figure, least (median)")
        print(f"  {'':<15} {'alone':>14} {'all':>14} {'seed':>14} {'bpftrace':>14} {'alone/bpftrace':>15}")
        for figure in variants.FIGURES:
            self.figure(figure)

    def figure(self, figure):
        """One row."""
        own, theirs = figure.receiver.removeprefix("ebpf_"), f"bpftrace {figure.script}"
        alone = self.per_run(own, figure.workload, figure.hooks)
        together = self.per_run("all", figure.workload, figure.hooks) if figure.receiver in self.present else None
        seed = self.per_run("seed", figure.workload, figure.seed_hooks)
        bpftrace = self.per_run(theirs, figure.workload)
        row = f"  {own:<15}"
        for cell in (alone, together, seed, bpftrace):
            row += f" {pair(*cell, '.0f', 14) if cell else '-':>14}"
        what = f"{own}, net, beside bpftrace"
        if alone is None and bpftrace and own not in self.bench.missing:
            # It runs, and has nothing there: what it gathers, others of its hooks bring.
            alone = 0.0, 0.0
        if alone and bpftrace:
            share, share_mid = (a / b for a, b in zip(alone, bpftrace))
            row += f" {pair(share, share_mid, '.2f', 15)}"
            self.verdict(what, share, figure.target, f"by medians {share_mid:.2f}")
        else:
            missing = self.bench.missing
            why = missing.get(own) or missing.get(theirs) or "no program of it ran: see its hooks in variants.py"
            self.verdict(what, None, 0, why)
        print(row)

    # -- variants --------------------------------------------------------

    def variants(self):
        """What each feature adds."""
        if not self.bench.run_ns:
            return
        print("\nVariants: net ns per operation, all programs on hooks of figures, least (median); beside another")
        for variant in variants.VARIANTS:
            for workload in variant.workloads if variant.name not in self.bench.missing else ():
                cost = self.per_operation(variant.name, workload, HOOKS)
                if not cost:
                    continue
                row = f"  {variant.name:<26} {workload:<8} {pair(*cost[:2], '.0f', 14)}"
                versus = self.per_operation(variant.versus, workload, HOOKS)
                if versus:
                    row += f" {pair(cost[0] - versus[0], cost[1] - versus[1], '+.0f', 14)} {variant.versus}"
                print(row)
        for why in dict.fromkeys(self.bench.missing.values()):
            names = [name for name, said in self.bench.missing.items() if said == why]
            print(f"  not there: {'; '.join(names)}: {why}")
        what = "denied syscall, net, beside a counted"
        denied, counted = (
            self.per_run(who, "getppid", variants.SYSCALL) for who in (variants.DENIED, variants.COUNTED)
        )
        if denied and counted:
            share, share_mid = (max(a, 0) / b for a, b in zip(denied, counted))
            self.verdict(what, share, variants.DENIED_TARGET, f"by medians {share_mid:.2f}")
        else:
            self.verdict(what, None, 0, "a variant is missing")


# Programs on other hooks (a fork's, a rename's) are not part of a figure.
HOOKS = {hook for figure in variants.FIGURES for hook in figure.hooks}


def geometric_mean(values):
    """Of those that there are."""
    values = [value for value in values if value is not None]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def number(value, form):
    """A figure, or a question mark where there is none."""
    return "?" if value is None else f"{value:{form}}"


def pair(least, median, form, width=16):
    """Two figures, the second in brackets."""
    return f"{number(least, form)} ({number(median, form)})".rjust(width)
