//! What comes to an exporter: its edge, and behind it the backlog in memory.

use std::pin::pin;
use std::sync::Arc;

use pdata::Batch;
use tokio::sync::mpsc;

use super::backlog::Backlog;

/// The edge and the backlog of one exporter.
pub(super) struct Inbox {
    edge: mpsc::Receiver<Arc<Batch>>,
    pub(super) backlog: Backlog,
    /// Without a queue what comes waits on the edge.
    queued: bool,
    /// Whether nothing comes any more, and nothing waits on the edge.
    closed: bool,
}

impl Inbox {
    pub(super) fn new(edge: mpsc::Receiver<Arc<Batch>>, backlog: Backlog, queued: bool) -> Self {
        Self { edge, backlog, queued, closed: false }
    }

    /// The oldest batch that waits; `None` once the edge is closed and nothing waits.
    pub(super) async fn next(&mut self) -> Option<Arc<Batch>> {
        if let Some(batch) = self.backlog.next() {
            return Some(batch);
        }
        match self.edge.recv().await {
            Some(batch) => Some(self.backlog.join(batch)),
            None => {
                self.closed = true;
                self.backlog.take_held()
            }
        }
    }

    /// Whether no batch comes any more that what is given up could go with.
    pub(super) fn is_last(&self) -> bool {
        self.closed && self.backlog.len() == 0
    }

    /// Does `work` and takes in what comes meanwhile, so that a slow far side never holds up a pipeline.
    pub(super) async fn fill_while<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                output = &mut work => return output,
                // On a closed edge this arm turns itself off and `work` goes on alone.
                Some(batch) = self.edge.recv(), if self.queued => self.backlog.push(batch),
            }
        }
    }
}
