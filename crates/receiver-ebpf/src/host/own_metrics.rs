//! What the host says of itself: map memory, programs attached, detail lost.

use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pdata::{AttributeValue, Attributes, Metric, Point, UnixNanos};

use super::lifecycle;
use super::retired::self_check;
use crate::catalog::{self, Shared};
use crate::collectors::Collector;
use crate::kernel::{Attached, CpuRecord, Kernel, LOSS_REASONS, PROGRAMS, ProgramLedger};

/// The host's own metrics at `time`; counters began at `started`.
pub(super) fn read(
    kernel: &Kernel,
    collectors: &[&'static Collector],
    failed: &[&'static str],
    spent: &mut Spent,
    (started, time): (UnixNanos, UnixNanos),
) -> Vec<Metric> {
    let point = |own, start, bits| Point { attributes: Arc::new(Attributes::new(own)), start, time, bits };
    let recursion = recursion(kernel.attached());
    let losses = LOSS_REASONS
        .iter()
        .enumerate()
        .map(|(index, reason)| (*reason, per_cpu(kernel, offset_of!(CpuRecord, loss) + index * 8)));
    let losses = losses.chain(std::iter::once(("recursion", recursion)));
    let losses = losses.map(|(reason, count)| point(vec![("reason", AttributeValue::Static(reason))], started, count));
    let rungs = kernel.attached().iter().map(|attached| {
        let program = (PROGRAM, AttributeValue::Static(attached.program));
        let tier = ("tier", AttributeValue::Static(kernel.tier.name));
        point(vec![program, ("rung", AttributeValue::Static(attached.rung)), tier], time, 1)
    });
    let runs = |number: usize| per_cpu(kernel, offset_of!(CpuRecord, runs) + number * size_of::<u64>());
    let runs: Vec<u64> = (0..PROGRAMS.len()).map(runs).collect();
    let program = |name| vec![(PROGRAM, AttributeValue::Static(name))];
    let run = PROGRAMS.iter().zip(&runs).filter(|(_, runs)| **runs > 0);
    let events = run.map(|(name, runs)| point(program(name), started, *runs));
    for (number, (program, runs)) in spent.0.iter_mut().zip(&runs).enumerate() {
        program.add(*runs, &ledger(kernel, number));
    }
    let spent = PROGRAMS.iter().zip(&spent.0).filter(|(_, spent)| spent.nanoseconds > 0);
    let spent = spent.map(|(name, spent)| point(program(name), started, spent.nanoseconds));
    let differences = self_check(kernel);
    let checks = collectors.iter().map(|collector| {
        let own = vec![("ebpf.sub_collector", AttributeValue::Static(collector.name))];
        point(own, time, differences[collector.number].unsigned_abs())
    });
    let metric =
        |descriptor: &Shared, points: Vec<Point>| Metric { descriptor: (**descriptor).clone(), points: points.into() };
    vec![
        attached(collectors, failed, time),
        metric(&catalog::PROGRAM_ATTACHED, rungs.collect()),
        metric(&catalog::PROGRAM_EVENTS, events.collect()),
        metric(&catalog::PROGRAM_TIME, spent.collect()),
        metric(&catalog::LOSS, losses.collect()),
        metric(&catalog::SELF_CHECK, checks.collect()),
        metric(&catalog::MAP_MEMORY, vec![point(vec![], time, kernel.map_bytes())]),
        metric(&catalog::FREE_SLOTS, vec![point(vec![], time, lifecycle::free(kernel))]),
    ]
}

const PROGRAM: &str = "program";

/// What the programs have taken so far: an estimate, and yet one that never falls.
#[derive(Debug, Default)]
pub(super) struct Spent([ProgramSpent; PROGRAMS.len()]);

#[derive(Debug, Default)]
struct ProgramSpent {
    runs: u64,
    nanoseconds: u64,
}

impl ProgramSpent {
    /// Runs since the last time took as long as the measured ones did on average.
    fn add(&mut self, runs: u64, timed: &ProgramLedger) {
        let Some(mean) = timed.nanoseconds.checked_div(timed.samples) else { return };
        let new = runs.saturating_sub(self.runs);
        self.nanoseconds = self.nanoseconds.saturating_add(new.saturating_mul(mean));
        self.runs = runs;
    }
}

/// Programs of which each does what the other was left out of.
const PAIRS: [[&str; 2]; 3] =
    [["tfo_tcp_state", "tfo_tcp_again"], ["tfo_sys_enter", "tfo_enter_again"], ["tfo_sys_exit", "tfo_exit_again"]];

/// Runs that the kernel left out, and that nobody made up for.
fn recursion(attached: &[Attached]) -> u64 {
    let misses = |name: &str| attached.iter().find(|each| each.program == name).map(Attached::recursion_misses);
    let lost = attached.iter().map(|each| match PAIRS.iter().find(|pair| pair.contains(&each.program)) {
        None => each.recursion_misses(),
        // Once for the two of them.
        Some([first, again]) if each.program == *first => {
            misses(again).unwrap_or(u64::MAX).min(each.recursion_misses())
        }
        Some(_) => 0,
    });
    lost.fold(0, u64::saturating_add)
}

/// The sum over all CPUs of the word at `offset` of their records.
pub(super) fn per_cpu(kernel: &Kernel, offset: usize) -> u64 {
    (0..kernel.cpus.len()).fold(0, |sum, cpu| sum.wrapping_add(kernel.cpus.at(cpu, offset).load(Ordering::Relaxed)))
}

/// The timed runs of program number `number` on all CPUs.
fn ledger(kernel: &Kernel, number: usize) -> ProgramLedger {
    let at = offset_of!(CpuRecord, programs) + number * size_of::<ProgramLedger>();
    ProgramLedger {
        samples: per_cpu(kernel, at + offset_of!(ProgramLedger, samples)),
        nanoseconds: per_cpu(kernel, at + offset_of!(ProgramLedger, nanoseconds)),
    }
}

/// Which of `collectors` are attached: all but the `failed`.
pub(super) fn attached(collectors: &[&'static Collector], failed: &[&'static str], time: UnixNanos) -> Metric {
    let points = collectors.iter().map(|collector| {
        let own = vec![("ebpf.sub_collector", AttributeValue::Static(collector.name))];
        let bits = u64::from(!failed.contains(&collector.name));
        Point { attributes: Arc::new(Attributes::new(own)), start: time, time, bits }
    });
    Metric { descriptor: catalog::ATTACHED.clone(), points: points.collect() }
}
