//! Receivers: where batches come from.

use std::sync::Arc;

use pdata::Batch;
use tokio::sync::{mpsc, watch};

use crate::{BoxFuture, Predicate};

/// A source of batches.
pub trait Receiver: Send {
    /// Tells what the pipelines downstream let through, before [`run`](Self::run).
    ///
    /// It is the union over all of them, so whatever it denies is wanted by none.
    /// A receiver may use it to do less; the pipelines filter all the same.
    fn push_down(&mut self, _predicate: Arc<Predicate>) {}

    /// Runs until `shutdown` is requested, then sends what is left and returns.
    ///
    /// # Errors
    /// A text for people, where the receiver cannot go on. The others do.
    fn run(self: Box<Self>, output: Output, shutdown: Shutdown) -> BoxFuture<'static, Result<(), String>>;
}

/// Where a component puts its batches: every edge gets each of them.
#[derive(Debug, Clone)]
pub struct Output {
    edges: Vec<mpsc::Sender<Arc<Batch>>>,
}

impl Output {
    /// An output that feeds `edges`.
    #[must_use]
    pub fn new(edges: Vec<mpsc::Sender<Arc<Batch>>>) -> Self {
        Self { edges }
    }

    /// Hands `batch` to every edge and waits while one of them is full.
    ///
    /// An edge whose far end is gone is skipped: that component failed, and the
    /// runtime reports it. Dropping the future before it ends may leave the batch
    /// with some of the edges only.
    pub async fn send(&self, batch: Arc<Batch>) {
        for edge in &self.edges {
            let _ = edge.send(batch.clone()).await;
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
