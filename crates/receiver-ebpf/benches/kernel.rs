//! Net ns per event of each kernel program, beside the seed's design, alternately in one run.
//!
//! Net is the kernel's own `run_time_ns / run_cnt` of a program minus the same of
//! an empty program on the same hook in the same round. Absolute numbers are this
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

use support::{Costs, Empty, Ours, Seed, load};

/// Rounds of (empty, ours, seed); the median of each program counts.
const ROUNDS: usize = 7;

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
    let mut net: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut events: BTreeMap<&str, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let empty = support::measure(Empty::attach);
        let ours = support::measure(Ours::attach);
        let seed = support::measure(Seed::attach);
        for (costs, pairs) in [(&ours, &OURS[..]), (&seed, &SEED[..])] {
            for (program, floor) in pairs {
                net.entry(program).or_default().push(nanoseconds(costs, program) - nanoseconds(&empty, floor));
                *events.entry(program).or_default() += costs[*program].1;
            }
        }
        println!("round {} of {ROUNDS}", round + 1);
    }
    println!("\n{:<16} {:>10} {:>10} {:>8} .. {:<8}", "program", "events", "net ns", "min", "max");
    let mut median = BTreeMap::new();
    for (program, values) in &mut net {
        values.sort_by(f64::total_cmp);
        let middle = values[values.len() / 2];
        median.insert(*program, middle);
        let (least, most) = (values[0], values[values.len() - 1]);
        println!("{program:<16} {:>10} {middle:>10.1} {least:>8.1} .. {most:<8.1}", events[program]);
    }
    let pair = median["tfo_sys_enter"] + median["tfo_sys_exit"];
    let seed_pair = median["seed_sys_enter"] + median["seed_sys_exit"];
    let seed_switch = median["seed_switch"] + median["seed_wakeup"];
    report("syscall pair", pair, "the seed's", seed_pair, 4.0);
    report("sched_switch", median["tfo_switch"], "the seed's switch + wakeup", seed_switch, 8.0);
}

fn nanoseconds(costs: &Costs, program: &str) -> f64 {
    let (time, count) = costs.get(program).unwrap_or_else(|| panic!("{program} was not attached"));
    assert!(*count > 10_000, "{program} ran {count} times only");
    *time as f64 / *count as f64
}

fn report(what: &str, ours: f64, other: &str, theirs: f64, aim: f64) {
    println!("{what}: {ours:.1} ns, {other}: {theirs:.1} ns, {:.1} times as much (aim: at least {aim})", theirs / ours);
}
