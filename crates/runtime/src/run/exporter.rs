//! An exporter's task: queue, attempts, waits, and the count of what became of every point.

use std::collections::VecDeque;
use std::sync::Arc;

use component::{Accepted, BuiltExporter, Delivery, ExportError, Exporter, RetryConfig};
use pdata::Batch;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::backoff::{Backoff, STOPPING};
use super::inbox::Inbox;
use super::stop::Stop;
use super::totals::{Counters, count};

/// One exporter and what waits for it.
pub(super) struct ExporterTask {
    exporter: Box<dyn Exporter>,
    retry: RetryConfig,
    inbox: Inbox,
    /// Parts of the batch that is being delivered; here, so that they can be counted when the deadline cuts in.
    current: VecDeque<Arc<Batch>>,
    stop: Stop,
    counters: Arc<Counters>,
}

impl ExporterTask {
    pub(super) fn new(
        BuiltExporter { exporter, delivery }: BuiltExporter,
        edge: mpsc::Receiver<Arc<Batch>>,
        stop: Stop,
        counters: Arc<Counters>,
    ) -> Self {
        let (size, retry) = match delivery {
            Delivery::Direct => (0, RetryConfig { enabled: false, ..STOPPING }),
            Delivery::Queued { queue, retry } => {
                (usize::try_from(queue.queue_size).unwrap_or(usize::MAX).max(1), retry)
            }
        };
        let inbox = Inbox::new(edge, size, counters.clone());
        Self { exporter, retry, inbox, current: VecDeque::new(), stop, counters }
    }

    /// Delivers until the edge is closed and nothing waits, or the deadline passes.
    pub(super) async fn run(mut self) -> Result<(), String> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            () = self.drain() => {}
            () = stop.expired() => self.abandon().await,
        }
        // Without data there is still what the exporter serves, such as a page.
        stop.requested().await;
        self.exporter.shutdown().await;
        Ok(())
    }

    async fn drain(&mut self) {
        while let Some(batch) = self.inbox.next().await {
            let began = Instant::now();
            self.current = self.exporter.split(batch).into();
            while let Some(part) = self.current.front().cloned() {
                self.deliver(&part, began).await;
                self.current.pop_front();
            }
        }
    }

    /// Tries until the part is accepted, refused for good, or given up, for which the time runs from when
    /// its batch `began`: an absent far side holds up the queue once a batch, not once a part.
    async fn deliver(&mut self, batch: &Arc<Batch>, began: Instant) {
        let (mut patient, mut hasty) = (Backoff::new(&self.retry), Backoff::new(&STOPPING));
        loop {
            let (reason, after) = match self.inbox.fill_while(self.exporter.export(batch.clone())).await {
                Ok(accepted) => return accept(&self.counters, batch, &accepted),
                Err(ExportError::Permanent(reason)) => return lose(&self.counters, batch, &reason),
                Err(ExportError::Retryable { reason, after }) => (reason, after),
            };
            let stopping = self.stop.is_requested();
            let wait = if stopping && self.retry.enabled {
                // The far side's wish would outlast us.
                hasty.next(began.elapsed(), None)
            } else {
                patient.next(began.elapsed(), after)
            };
            let Some(wait) = wait else { return lose(&self.counters, batch, &reason) };
            warn!(error = reason, retry_in = ?wait, "export failed, will be tried again");
            let stop = &mut self.stop;
            let waited = async {
                tokio::select! {
                    () = sleep(wait) => {}
                    () = stop.requested(), if !stopping => {}
                }
            };
            self.inbox.fill_while(waited).await;
        }
    }

    /// Counts all that is left and still comes as lost.
    async fn abandon(&mut self) {
        const REASON: &str = "the service stopped before it could be delivered";
        for part in self.current.drain(..) {
            lose(&self.counters, &part, REASON);
        }
        while let Some(batch) = self.inbox.next().await {
            lose(&self.counters, &batch, REASON);
        }
    }
}

fn accept(counters: &Counters, batch: &Batch, Accepted { rejected, message }: &Accepted) {
    let items = batch.items();
    let refused = usize::try_from(*rejected).unwrap_or(items).min(items);
    count(&counters.sent, items - refused);
    if refused > 0 {
        count(&counters.rejected, refused);
        warn!(points = refused, error = message, "points rejected");
    }
}

fn lose(counters: &Counters, batch: &Batch, reason: &str) {
    let points = batch.items();
    count(&counters.lost, points);
    warn!(points, error = reason, "points lost");
}
