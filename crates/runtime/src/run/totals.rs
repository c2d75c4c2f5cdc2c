//! What became of the points that reached an exporter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use component::{ComponentId, Counts, ExporterCounts};
use tracing::info;

/// What became of the points that reached one exporter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Taken by the far side.
    pub sent: u64,
    /// Refused for good by the far side, out of batches that it took.
    pub rejected: u64,
    /// Given up, with the reason in the log.
    pub lost: u64,
    /// Replaced by a later point of their stream, or with deltas without news: a time is gone, no total.
    pub merged: u64,
    /// Added up under `otel.metric.overflow`: who it was is gone, no total.
    pub folded: u64,
}

/// What became of all points, by exporter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Every exporter, in order of id.
    pub exporters: Vec<(ComponentId, Totals)>,
}

impl Summary {
    pub(super) fn of(counters: &BTreeMap<ComponentId, Arc<Counters>>) -> Self {
        Self { exporters: counters.iter().map(|(id, counters)| (id.clone(), counters.read())).collect() }
    }

    pub(super) fn log(&self) {
        for (id, Totals { sent, rejected, lost, merged, folded }) in &self.exporters {
            info!(otelcol.component.id = %id, sent, rejected, lost, merged, folded, "points at the exporter");
        }
    }
}

/// [`Totals`] while they are counted; outlives the exporter's task, however that ends.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) sent: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) merged: AtomicU64,
    pub(super) folded: AtomicU64,
    /// Points of streams that found no room while the far side was away, and are no total; they are in `lost` too.
    pub(super) enqueue_failed: AtomicU64,
    /// Times that the state of the exporter could not be stored.
    pub(super) unsaved: AtomicU64,
    /// What waits, and most that may, in what the queue's `sizer` says.
    pub(super) queue_size: AtomicU64,
    pub(super) queue_capacity: AtomicU64,
}

impl Counters {
    /// The same as others see it.
    pub(super) fn counts(&self) -> ExporterCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ExporterCounts {
            sent: read(&self.sent),
            failed: read(&self.rejected) + read(&self.lost),
            enqueue_failed: read(&self.enqueue_failed),
            merged: read(&self.merged),
            folded: read(&self.folded),
            unsaved: read(&self.unsaved),
            queue_size: read(&self.queue_size),
            queue_capacity: read(&self.queue_capacity),
        }
    }

    pub(super) fn read(&self) -> Totals {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            sent: read(&self.sent),
            rejected: read(&self.rejected),
            lost: read(&self.lost),
            merged: read(&self.merged),
            folded: read(&self.folded),
        }
    }
}

/// What went into one processor and came out of it.
#[derive(Debug, Default)]
pub(super) struct ProcessorCounters {
    pub(super) incoming: AtomicU64,
    pub(super) outgoing: AtomicU64,
}

impl ProcessorCounters {
    pub(super) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts::Processor { incoming: read(&self.incoming), outgoing: read(&self.outgoing) }
    }
}

/// Adds `points` to one of the [`Counters`].
pub(super) fn count(counter: &AtomicU64, points: usize) {
    counter.fetch_add(points as u64, Ordering::Relaxed);
}

/// Has one of the [`Counters`] tell what there is now.
pub(super) fn set(gauge: &AtomicU64, now: usize) {
    gauge.store(now as u64, Ordering::Relaxed);
}
