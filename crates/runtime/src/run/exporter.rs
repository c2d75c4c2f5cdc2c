//! An exporter's task: queue, attempts, waits, and the count of what became of every point.

use std::collections::VecDeque;
use std::sync::Arc;

use component::{Accepted, BuiltExporter, Delivery, ExportError, Exporter, Reporter, RetryConfig, Status};
use pdata::Batch;
use tokio::sync::{mpsc, oneshot};
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
    controls: Controls,
    counters: Arc<Counters>,
    delivery: Delivery,
}

/// How an exporter's task is reached from outside, and says how it is doing.
pub(super) struct Controls {
    pub(super) stop: Stop,
    pub(super) replacements: mpsc::Receiver<Replacement>,
    pub(super) reporter: Reporter,
}

/// Another exporter in the place of the one that runs: what waits goes to the new one.
pub(super) struct Replacement {
    pub(super) built: BuiltExporter,
    pub(super) reporter: Reporter,
    /// The one that ran; or why the new one cannot start, and the other runs on.
    pub(super) answer: oneshot::Sender<Result<BuiltExporter, String>>,
}

impl ExporterTask {
    pub(super) fn new(
        BuiltExporter { exporter, delivery }: BuiltExporter,
        edge: mpsc::Receiver<Arc<Batch>>,
        controls: Controls,
        counters: Arc<Counters>,
    ) -> Self {
        let (size, retry) = settings(&delivery);
        let inbox = Inbox::new(edge, size, counters.clone());
        Self { exporter, retry, inbox, current: VecDeque::new(), controls, counters, delivery }
    }

    /// Delivers until the edge is closed and nothing waits, or the deadline passes.
    pub(super) async fn run(mut self) -> Result<(), String> {
        let mut stop = self.controls.stop.clone();
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
        loop {
            let batch = tokio::select! {
                biased;
                Some(replacement) = self.controls.replacements.recv() => {
                    self.replace(replacement).await;
                    continue;
                }
                batch = self.inbox.next() => match batch {
                    Some(batch) => batch,
                    None => return,
                },
            };
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
                Ok(accepted) => {
                    self.report(Status::Ok);
                    return accept(&self.counters, batch, &accepted);
                }
                Err(ExportError::Permanent(reason)) => {
                    self.report(Status::PermanentError(reason.clone()));
                    return lose(&self.counters, batch, &reason);
                }
                Err(ExportError::Retryable { reason, after }) => (reason, after),
            };
            let stopping = self.controls.stop.is_requested();
            let wait = if stopping && self.retry.enabled {
                // The far side's wish would outlast us.
                hasty.next(began.elapsed(), None)
            } else {
                patient.next(began.elapsed(), after)
            };
            let Some(wait) = wait else {
                // Until something arrives again, as good as one that is refused.
                self.report(Status::PermanentError(reason.clone()));
                return lose(&self.counters, batch, &reason);
            };
            self.report(Status::RecoverableError(reason.clone()));
            warn!(error = reason, retry_in = ?wait, "export failed, will be tried again");
            let Controls { stop, replacements, .. } = &mut self.controls;
            let waited = async {
                tokio::select! {
                    () = sleep(wait) => None,
                    () = stop.requested(), if !stopping => None,
                    Some(replacement) = replacements.recv() => Some(replacement),
                }
            };
            if let Some(replacement) = self.inbox.fill_while(waited).await {
                self.replace(replacement).await;
                patient = Backoff::new(&self.retry);
            }
        }
    }

    /// Puts another exporter in the place of the one that runs, which has no attempt under way.
    async fn replace(&mut self, Replacement { mut built, reporter, answer }: Replacement) {
        if answer.is_closed() {
            return;
        }
        // Both may want the same port.
        let exchanged = async {
            self.exporter.shutdown().await;
            let Err(reason) = built.exporter.start().await else { return Ok(()) };
            match self.exporter.start().await {
                Ok(()) => Err(reason),
                Err(again) => {
                    let reason = format!("{reason}; nor does the one that ran start again: {again}");
                    self.controls.reporter.report(Status::PermanentError(reason.clone()));
                    Err(reason)
                }
            }
        };
        let outcome = match self.inbox.fill_while(exchanged).await {
            Ok(()) => {
                let (size, retry) = settings(&built.delivery);
                self.inbox.resize(size);
                self.retry = retry;
                self.controls.reporter = reporter;
                self.report(Status::Ok);
                let exporter = std::mem::replace(&mut self.exporter, built.exporter);
                let delivery = std::mem::replace(&mut self.delivery, built.delivery);
                Ok(BuiltExporter { exporter, delivery })
            }
            Err(reason) => Err(reason),
        };
        // Whoever asked may have given up; the place is taken all the same.
        let _ = answer.send(outcome);
    }

    /// Unless the end has come, of which the runtime speaks.
    fn report(&self, status: Status) {
        let Controls { stop, reporter, .. } = &self.controls;
        // What was given up once is no better for another attempt, but for one that succeeds.
        let tries = matches!(status, Status::RecoverableError(_));
        let outranked = tries && matches!(reporter.reported().0, Status::PermanentError(_));
        if !stop.is_requested() && !outranked {
            reporter.report(status);
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

/// Size of the queue, and when to try again.
fn settings(delivery: &Delivery) -> (usize, RetryConfig) {
    match delivery {
        Delivery::Direct => (0, RetryConfig { enabled: false, ..STOPPING }),
        Delivery::Queued { queue, retry } => {
            (usize::try_from(queue.queue_size).unwrap_or(usize::MAX).max(1), retry.clone())
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
