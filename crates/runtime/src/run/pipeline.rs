//! A pipeline's task: its processors in order, and the timers of those that hold data back.

use std::sync::Arc;
use std::time::Duration;

use component::{ComponentId, Edge, Output, Processor};
use pdata::Batch;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::totals::{ProcessorCounters, count};

/// One pipeline between its receivers and its exporters.
pub(super) struct PipelineTask {
    steps: Vec<Step>,
    input: mpsc::Receiver<Arc<Batch>>,
    changes: mpsc::Receiver<Change>,
    output: Output,
}

/// A processor in its place.
pub(super) struct Step {
    id: ComponentId,
    processor: Box<dyn Processor>,
    counters: Arc<ProcessorCounters>,
    /// When it is to be flushed next, where it has a period.
    due: Option<Instant>,
}

/// What the pipeline is to consist of from now on.
pub(super) struct Change {
    pub(super) steps: Vec<Next>,
    pub(super) edges: Vec<Edge>,
}

/// A place in a changed pipeline.
pub(super) enum Next {
    /// The processor of this id, as it is.
    Kept(ComponentId),
    /// Another one.
    New(Step),
}

impl Step {
    pub(super) fn new(id: ComponentId, processor: Box<dyn Processor>, counters: Arc<ProcessorCounters>) -> Self {
        let due = period(&*processor).map(|period| Instant::now() + period);
        Self { id, processor, counters, due }
    }
}

impl PipelineTask {
    /// It does nothing before the first of `changes`.
    pub(super) fn new(input: mpsc::Receiver<Arc<Batch>>, changes: mpsc::Receiver<Change>) -> Self {
        Self { steps: Vec::new(), input, changes, output: Output::to(Vec::new()) }
    }

    /// Runs until every receiver has dropped its edge, then flushes the processors in order.
    pub(super) async fn run(mut self) -> Result<(), String> {
        // There is one before the first batch.
        if let Some(first) = self.changes.recv().await {
            self.change(first).await;
        }
        loop {
            let next = self.steps.iter().enumerate().filter_map(|(index, step)| Some((step.due?, index))).min();
            tokio::select! {
                // A timer is due rarely; behind a full edge it would never be.
                biased;
                index = due(next) => {
                    // A flush that is late by more than a period is not made up for.
                    let step = &mut self.steps[index];
                    step.due = period(&*step.processor)
                        .and_then(|period| Some((step.due? + period).max(Instant::now())));
                    self.flush(index).await;
                }
                Some(change) = self.changes.recv() => self.change(change).await,
                batch = self.input.recv() => match batch {
                    Some(batch) => self.pass(batch).await,
                    None => break,
                },
            }
        }
        for index in 0..self.steps.len() {
            self.flush(index).await;
        }
        Ok(())
    }

    /// What a processor that goes holds back takes the way that there was.
    async fn change(&mut self, Change { steps, edges }: Change) {
        for index in self.leaving(&steps) {
            self.flush(index).await;
        }
        let mut old = std::mem::take(&mut self.steps);
        self.steps = steps
            .into_iter()
            .filter_map(|next| match next {
                Next::New(step) => Some(step),
                Next::Kept(id) => {
                    let place = old.iter().position(|step| step.id == id)?;
                    Some(old.swap_remove(place))
                }
            })
            .collect();
        self.output.redirect(edges);
    }

    /// The places of those that are not kept.
    fn leaving(&self, steps: &[Next]) -> Vec<usize> {
        let stays = |id: &ComponentId| steps.iter().any(|next| matches!(next, Next::Kept(kept) if kept == id));
        (0..self.steps.len()).filter(|index| !stays(&self.steps[*index].id)).collect()
    }

    async fn pass(&mut self, batch: Arc<Batch>) {
        if self.steps.is_empty() {
            return self.output.send(batch).await;
        }
        self.forward(0, vec![Arc::unwrap_or_clone(batch)]).await;
    }

    /// What processor `index` holds back goes through those after it only.
    async fn flush(&mut self, index: usize) {
        let mut flushed = Vec::new();
        let Step { processor, counters, .. } = &mut self.steps[index];
        processor.flush(&mut flushed);
        count(&counters.outgoing, points(&flushed));
        self.forward(index + 1, flushed).await;
    }

    async fn forward(&mut self, from: usize, mut batches: Vec<Batch>) {
        let mut passing = points(&batches);
        for Step { processor, counters, .. } in &mut self.steps[from..] {
            count(&counters.incoming, passing);
            let mut output = Vec::new();
            for batch in batches {
                processor.process(batch, &mut output);
            }
            batches = output;
            passing = points(&batches);
            count(&counters.outgoing, passing);
        }
        for batch in batches {
            self.output.send(Arc::new(batch)).await;
        }
    }
}

fn points(batches: &[Batch]) -> usize {
    batches.iter().map(Batch::items).sum()
}

/// Beyond it a period is as good as never, and too much for the clock.
const LONGEST_PERIOD: Duration = Duration::from_secs(365 * 24 * 3600);

fn period(processor: &dyn Processor) -> Option<Duration> {
    processor.period().filter(|period| !period.is_zero()).map(|period| period.min(LONGEST_PERIOD))
}

/// Waits for the next timer and returns its processor. Safe to drop and call again.
async fn due(next: Option<(Instant, usize)>) -> usize {
    let Some((moment, index)) = next else { return std::future::pending().await };
    sleep_until(moment).await;
    index
}
