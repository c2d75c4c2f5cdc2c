//! Scheduler figures per process. Kernel side: `ebpf/collectors/scheduler.h`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use component::{ReceiverFactory, Stability};
use pdata::{
    AttributeValue, Attributes, ExponentialHistogram, HistogramPoint, Metric, Metrics, OwnAttributes, Point, UnixNanos,
};

use super::slots::{Numbers, SlotStreams, add_running};
use super::streams::{assemble, only};
use super::{Collector, Reader};
use crate::catalog::{self, CONTEXT_SWITCH_TYPE};
use crate::extension::EXTENSION;
use crate::host::{Cells, Detail, Source, Totals};
use crate::kernel::{Cell, Hook, INDEX_RUNQUEUE, Ladder, Rung, SchedulerCounters, sum_slots};
use crate::receiver::configure;

pub(crate) static COLLECTOR: Collector = Collector {
    name: "scheduler",
    number: 3,
    factory: ReceiverFactory {
        component_type: "ebpf_scheduler",
        alias: None,
        stability: Stability::Beta,
        summary: "context switches, run-queue wait, on-CPU time and migrations per process",
        requires: &[EXTENSION],
        configure: |section| configure(&COLLECTOR, section),
    },
    setting: "collect_scheduler",
    histograms: Some("scheduler_histograms"),
    // It rides on tfo_switch, which every collector needs.
    ladder: Ladder {
        btf: &[Rung { name: "tp_btf", hooks: &[] }],
        tracepoint: &[Rung {
            name: "tracepoint",
            hooks: &[
                Hook::tracepoint("tfo_wakeup", "sched", "sched_wakeup"),
                Hook::tracepoint("tfo_wakeup_new", "sched", "sched_wakeup_new"),
                Hook::tracepoint("tfo_migrate", "sched", "sched_migrate_task"),
            ],
        }],
    },
    reader: |_| Box::new(|| Box::<Scheduler>::default()),
};

impl Totals for SchedulerCounters {
    fn since(&self, earlier: &Self) -> Self {
        self.zip(earlier, u64::wrapping_sub)
    }
}

impl SchedulerCounters {
    fn switches(&self) -> u64 {
        self.voluntary.saturating_add(self.involuntary)
    }
}

#[derive(Default)]
struct Scheduler {
    streams: SlotStreams<SchedulerCounters>,
    waits: Cells,
    kinds: Kinds,
}

impl Reader for Scheduler {
    fn read(&mut self, source: &mut Source<'_>) -> Metrics {
        let mut totals = SlotStreams::totals(source, |page, slot| source.kernel.pages[page].slot(slot).scheduler);
        let overflow = sum_slots(&source.kernel.overflow, 0).scheduler;
        add_running(source, &mut totals, |total, record| {
            total.runtime = total.runtime.saturating_add(record.runtime);
            total.run_delay = total.run_delay.saturating_add(record.run_delay);
            total.migrations = total.migrations.saturating_add(record.migrations);
        });
        let waits = self.waits(source);
        let mut points = Points { metrics: empty_metrics(), waits: Vec::new(), time: source.time };
        let kinds = &self.kinds;
        let make = |process: &Arc<_>| {
            kinds.0.iter().map(|own| Arc::new(Attributes::of_process(Arc::clone(process), own.clone()))).collect()
        };
        self.streams.for_each(
            source,
            &totals,
            make,
            |total, last| total.zip(last, u64::max),
            |numbers| {
                points.push(numbers);
                if let Some(octaves) = waits.get(&(numbers.slot, numbers.generation)) {
                    points.push_waits(numbers, octaves);
                }
            },
        );
        if overflow.switches() > 0 {
            let sets = overflow_sets();
            let start = source.started;
            points.push(&Numbers { slot: 0, generation: 0, sets: &sets, start, total: overflow, interval: overflow });
        }
        points.into_metrics()
    }
}

/// Four buckets of waits, by octave; and the number of waits of no time.
type Waits = (u64, BTreeMap<u32, Cell>);

impl Scheduler {
    /// Waits for a CPU by slot and generation, where histograms are kept.
    fn waits(&mut self, source: &mut Source<'_>) -> HashMap<(u32, u32), Waits> {
        let mut waits: HashMap<(u32, u32), Waits> = HashMap::new();
        let indices = only(INDEX_RUNQUEUE..INDEX_RUNQUEUE + 1);
        self.waits.for_each(source.kernel, &indices, |owner, index, total, _| {
            let (zeros, octaves) = waits.entry(owner).or_default();
            match index.detail {
                Detail::Octave(octave) => drop(octaves.insert(octave, total)),
                _ => *zeros += total.count,
            }
        });
        waits
    }
}

/// The own attributes of a process's streams: none, voluntary, involuntary.
struct Kinds([OwnAttributes; 3]);

impl Default for Kinds {
    fn default() -> Self {
        Self(KINDS.map(|kind| OwnAttributes::new(kind.map(switch_type).into_iter().collect())))
    }
}

const KINDS: [Option<&str>; 3] = [None, Some("voluntary"), Some("involuntary")];

fn switch_type(kind: &'static str) -> pdata::StaticAttribute {
    (CONTEXT_SWITCH_TYPE, AttributeValue::Static(kind))
}

fn overflow_sets() -> Vec<Arc<Attributes>> {
    let set = |kind: Option<&'static str>| {
        let overflow = (Attributes::OVERFLOW, AttributeValue::Bool(true));
        Arc::new(Attributes::new(std::iter::once(overflow).chain(kind.map(switch_type)).collect()))
    };
    KINDS.map(set).to_vec()
}

/// The points of one read.
struct Points {
    /// In the order of [`empty_metrics`].
    metrics: Vec<Metric>,
    waits: Vec<HistogramPoint>,
    time: UnixNanos,
}

fn empty_metrics() -> Vec<Metric> {
    let catalog = [
        &catalog::CONTEXT_SWITCHES,
        &catalog::RUNQUEUE_TIME,
        &catalog::RUNQUEUE_MEAN,
        &catalog::ONCPU_TIME,
        &catalog::MIGRATIONS,
    ];
    catalog
        .into_iter()
        .map(|metric| Metric { descriptor: (*metric).clone(), points: pdata::Points::default() })
        .collect()
}

impl Points {
    fn push(&mut self, numbers: &Numbers<'_, SchedulerCounters>) {
        let [switches, runqueue, mean, oncpu, migrations] = &mut self.metrics[..] else { return };
        let Numbers { sets: [plain, voluntary, involuntary], start, total, interval, .. } = numbers else { return };
        let time = self.time;
        let point = |set: &Arc<Attributes>, start, bits| Point { attributes: set.clone(), start, time, bits };
        switches.points.push(point(voluntary, *start, total.voluntary));
        switches.points.push(point(involuntary, *start, total.involuntary));
        runqueue.points.push(point(plain, *start, total.run_delay));
        mean.points.push(point(plain, time, interval.run_delay / interval.switches().max(1)));
        oncpu.points.push(point(plain, *start, total.runtime));
        migrations.points.push(point(plain, *start, total.migrations));
    }

    fn push_waits(&mut self, numbers: &Numbers<'_, SchedulerCounters>, (zeros, octaves): &Waits) {
        let histogram: Option<ExponentialHistogram> = assemble(octaves, *zeros, numbers.total.run_delay);
        if let (Some(histogram), Some(plain)) = (histogram, numbers.sets.first()) {
            let (attributes, start, time) = (plain.clone(), numbers.start, self.time);
            self.waits.push(HistogramPoint { attributes, start, time, histogram: Arc::new(histogram.into()) });
        }
    }

    fn into_metrics(self) -> Metrics {
        let waits = Metric { descriptor: catalog::RUNQUEUE_LATENCY.clone(), points: self.waits.into() };
        Metrics { numbers: self.metrics, histograms: vec![waits] }
    }
}
