//! An exporter's task: batches out of the inbox, attempts, waits, and the count of what became of every point.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use component::{Accepted, BuiltExporter, ComponentId, ExportError, Exporter, Reporter, RetryConfig, Status};
use pdata::{Acknowledged, Batch};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{Instrument as _, warn};

use super::backlog::Backlog;
use super::backoff::{Backoff, STOPPING};
use super::delivery::Plan;
use super::inbox::Inbox;
use super::keeper::Keeper;
use super::spans;
use super::stop::Stop;
use super::totals::{Counters, count};

/// One exporter and what waits for it.
pub(super) struct ExporterTask {
    pub(super) id: ComponentId,
    pub(super) exporter: Box<dyn Exporter>,
    pub(super) retry: RetryConfig,
    pub(super) inbox: Inbox,
    /// Whether what is given up goes with the next batch.
    pub(super) keeps: bool,
    pub(super) keeper: Option<Keeper>,
    /// Parts of the batch that is being delivered; here, so that they can be counted when the deadline cuts in.
    current: VecDeque<Arc<Batch>>,
    /// The far side's wish, which outlasts the batch that it was said of.
    not_before: Option<Instant>,
    /// How long the last batch would take when there is little time.
    took: Duration,
    pub(super) controls: Controls,
    counters: Arc<Counters>,
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
    /// Told that the new one has started, or why it cannot and the other runs on; and where it is taken back, the same
    /// of the one that ran.
    pub(super) answers: mpsc::Sender<Result<(), String>>,
    /// Told that all of the new configuration is taken over, and closed where it is not.
    pub(super) taken: oneshot::Receiver<()>,
}

/// What to do next.
enum Next {
    Batch(Arc<Batch>),
    Replace(Replacement),
    End,
}

/// What became of a part.
enum Outcome {
    /// Taken, or refused for good: there is nothing left to do.
    Done,
    /// Not taken in time.
    GivenUp(String),
}

impl ExporterTask {
    pub(super) fn new(
        id: &ComponentId,
        BuiltExporter { exporter, delivery }: BuiltExporter,
        edge: mpsc::Receiver<Arc<Batch>>,
        controls: Controls,
        counters: Arc<Counters>,
    ) -> Self {
        let Plan { retry, bounds, known, queued, keeps, keeper } = Plan::new(id, &delivery);
        Self {
            id: id.clone(),
            exporter,
            retry,
            inbox: Inbox::new(edge, Backlog::new(bounds, known, counters.clone()), queued),
            keeps,
            keeper,
            current: VecDeque::new(),
            not_before: None,
            took: Duration::ZERO,
            controls,
            counters,
        }
    }

    /// Delivers until the edge is closed and nothing waits, or the deadline passes.
    pub(super) async fn run(mut self) -> Result<(), String> {
        self.restore().await;
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
            let batch = match self.next().await {
                Next::Batch(batch) => batch,
                Next::Replace(replacement) => {
                    self.replace(replacement).await;
                    continue;
                }
                Next::End => break,
            };
            let (began, items) = (Instant::now(), batch.items());
            let batch = self.inbox.backlog.overflow.pass(batch);
            count(&self.counters.folded, items - batch.items());
            self.took = Duration::ZERO;
            if self.transmit(batch, began).await {
                self.send_totals(began).await;
            }
            self.save().await;
        }
        self.send_totals(Instant::now()).await;
        self.save().await;
    }

    /// The next batch. What waits when the end is near goes as one, for the last totals matter more than times.
    async fn next(&mut self) -> Next {
        if let Some(wish) = self.not_before.take() {
            let stopping = self.controls.stop.is_requested();
            let Controls { stop, replacements, .. } = &mut self.controls;
            let waited = async {
                tokio::select! {
                    () = sleep_until(wish) => None,
                    () = stop.requested(), if !stopping => None,
                    Some(replacement) = replacements.recv() => Some(replacement),
                }
            };
            if let Some(replacement) = self.inbox.fill_while(waited).await {
                return Next::Replace(replacement);
            }
        }
        let waiting = u32::try_from(self.inbox.backlog.len()).unwrap_or(u32::MAX);
        if let Some(remaining) = self.controls.stop.remaining()
            && self.took.saturating_mul(waiting) > remaining / 2
        {
            self.inbox.backlog.merge_all();
        }
        tokio::select! {
            biased;
            Some(replacement) = self.controls.replacements.recv() => Next::Replace(replacement),
            batch = self.inbox.next() => batch.map_or(Next::End, Next::Batch),
        }
    }

    /// Delivers `batch` in parts; says no where some of them were given up.
    async fn transmit(&mut self, batch: Arc<Batch>, began: Instant) -> bool {
        self.current = self.exporter.split(batch).into();
        self.inbox.backlog.known.launch(self.current.iter().map(|part| &**part), began.into_std());
        while let Some(part) = self.current.front().cloned() {
            let outcome = self.deliver(&part, began).await;
            self.current.pop_front();
            let Outcome::GivenUp(reason) = outcome else { continue };
            if !self.keeps || self.inbox.is_last() {
                lose(&self.counters, &part, &reason);
                continue;
            }
            self.inbox.backlog.known.land();
            let points = part.items() + self.current.iter().map(|part| part.items()).sum::<usize>();
            warn!(points, error = reason, "request given up, its streams go with the next");
            self.inbox.backlog.give_up(&part);
            self.current.drain(..).for_each(|part| self.inbox.backlog.give_up(&part));
            return false;
        }
        self.inbox.backlog.known.land();
        true
    }

    /// Sends what the totals of folded streams have come to, where the far side does not know it yet.
    async fn send_totals(&mut self, began: Instant) {
        let Some(totals) = self.inbox.backlog.overflow.take_changed() else { return };
        for part in self.exporter.split(totals) {
            self.current.push_back(part.clone());
            let outcome = self.deliver(&part, began).await;
            self.current.pop_back();
            if let Outcome::GivenUp(reason) = outcome {
                // They stay where they are, until the next time or until there is none.
                return if self.inbox.is_last() {
                    lose(&self.counters, &part, &reason)
                };
            }
        }
        self.inbox.backlog.overflow.delivered();
    }

    /// Tries until the part is accepted, refused for good, or given up, for which the time runs from when
    /// its batch `began`: an absent far side holds up the queue once a batch, not once a part.
    async fn deliver(&mut self, part: &Arc<Batch>, began: Instant) -> Outcome {
        let (mut outgoing, mut left_out) = self.outgoing(part);
        if outgoing.items() == 0 && part.items() > 0 {
            self.settle(part, &outgoing, left_out);
            return Outcome::Done;
        }
        let (mut patient, mut hasty) = (Backoff::new(&self.retry), Backoff::new(&STOPPING));
        loop {
            let asked = Instant::now();
            let span = spans::of_export(&self.id, outgoing.items());
            let attempt = self.exporter.export(outgoing.clone()).instrument(span.clone());
            let answer = self.inbox.fill_while(attempt).await;
            spans::end_of_export(&span, &answer);
            // It ends with the attempt, not with the wait for the next.
            drop(span);
            self.took += asked.elapsed();
            let (reason, after) = match answer {
                Ok(accepted) => {
                    self.report(Status::Ok);
                    self.settle(part, &outgoing, left_out);
                    accept(&self.counters, &outgoing, &accepted);
                    return Outcome::Done;
                }
                Err(ExportError::Permanent(reason)) => {
                    self.report(Status::PermanentError(reason.clone()));
                    lose(&self.counters, &outgoing, &reason);
                    return Outcome::Done;
                }
                Err(ExportError::Retryable { reason, after }) => (reason, after.map(|after| after.min(LONGEST_WISH))),
            };
            self.took += STOPPING.initial_interval;
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
                self.not_before = after.map(|after| Instant::now() + after);
                return Outcome::GivenUp(reason);
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
                // The new one may want it in another form.
                (outgoing, left_out) = self.outgoing(part);
            }
        }
    }

    /// `part` as it leaves: itself, or what it says beyond what the far side has; and points of which nobody can tell.
    fn outgoing(&mut self, part: &Arc<Batch>) -> (Arc<Batch>, usize) {
        let Acknowledged::Exactly(differences) = &mut self.inbox.backlog.known.acknowledged else {
            return (part.clone(), 0);
        };
        let since = differences.since(part);
        (Arc::new(since.batch), since.left_out)
    }

    /// Takes note that the far side has all that `outgoing` says of `part`.
    fn settle(&mut self, part: &Batch, outgoing: &Batch, left_out: usize) {
        self.inbox.backlog.known.commit(part);
        count(&self.counters.merged, part.items() - outgoing.items() - left_out);
        if left_out > 0 {
            count(&self.counters.lost, left_out);
            warn!(
                points = left_out,
                "points lost: of these streams it is not known what was sent, for there were more than max_streams, or \
                 they did not come for long"
            );
        }
    }

    /// Unless the end has come, of which the runtime speaks.
    pub(super) fn report(&self, status: Status) {
        let Controls { stop, reporter, .. } = &self.controls;
        // What was given up once is no better for another attempt, but for one that succeeds.
        let tries = matches!(status, Status::RecoverableError(_));
        let outranked = tries && matches!(reporter.reported().0, Status::PermanentError(_));
        if !stop.is_requested() && !outranked {
            reporter.report(status);
        }
    }

    /// Goes on from what is stored, where something is.
    pub(super) async fn restore(&mut self) {
        if let (Some(keeper), Acknowledged::Exactly(differences)) =
            (&self.keeper, &mut self.inbox.backlog.known.acknowledged)
        {
            keeper.restore(differences).await;
        }
    }

    async fn save(&mut self) {
        let (Some(keeper), Acknowledged::Exactly(differences)) =
            (&mut self.keeper, &self.inbox.backlog.known.acknowledged)
        else {
            return;
        };
        let saved = keeper.save(differences.save());
        if !self.inbox.fill_while(saved).await {
            count(&self.counters.unsaved, 1);
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

/// A far side whose clock is wrong may ask for years.
const LONGEST_WISH: Duration = Duration::from_secs(600);
