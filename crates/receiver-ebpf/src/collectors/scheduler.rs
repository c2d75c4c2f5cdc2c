//! Scheduler figures per process. Kernel side: `ebpf/collectors/scheduler.h`.

use std::sync::Arc;

use component::{ReceiverFactory, Stability};
use pdata::{Attribute, AttributeValue, Attributes, Metric, OwnAttributes, Point, Process};

use super::{Collector, Reader};
use crate::catalog::{self, CONTEXT_SWITCH_TYPE};
use crate::extension::EXTENSION;
use crate::host::{Admission, Ledger, Source, Totals, owner};
use crate::kernel::{OVERFLOW_SLOT, SchedulerCounters};
use crate::receiver::configure;

pub(crate) static COLLECTOR: Collector = Collector {
    name: "scheduler",
    factory: ReceiverFactory {
        component_type: "ebpf_scheduler",
        alias: None,
        stability: Stability::Beta,
        summary: "context switches, run-queue wait, on-CPU time and migrations per process",
        requires: &[EXTENSION],
        configure: |section| configure(&COLLECTOR, section),
    },
    setting: "collect_scheduler",
    // It rides on tfo_switch, which every collector needs.
    hooks: &[],
    reader: |admission| Box::new(Scheduler { admission, ..Scheduler::default() }),
};

impl Totals for SchedulerCounters {
    fn since(&self, earlier: &Self) -> Self {
        self.zip(earlier, u64::wrapping_sub)
    }
}

impl SchedulerCounters {
    fn zip(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            voluntary: with(self.voluntary, other.voluntary),
            involuntary: with(self.involuntary, other.involuntary),
            runtime: with(self.runtime, other.runtime),
            run_delay: with(self.run_delay, other.run_delay),
            migrations: with(self.migrations, other.migrations),
        }
    }

    fn switches(&self) -> u64 {
        self.voluntary.saturating_add(self.involuntary)
    }
}

#[derive(Default)]
struct Scheduler {
    admission: Admission,
    kinds: Kinds,
    /// By slot.
    streams: Vec<Stream>,
}

/// What one process has gathered.
struct Total {
    slot: u32,
    generation: u32,
    counters: SchedulerCounters,
}

/// What is remembered of the process in one slot.
#[derive(Default)]
struct Stream {
    generation: u32,
    ledger: Ledger<SchedulerCounters>,
    exported: SchedulerCounters,
    sets: Option<Sets>,
}

/// The attribute sets of one process, made when it is first exported.
struct Sets {
    process: Option<Arc<Process>>,
    plain: Arc<Attributes>,
    voluntary: Arc<Attributes>,
    involuntary: Arc<Attributes>,
}

impl Reader for Scheduler {
    fn read(&mut self, source: &mut Source<'_>) -> Vec<Metric> {
        let mut metrics = empty_metrics();
        // Counters before the running tasks: one that leaves its CPU in between is counted short, for
        // this read only; the other way round it would be counted twice.
        let slots = source.kernel.processes.len();
        let mut totals: Vec<Total> = Vec::new();
        for (slot, entry) in source.processes.iter() {
            totals.push(Total { slot, generation: entry.generation, counters: sum(source, slots, slot) });
        }
        let overflow = sum(source, slots, OVERFLOW_SLOT);
        add_running(source, &mut totals);
        for total in &totals {
            self.read_process(source, total, &mut metrics);
        }
        if overflow.switches() > 0 {
            push(&mut metrics, &Sets::of_overflow(), source.started, source.time, &overflow, &overflow);
        }
        metrics
    }
}

impl Scheduler {
    fn read_process(&mut self, source: &mut Source<'_>, total: &Total, metrics: &mut [Metric]) {
        let Total { slot, generation, counters: total } = *total;
        let Some(entry) = source.processes.present(&source.kernel.processes, slot, generation) else { return };
        if self.streams.len() <= slot as usize {
            self.streams.resize_with(slot as usize + 1, Stream::default);
        }
        let stream = &mut self.streams[slot as usize];
        if stream.generation != entry.generation {
            *stream = Stream { generation: entry.generation, ..Stream::default() };
        }
        if entry.delivered & source.reader != 0 {
            return;
        }
        let (epoch, last) = stream.ledger.last();
        // A running task may have been counted short at this read, never backwards.
        let total = if epoch == 0 { total } else { total.zip(&last, u64::max) };
        let total = stream.ledger.advance(entry.epoch, total);
        if epoch != entry.epoch {
            stream.exported = SchedulerCounters::default();
        }
        if total == SchedulerCounters::default() || !self.admission.admits(slot, entry) {
            return;
        }
        let process = &entry.process;
        let stale = stream.sets.as_ref().is_none_or(|sets| !same(&sets.process, process));
        if stale {
            stream.sets = Some(Sets::of_process(process, &self.kinds));
        }
        let interval = total.since(&stream.exported);
        stream.exported = total;
        if let Some(sets) = &stream.sets {
            push(metrics, sets, entry.start, source.time, &total, &interval);
        }
        if entry.exited != 0 {
            // These were the final values.
            stream.sets = None;
        }
    }
}

impl Sets {
    fn of_process(process: &Option<Arc<Process>>, kinds: &Kinds) -> Self {
        let set = |own: &OwnAttributes| {
            let process = process.clone();
            Arc::new(
                process.map_or_else(|| Attributes::new(vec![]), |process| Attributes::of_process(process, own.clone())),
            )
        };
        Self {
            process: process.clone(),
            plain: set(&kinds.plain),
            voluntary: set(&kinds.voluntary),
            involuntary: set(&kinds.involuntary),
        }
    }

    fn of_overflow() -> Self {
        let set = |kind: Option<&'static str>| {
            let mut own = vec![(Attributes::OVERFLOW, AttributeValue::Bool(true))];
            own.extend(kind.map(switch_type));
            Arc::new(Attributes::new(own))
        };
        Self {
            process: None,
            plain: set(None),
            voluntary: set(Some("voluntary")),
            involuntary: set(Some("involuntary")),
        }
    }
}

/// What the sets of all processes share.
struct Kinds {
    plain: OwnAttributes,
    voluntary: OwnAttributes,
    involuntary: OwnAttributes,
}

impl Default for Kinds {
    fn default() -> Self {
        let own = |kind: Option<&'static str>| OwnAttributes::new(kind.map(switch_type).into_iter().collect());
        Self { plain: own(None), voluntary: own(Some("voluntary")), involuntary: own(Some("involuntary")) }
    }
}

fn switch_type(kind: &'static str) -> Attribute {
    (CONTEXT_SWITCH_TYPE, AttributeValue::Static(kind))
}

fn same(a: &Option<Arc<Process>>, b: &Option<Arc<Process>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Adds what tasks that are on a CPU have gathered since their last switch.
fn add_running(source: &mut Source<'_>, totals: &mut [Total]) {
    let running = match source.kernel.running() {
        Ok(running) => running,
        Err(error) => {
            tracing::debug!(%error, "ebpf: running tasks not read, their present slice comes later");
            return;
        }
    };
    for record in running {
        let (slot, generation) = owner(record.identity);
        let total = totals.binary_search_by_key(&(slot, generation), |total| (total.slot, total.generation));
        if let Ok(position) = total {
            let total = &mut totals[position].counters;
            total.runtime = total.runtime.saturating_add(record.runtime);
            total.run_delay = total.run_delay.saturating_add(record.run_delay);
            total.migrations = total.migrations.saturating_add(record.migrations);
        }
    }
}

fn sum(source: &Source<'_>, slots: usize, slot: u32) -> SchedulerCounters {
    let mut total = SchedulerCounters::default();
    for stripe in 0..source.stripes {
        total = total.zip(&source.kernel.slots.read(stripe * slots + slot as usize).scheduler, u64::wrapping_add);
    }
    total
}

fn empty_metrics() -> Vec<Metric> {
    let catalog = [
        &catalog::CONTEXT_SWITCHES,
        &catalog::RUNQUEUE_TIME,
        &catalog::RUNQUEUE_MEAN,
        &catalog::ONCPU_TIME,
        &catalog::MIGRATIONS,
    ];
    catalog.into_iter().map(|metric| Metric { descriptor: (*metric).clone(), points: Vec::new() }).collect()
}

/// Appends the points of one process to `metrics`, which are in the order of [`empty_metrics`].
fn push(
    metrics: &mut [Metric],
    sets: &Sets,
    start: u64,
    time: u64,
    total: &SchedulerCounters,
    interval: &SchedulerCounters,
) {
    let [switches, runqueue, mean, oncpu, migrations] = metrics else { return };
    let point = |set: &Arc<Attributes>, start, bits| Point { attributes: set.clone(), start, time, bits };
    switches.points.push(point(&sets.voluntary, start, total.voluntary));
    switches.points.push(point(&sets.involuntary, start, total.involuntary));
    runqueue.points.push(point(&sets.plain, start, total.run_delay));
    mean.points.push(point(&sets.plain, time, interval.run_delay / interval.switches().max(1)));
    oncpu.points.push(point(&sets.plain, start, total.runtime));
    migrations.points.push(point(&sets.plain, start, total.migrations));
}
