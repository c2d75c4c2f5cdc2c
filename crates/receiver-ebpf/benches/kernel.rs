//! Net ns per event of each kernel program, beside the seed's design, alternately in one run.
//!
//! Net is the kernel's own `run_time_ns / run_cnt` of a program minus the same of
//! an empty program on the same hook. Of all rounds the least disturbed one counts
//! for each program, and the median stands beside it. Absolute numbers are this
//! machine's; the ratios are what counts. Run as root: `make bench-kernel`.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a program to be read by people"
)]

mod support;

use std::collections::BTreeMap;

use support::{Empty, Ours, Seed, load};

/// Rounds of (empty, ours, seed).
const ROUNDS: usize = 15;

/// Our program, the empty one on its hook.
const OURS: [(&str, &str); 3] =
    [("tfo_sys_enter", "btf_sys_enter"), ("tfo_sys_exit", "btf_sys_exit"), ("tfo_switch", "btf_switch")];
const SEED: [(&str, &str); 4] = [
    ("seed_sys_enter", "tp_sys_enter"),
    ("seed_sys_exit", "tp_sys_exit"),
    ("seed_switch", "tp_switch"),
    ("seed_wakeup", "tp_wakeup"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, what] = &*arguments
        && flag == "--load"
    {
        return load::run(what);
    }
    let _stats = support::Stats::enable();
    let mut raw: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..ROUNDS {
        for costs in [support::measure(Empty::attach), support::measure(Ours::attach), support::measure(Seed::attach)] {
            let fired = costs.iter().filter(|(_, (_, count))| *count > 10_000);
            for (program, (time, count)) in fired {
                raw.entry(program.clone()).or_default().push(*time as f64 / *count as f64);
            }
        }
        println!("round {} of {ROUNDS}", round + 1);
    }
    for values in raw.values_mut() {
        values.sort_by(f64::total_cmp);
    }
    println!("\nnet ns per event {:>14} {:>8}", "least", "median");
    let mut net = BTreeMap::new();
    for (program, floor) in OURS.into_iter().chain(SEED) {
        let (values, floor) = (all(&raw, program), all(&raw, floor));
        let cost = Net { least: values[0] - floor[0], median: values[ROUNDS / 2] - floor[ROUNDS / 2] };
        println!("{program:<16} {:>14.1} {:>8.1}", cost.least, cost.median);
        net.insert(program, cost);
    }
    let sum = |programs: [&str; 2]| Net {
        least: net[programs[0]].least + net[programs[1]].least,
        median: net[programs[0]].median + net[programs[1]].median,
    };
    let (pair, seed_pair) = (sum(["tfo_sys_enter", "tfo_sys_exit"]), sum(["seed_sys_enter", "seed_sys_exit"]));
    report("syscall pair", &pair, "the seed's", &seed_pair, 4.0);
    report("sched_switch", &net["tfo_switch"], "the seed's switch + wakeup", &sum(["seed_switch", "seed_wakeup"]), 8.0);
}

/// Nanoseconds above an empty program on the same hook.
struct Net {
    least: f64,
    median: f64,
}

/// The figures of `program`, sorted, one per round.
fn all<'r>(raw: &'r BTreeMap<String, Vec<f64>>, program: &str) -> &'r [f64] {
    let values = raw.get(program).unwrap_or_else(|| panic!("{program} did not run"));
    assert_eq!(values.len(), ROUNDS, "{program} did not run in every round");
    values
}

fn report(what: &str, ours: &Net, other: &str, theirs: &Net, aim: f64) {
    println!(
        "{what}: {:.1} ns, {other}: {:.1} ns, {:.1} times as much; by medians {:.1} times (aim: at least {aim})",
        ours.least,
        theirs.least,
        theirs.least / ours.least,
        theirs.median / ours.median
    );
}
