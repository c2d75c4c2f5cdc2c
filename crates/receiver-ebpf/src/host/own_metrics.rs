//! What the host says of itself: map memory, programs attached, detail lost.

use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pdata::{AttributeValue, Attributes, Metric, Point, UnixNanos};

use super::lifecycle;
use crate::catalog;
use crate::collectors::Collector;
use crate::kernel::{Control, Kernel, LOSS_REASONS};

/// The host's own metrics at `time`; counters began at `started`.
pub(super) fn read(
    kernel: &Kernel,
    collectors: &[&'static Collector],
    failed: &[&'static str],
    started: UnixNanos,
    time: UnixNanos,
) -> Vec<Metric> {
    let point = |own, start, bits| Point { attributes: Arc::new(Attributes::new(own)), start, time, bits };
    let losses = LOSS_REASONS.iter().enumerate().map(|(index, reason)| {
        let count = kernel.control.at(0, offset_of!(Control, loss) + index * 8).load(Ordering::Relaxed);
        point(vec![("reason", AttributeValue::Static(reason))], started, count)
    });
    vec![
        attached(collectors, failed, time),
        Metric { descriptor: catalog::LOSS.clone(), points: losses.collect() },
        Metric {
            descriptor: catalog::MAP_MEMORY.clone(),
            points: vec![point(vec![], time, kernel.map_bytes() as u64)],
        },
        Metric { descriptor: catalog::FREE_SLOTS.clone(), points: vec![point(vec![], time, lifecycle::free(kernel))] },
    ]
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
