//! What an exporter has not delivered yet: a bounded queue, and before it the streams that were given up or found no
//! room in it, each with its last point.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use component::{QueueConfig, Sizer};
use pdata::{Batch, Known, Latest, Overflow, Room};
use tracing::warn;

use super::totals::{Counters, count, set};

/// The queue of one exporter.
pub(super) struct Backlog {
    /// Older than all of the queue: one point per stream.
    held: Latest,
    /// Whether what is held was given up, and goes with the next batch.
    given_up: bool,
    queue: VecDeque<Waiting>,
    /// Of the queue alone.
    items: usize,
    bytes: usize,
    bounds: Bounds,
    pub(super) overflow: Overflow,
    pub(super) known: Known,
    counters: Arc<Counters>,
    /// What has been warned of since the queue was empty.
    full: bool,
    folding: bool,
}

/// A batch and what it weighs.
struct Waiting {
    batch: Arc<Batch>,
    items: usize,
    bytes: usize,
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// In what `sizer` says.
    pub(super) size: usize,
    pub(super) sizer: Sizer,
    pub(super) bytes: usize,
    pub(super) streams: usize,
}

impl Bounds {
    pub(super) fn new(config: &QueueConfig) -> Self {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        Self {
            size: number(config.queue_size),
            sizer: config.sizer,
            bytes: number(config.max_memory),
            streams: number(config.max_streams),
        }
    }
}

impl Backlog {
    pub(super) fn new(bounds: Bounds, known: Known, counters: Arc<Counters>) -> Self {
        set(&counters.queue_capacity, bounds.size);
        Self {
            held: Latest::default(),
            given_up: false,
            queue: VecDeque::new(),
            items: 0,
            bytes: 0,
            bounds,
            overflow: Overflow::default(),
            known,
            counters,
            full: false,
            folding: false,
        }
    }

    /// Beyond its bounds the queue makes the two oldest batches one: of each stream the later point stays.
    pub(super) fn push(&mut self, batch: Arc<Batch>) {
        let (items, bytes) = (batch.items(), batch.bytes());
        (self.items, self.bytes) = (self.items + items, self.bytes + bytes);
        self.queue.push_back(Waiting { batch, items, bytes });
        while self.is_over() && !self.queue.is_empty() {
            self.hold_oldest();
            if !std::mem::replace(&mut self.full, true) {
                warn!(
                    queue_size = self.bounds.size,
                    "queue is full, its oldest batches are merged: times are lost, totals are not"
                );
            }
        }
        self.report();
    }

    /// The oldest batch that waits; `None` where nothing does, or only what goes with the next.
    pub(super) fn next(&mut self) -> Option<Arc<Batch>> {
        let alone = self.held.streams() > 0 && !self.given_up;
        let batch = match self.queue.pop_front() {
            Some(oldest) if alone => {
                self.queue.push_front(oldest);
                self.take_held()
            }
            Some(Waiting { batch, items, bytes }) => {
                (self.items, self.bytes) = (self.items - items, self.bytes - bytes);
                Some(self.join(batch))
            }
            None if alone => self.take_held(),
            None => {
                (self.full, self.folding) = (false, false);
                None
            }
        };
        self.report();
        batch
    }

    /// `batch`, which came after all that waits, and what was given up before.
    pub(super) fn join(&mut self, batch: Arc<Batch>) -> Arc<Batch> {
        if self.held.streams() == 0 {
            return batch;
        }
        count(&self.counters.merged, self.held.merge(&batch));
        self.take_held().unwrap_or(batch)
    }

    /// What was given up, where no batch comes any more that it could go with.
    pub(super) fn take_held(&mut self) -> Option<Arc<Batch>> {
        self.given_up = false;
        (self.held.streams() > 0).then(|| Arc::new(self.held.take()))
    }

    /// Keeps `batch` until the next one goes.
    pub(super) fn give_up(&mut self, batch: &Batch) {
        count(&self.counters.merged, self.held.merge(batch));
        self.given_up = true;
        self.shrink();
        self.report();
    }

    /// Makes one batch of all that waits.
    pub(super) fn merge_all(&mut self) {
        while !self.queue.is_empty() {
            self.hold_oldest();
        }
        self.report();
    }

    /// Batches that wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len() + usize::from(self.held.streams() > 0)
    }

    /// Points that wait.
    pub(super) fn items(&self) -> usize {
        self.items + self.held.streams()
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.held.bytes()
    }

    fn is_over(&self) -> bool {
        let Bounds { size, sizer, bytes, .. } = self.bounds;
        let waits = match sizer {
            Sizer::Requests => self.len(),
            Sizer::Items => self.items(),
            Sizer::Bytes => self.bytes(),
        };
        waits > size || self.bytes() > bytes
    }

    /// Makes the oldest batch of the queue one with what is held.
    fn hold_oldest(&mut self) {
        let Some(Waiting { batch, items, bytes }) = self.queue.pop_front() else { return };
        (self.items, self.bytes) = (self.items - items, self.bytes - bytes);
        count(&self.counters.merged, self.held.merge(&batch));
        self.shrink();
    }

    /// Folds streams where more are held than there is room for.
    fn shrink(&mut self) {
        let Bounds { streams, bytes, .. } = self.bounds;
        let shrunk = self.overflow.shrink(&mut self.held, Room { streams, bytes }, &self.known);
        count(&self.counters.folded, shrunk.folded);
        count(&self.counters.lost, shrunk.dropped);
        count(&self.counters.enqueue_failed, shrunk.dropped);
        if shrunk.folded + shrunk.dropped > 0 && !std::mem::replace(&mut self.folding, true) {
            warn!(
                max_streams = streams,
                "more streams wait than there is room for, those that ended first are added up under \
                 otel.metric.overflow=true; gauges among them are dropped"
            );
        }
    }

    fn report(&self) {
        set(
            &self.counters.queue_size,
            match self.bounds.sizer {
                Sizer::Requests => self.len(),
                Sizer::Items => self.items(),
                Sizer::Bytes => self.bytes(),
            },
        );
    }
}
