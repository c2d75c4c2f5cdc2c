//! What waits at an exporter: its edge, and behind it the bounded queue in memory.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pdata::{Batch, Latest};
use tokio::sync::mpsc;
use tracing::warn;

use super::totals::{Counters, count};

/// The edge and the queue of one exporter.
pub(super) struct Inbox {
    edge: mpsc::Receiver<Arc<Batch>>,
    queue: VecDeque<Arc<Batch>>,
    /// Most batches in the queue; with zero there is none, and what comes waits on the edge.
    size: usize,
    counters: Arc<Counters>,
    full: bool,
}

impl Inbox {
    pub(super) fn new(edge: mpsc::Receiver<Arc<Batch>>, size: usize, counters: Arc<Counters>) -> Self {
        Self { edge, queue: VecDeque::new(), size, counters, full: false }
    }

    /// Holds at most `size` batches from now on; what is more already goes with the next merges.
    pub(super) fn resize(&mut self, size: usize) {
        self.size = size;
        self.counters.queue_capacity.store(size as u64, Ordering::Relaxed);
    }

    /// The oldest batch that waits; `None` once the edge is closed and nothing waits.
    pub(super) async fn next(&mut self) -> Option<Arc<Batch>> {
        match self.queue.pop_front() {
            Some(batch) => Some(batch),
            None => {
                self.full = false;
                self.edge.recv().await
            }
        }
    }

    /// Does `work` and takes in what comes meanwhile, so that a slow far side never holds up a pipeline.
    pub(super) async fn fill_while<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                output = &mut work => return output,
                // On a closed edge this arm turns itself off and `work` goes on alone.
                Some(batch) = self.edge.recv(), if self.size > 0 => self.push(batch),
            }
        }
    }

    /// Beyond its size the queue makes the two oldest batches one: of each stream the later point stays.
    fn push(&mut self, batch: Arc<Batch>) {
        self.queue.push_back(batch);
        if self.queue.len() <= self.size {
            return;
        }
        let (Some(first), Some(second)) = (self.queue.pop_front(), self.queue.pop_front()) else { return };
        let mut latest = Latest::default();
        latest.merge(&first);
        latest.merge(&second);
        count(&self.counters.merged, first.items() + second.items() - latest.streams());
        self.queue.push_front(Arc::new(latest.take()));
        if !std::mem::replace(&mut self.full, true) {
            warn!(
                queue_size = self.size,
                "queue is full, its oldest batches are merged: times are lost, totals are not"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use pdata::{
        AttributeValue, Attributes, Descriptor, ExponentialHistogram, HistogramMetric, HistogramPoint, Instrument,
        Metric, Metrics, NumberKind, Point, Resource, Scope,
    };

    use super::*;

    fn batch(stream: i64, time: u64) -> Arc<Batch> {
        let attributes = Arc::new(Attributes::new(vec![("stream", AttributeValue::Int(stream))]));
        let descriptor = Descriptor {
            name: "calls".into(),
            unit: "{call}".into(),
            description: "".into(),
            instrument: Instrument::Counter,
            number: NumberKind::Unsigned,
            ..Default::default()
        };
        let points = vec![Point { attributes, start: 0, time, bits: time }];
        let metrics = vec![Metric { descriptor: Arc::new(descriptor), points }];
        Arc::new(Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "0")), metrics))
    }

    fn distribution(stream: i64, time: u64) -> Arc<Batch> {
        let numbers = batch(stream, time);
        let Metric { descriptor, points } = numbers.metrics().next().unwrap().clone();
        let histogram = ExponentialHistogram { counts: [time].into(), ..Default::default() };
        let histogram: Arc<pdata::Distribution> = Arc::new(histogram.into());
        let descriptor = Descriptor { instrument: Instrument::ExponentialHistogram, ..(*descriptor).clone() };
        let points = vec![HistogramPoint { attributes: points[0].attributes.clone(), start: 0, time, histogram }];
        let histograms = vec![HistogramMetric { descriptor: Arc::new(descriptor), points }];
        let source = &numbers.resources[0];
        let metrics = Metrics { histograms, ..Metrics::default() };
        Arc::new(Batch::of(source.resource.clone(), source.scopes[0].scope.clone(), metrics))
    }

    fn bits(batch: &Batch) -> Vec<u64> {
        let mut bits: Vec<u64> = batch.metrics().flat_map(|metric| &metric.points).map(|point| point.bits).collect();
        bits.sort_unstable();
        bits
    }

    #[tokio::test]
    async fn a_full_queue_merges_its_oldest_and_keeps_every_stream() {
        let (_edge, input) = mpsc::channel(1);
        let mut inbox = Inbox::new(input, 2, Arc::default());
        for (stream, time) in [(1, 1), (2, 2), (1, 3), (3, 4), (3, 5)] {
            inbox.push(batch(stream, time));
        }
        assert_eq!(inbox.queue.len(), 2);
        assert_eq!(bits(&inbox.next().await.unwrap()), [2, 3, 4]);
        assert_eq!(bits(&inbox.next().await.unwrap()), [5]);
        assert_eq!(inbox.counters.read().merged, 1);
    }

    #[tokio::test]
    async fn a_full_queue_keeps_the_last_distribution_of_every_stream() {
        let (_edge, input) = mpsc::channel(1);
        let mut inbox = Inbox::new(input, 1, Arc::default());
        for (stream, time) in [(1, 1), (2, 2), (1, 3)] {
            inbox.push(distribution(stream, time));
        }
        inbox.push(batch(1, 4));
        let merged = inbox.next().await.unwrap();
        let counts = merged.histograms().flat_map(|metric| &metric.points).map(|point| point.histogram.count());
        assert_eq!((counts.collect::<Vec<_>>(), bits(&merged)), (vec![3, 2], vec![4]));
        assert_eq!((inbox.counters.read().merged, inbox.queue.len()), (1, 0));
    }

    #[tokio::test]
    async fn a_queue_of_one_stays_one() {
        let (_edge, input) = mpsc::channel(1);
        let mut inbox = Inbox::new(input, 1, Arc::default());
        (1..=5).for_each(|time| inbox.push(batch(1, time)));
        assert_eq!(inbox.queue.len(), 1);
        assert_eq!(bits(&inbox.next().await.unwrap()), [5]);
    }
}
