//! Receivers: where batches come from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pdata::Batch;
use tokio::sync::{mpsc, watch};

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

/// The way to one consumer.
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
        if self.sender.send(batch).await.is_ok() {
            self.points.fetch_add(points, Ordering::Relaxed);
        }
    }
}

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
