//! Page faults and OOM kills per process. Kernel side: `ebpf/collectors/memory.h`.

use std::ops::Range;
use std::sync::Arc;

use component::{ReceiverFactory, Stability};
use pdata::{AttributeValue, Attributes, Metric, Metrics, OwnAttributes, Point, StaticAttribute};

use super::slots::{Numbers, SlotStreams, add_running};
use super::streams::{Figures, Streams, only};
use super::{Collector, Reader};
use crate::catalog::{self, FAULT_MODE, FAULT_TYPE, Shared};
use crate::extension::EXTENSION;
use crate::host::{Source, Totals};
use crate::kernel::{
    Cell, Hook, INDEX_OOM_KILL, INDEX_RUNQUEUE, Ladder, MemoryCounters, Rung, SoftwareEvent, sum_slots,
};
use crate::receiver::configure;

pub(crate) static COLLECTOR: Collector = Collector {
    name: "memory",
    number: 4,
    factory: ReceiverFactory {
        component_type: "ebpf_memory",
        alias: None,
        stability: Stability::Beta,
        summary: "page faults (major, minor, by mode) and OOM kills per process",
        requires: &[EXTENSION],
        configure: |section| configure(&COLLECTOR, section),
    },
    setting: "collect_memory",
    histograms: None,
    ladder: Ladder {
        btf: &[
            Rung { name: "tp_btf", hooks: &[KERNEL_FAULT] },
            // arm64 has no such tracepoint: the mode of a fault is not known.
            Rung { name: "sched_switch", hooks: &[] },
        ],
        tracepoint: &[Rung {
            name: "perf_event",
            hooks: &[
                EVENT,
                Hook::every("tfo_fault_major", SoftwareEvent::PageFaultsMaj),
                Hook::tracepoint("tfo_oom", "oom", "mark_victim"),
            ],
        }],
    },
    reader: |_| {
        Box::new(|| Box::new(Memory { kills: Streams::new(Kills), faults: SlotStreams::default(), kinds: None }))
    },
};

const KERNEL_FAULT: Hook = Hook::tp_btf("tfo_fault_kern", "page_fault_kernel");
const EVENT: Hook = Hook::every("tfo_fault_minor", SoftwareEvent::PageFaultsMin);

impl Totals for MemoryCounters {
    fn since(&self, earlier: &Self) -> Self {
        self.zip(earlier, u64::wrapping_sub)
    }
}

struct Memory {
    faults: SlotStreams<MemoryCounters>,
    kills: Streams<Kills>,
    /// Made at the first read, when it is known whether modes are.
    kinds: Option<[OwnAttributes; 4]>,
}

/// In the order of the fields of `struct memory_counters`.
const KINDS: [[&str; 2]; 4] = [["minor", "user"], ["minor", "kernel"], ["major", "user"], ["major", "kernel"]];

/// Where no hook tells modes all faults stand with those of user mode, and carry none.
fn attributes([fault, mode]: [&'static str; 2], modes: bool) -> Vec<StaticAttribute> {
    let mode = modes.then_some((FAULT_MODE, AttributeValue::Static(mode)));
    std::iter::once((FAULT_TYPE, AttributeValue::Static(fault))).chain(mode).collect()
}

impl Reader for Memory {
    fn read(&mut self, source: &mut Source<'_>) -> Metrics {
        let mut metrics = self.kills.read(source);
        let mut totals = SlotStreams::totals(source, |page, slot| source.kernel.pages[page].slot(slot).memory);
        add_running(source, &mut totals, |total, record| {
            total.minor_user = total.minor_user.saturating_add(record.minor);
            total.major_user = total.major_user.saturating_add(record.major);
        });
        let overflow = sum_slots(&source.kernel.overflow, 0).memory;
        let mut points = Vec::new();
        let time = source.time;
        let mut push = |numbers: &Numbers<'_, MemoryCounters>| {
            let MemoryCounters { minor_user, minor_kernel, major_user, major_kernel } = numbers.total;
            for (set, bits) in numbers.sets.iter().zip([minor_user, minor_kernel, major_user, major_kernel]) {
                if bits > 0 {
                    points.push(Point { attributes: set.clone(), start: numbers.start, time, bits });
                }
            }
        };
        let modes = source.kernel.has(KERNEL_FAULT.program) || source.kernel.has(EVENT.program);
        let kinds = &*self.kinds.get_or_insert_with(|| KINDS.map(|kind| OwnAttributes::new(attributes(kind, modes))));
        let make = |process: &Arc<_>| {
            kinds.iter().map(|own| Arc::new(Attributes::of_process(Arc::clone(process), own.clone()))).collect()
        };
        self.faults.for_each(source, &totals, make, |total, last| total.zip(last, u64::max), &mut push);
        if overflow != MemoryCounters::default() {
            let mark = || (Attributes::OVERFLOW, AttributeValue::Bool(true));
            let sets = KINDS.map(|kind| {
                Arc::new(Attributes::new(attributes(kind, modes).into_iter().chain(std::iter::once(mark())).collect()))
            });
            let start = source.started;
            push(&Numbers { slot: 0, generation: 0, sets: &sets, start, total: overflow, interval: overflow });
        }
        metrics.numbers.push(Metric { descriptor: catalog::PAGING_FAULTS.clone(), points: points.into() });
        metrics
    }
}

struct Kills;

impl Figures for Kills {
    fn indices(&self) -> Vec<Range<u32>> {
        only(INDEX_OOM_KILL..INDEX_RUNQUEUE)
    }

    fn metrics(&self) -> Vec<&'static Shared> {
        vec![&catalog::OOM_KILLS]
    }

    fn attributes(&self, _plain: u32) -> Option<Vec<StaticAttribute>> {
        Some(vec![])
    }

    fn put(&self, _plain: u32, total: &Cell, _interval: &Cell, put: &mut dyn FnMut(usize, u64)) {
        put(0, total.count);
    }
}
