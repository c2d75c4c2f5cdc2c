//! Receivers: where batches come from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pdata::Batch;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use crate::{BoxFuture, Predicate};

/// A source of batches.
pub trait Receiver: Send {
    /// Where the receiver is told what the pipelines downstream let through; `None` where it has no use for it.
    ///
    /// The runtime calls it before [`run`](Self::run), unless every process is wanted, and again when that has changed.
    fn push_down(&self) -> Option<PushDown> {
        None
    }

    /// Runs until `shutdown` is requested, then sends what is left and returns.
    ///
    /// # Errors
    /// A text for people, where the receiver cannot go on. The others do.
    fn run(self: Box<Self>, output: Output, shutdown: Shutdown) -> BoxFuture<'static, Result<(), String>>;
}

/// Takes the union over all pipelines of what they let through: whatever it denies is wanted by none; `None` is everything.
///
/// A receiver may use it to do less; the pipelines filter all the same.
pub type PushDown = Arc<dyn Fn(Option<Arc<Predicate>>) + Send + Sync>;

/// Where a component puts its batches: every edge gets each of them. Its copies are one.
#[derive(Debug, Clone)]
pub struct Output {
    edges: Arc<Mutex<Arc<[Edge]>>>,
    flow: Arc<Flow>,
}

/// The way to one consumer, which is bounded in batches, and in bytes by the places that a batch needs to be free.
#[derive(Debug, Clone)]
pub struct Edge {
    sender: mpsc::Sender<Arc<Batch>>,
    points: Arc<AtomicU64>,
}

/// Points that a component has put out, and those that it turned away.
#[derive(Debug, Default)]
pub struct Flow {
    accepted: AtomicU64,
    refused: AtomicU64,
}

impl Flow {
    /// Points handed on.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Points turned away.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Edge {
    /// The way to whoever has the far end of `sender`; `points` counts what goes it.
    #[must_use]
    pub fn new(sender: mpsc::Sender<Arc<Batch>>, points: Arc<AtomicU64>) -> Self {
        Self { sender, points }
    }
}

impl Output {
    /// An output that feeds the far ends of `senders`.
    #[must_use]
    pub fn new(senders: Vec<mpsc::Sender<Arc<Batch>>>) -> Self {
        Self::to(senders.into_iter().map(|sender| Edge::new(sender, Arc::default())).collect())
    }

    /// An output that feeds `edges`.
    #[must_use]
    pub fn to(edges: Vec<Edge>) -> Self {
        Self::counting(edges, Arc::default())
    }

    /// The same, which goes on counting where `flow` stands.
    #[must_use]
    pub fn counting(edges: Vec<Edge>, flow: Arc<Flow>) -> Self {
        Self { edges: Arc::new(Mutex::new(edges.into())), flow }
    }

    /// Feeds `edges` from the next batch on.
    pub fn redirect(&self, edges: Vec<Edge>) {
        *self.edges.lock().unwrap_or_else(PoisonError::into_inner) = edges.into();
    }

    /// Hands `batch` to every edge and waits while one of them is full.
    ///
    /// An edge whose far end is gone is skipped: that component failed, and the
    /// runtime reports it. Dropping the future before it ends may leave the batch
    /// with some of the edges only.
    pub async fn send(&self, batch: Arc<Batch>) {
        let edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let points = batch.items() as u64;
        if let Some((last, others)) = edges.split_last() {
            for edge in others {
                edge.send(batch.clone(), points).await;
            }
            // The last one gets ours, so that a sole consumer need not copy.
            last.send(batch, points).await;
        }
        self.flow.accepted.fetch_add(points, Ordering::Relaxed);
    }

    /// Hands `batch` to every edge, or to none where one of them stays full for `patience`.
    ///
    /// # Errors
    /// If nobody has it.
    pub async fn offer(&self, batch: Arc<Batch>, patience: Duration) -> Result<(), Full> {
        let edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let points = batch.items() as u64;
        let (bytes, deadline) = (batch.bytes(), Instant::now() + patience);
        let mut permits = Vec::with_capacity(edges.len());
        for edge in edges.iter() {
            match timeout_at(deadline, edge.sender.reserve_many(edge.places(bytes))).await {
                Ok(Ok(mut places)) => permits.extend(places.next().map(|permit| (edge, permit))),
                // Its far end is gone.
                Ok(Err(_)) => {}
                Err(_) => return Err(Full),
            }
        }
        let Some((last, last_permit)) = permits.pop() else { return Err(Full) };
        for (edge, permit) in permits {
            permit.send(batch.clone());
            edge.points.fetch_add(points, Ordering::Relaxed);
        }
        // The last one gets ours, so that a sole consumer need not copy.
        last_permit.send(batch);
        last.points.fetch_add(points, Ordering::Relaxed);
        self.flow.accepted.fetch_add(points, Ordering::Relaxed);
        Ok(())
    }

    /// Counts `points` as turned away by the receiver itself, which has told whoever sent them.
    pub fn refuse(&self, points: u64) {
        self.flow.refused.fetch_add(points, Ordering::Relaxed);
    }

    /// What was put out so far.
    #[must_use]
    pub fn flow(&self) -> Arc<Flow> {
        self.flow.clone()
    }
}

impl Edge {
    async fn send(&self, batch: Arc<Batch>, points: u64) {
        let places = self.sender.reserve_many(self.places(batch.bytes())).await;
        if let Some(permit) = places.ok().and_then(|mut places| places.next()) {
            permit.send(batch);
            self.points.fetch_add(points, Ordering::Relaxed);
        }
    }

    /// How many places must be free for a batch of so many bytes, which takes one: a large one waits until the edge is
    /// empty, or nearly so.
    fn places(&self, bytes: usize) -> usize {
        (1 + bytes / BYTES_OF_PLACE).min(self.sender.max_capacity())
    }
}

/// An edge of eight places holds a MiB, or one batch that is larger.
const BYTES_OF_PLACE: usize = 128 << 10;

/// No room for a batch, or nobody to take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Says when it is time to stop.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Follows `signal`, which turns true once or is dropped.
    #[must_use]
    pub fn new(signal: watch::Receiver<bool>) -> Self {
        Self(signal)
    }

    /// Whether stopping has been requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once stopping is requested. Safe to drop and call again.
    pub async fn requested(&mut self) {
        // An error means that the runtime is gone, which is a request too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

#[cfg(test)]
mod tests {
    use pdata::{Attributes, Descriptor, Metric, Point};

    use super::*;

    fn batch(points: usize) -> Arc<Batch> {
        let point = Point { attributes: Arc::new(Attributes::new(vec![])), start: 0, time: 0, bits: 0 };
        let metric = Metric {
            descriptor: Arc::new(Descriptor::default()),
            points: std::iter::repeat_n(point, points).collect(),
        };
        Arc::new(Batch::of(Arc::default(), Arc::default(), vec![metric]))
    }

    #[tokio::test]
    async fn an_edge_is_bounded_in_bytes_and_what_is_larger_passes_alone() {
        let (sender, mut far) = mpsc::channel(8);
        let output = Output::new(vec![sender]);
        let (small, large) = (batch(1), batch(10_000));
        assert!(large.bytes() > 8 * BYTES_OF_PLACE);
        for _ in 0..8 {
            assert_eq!(output.offer(small.clone(), Duration::ZERO).await, Ok(()));
        }
        assert_eq!(output.offer(small.clone(), Duration::ZERO).await, Err(Full));
        while far.len() > 1 {
            far.recv().await;
        }
        assert_eq!(output.offer(large.clone(), Duration::ZERO).await, Err(Full));
        far.recv().await;
        assert_eq!(output.offer(large.clone(), Duration::ZERO).await, Ok(()));
        assert_eq!(output.offer(large.clone(), Duration::ZERO).await, Err(Full));
        // What waits for room is there when room is.
        let waiting = tokio::spawn(async move { output.send(large).await });
        assert_eq!(far.recv().await.map(|batch| batch.items()), Some(10_000));
        assert_eq!(far.recv().await.map(|batch| batch.items()), Some(10_000));
        waiting.await.unwrap();
        assert!(far.recv().await.is_none());
    }
}
