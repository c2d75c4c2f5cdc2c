//! A pipeline's task: its processors in order, and the timers of those that hold data back.

use std::sync::Arc;
use std::time::Duration;

use component::{Output, Processor};
use pdata::Batch;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// One pipeline between its receivers and its exporters.
pub(super) struct PipelineTask {
    processors: Vec<Box<dyn Processor>>,
    input: mpsc::Receiver<Arc<Batch>>,
    output: Output,
}

impl PipelineTask {
    pub(super) fn new(processors: Vec<Box<dyn Processor>>, input: mpsc::Receiver<Arc<Batch>>, output: Output) -> Self {
        Self { processors, input, output }
    }

    /// Runs until every receiver has dropped its edge, then flushes the processors in order.
    pub(super) async fn run(mut self) -> Result<(), String> {
        let mut timers = self.timers();
        loop {
            tokio::select! {
                // A timer is due rarely; behind a full edge it would never be.
                biased;
                index = due(&mut timers) => self.flush(index).await,
                batch = self.input.recv() => match batch {
                    Some(batch) => self.pass(batch).await,
                    None => break,
                },
            }
        }
        for index in 0..self.processors.len() {
            self.flush(index).await;
        }
        Ok(())
    }

    async fn pass(&mut self, batch: Arc<Batch>) {
        if self.processors.is_empty() {
            return self.output.send(batch).await;
        }
        self.forward(0, vec![Arc::unwrap_or_clone(batch)]).await;
    }

    /// What processor `index` holds back goes through those after it only.
    async fn flush(&mut self, index: usize) {
        let mut flushed = Vec::new();
        self.processors[index].flush(&mut flushed);
        self.forward(index + 1, flushed).await;
    }

    async fn forward(&mut self, from: usize, mut batches: Vec<Batch>) {
        for processor in &mut self.processors[from..] {
            let mut output = Vec::new();
            for batch in batches {
                processor.process(batch, &mut output);
            }
            batches = output;
        }
        for batch in batches {
            self.output.send(Arc::new(batch)).await;
        }
    }

    fn timers(&self) -> Vec<Timer> {
        let now = Instant::now();
        let periods = self.processors.iter().map(|processor| processor.period().filter(|period| !period.is_zero()));
        let timers = periods.enumerate().map(|(processor, period)| {
            let period = period?.min(LONGEST_PERIOD);
            Some(Timer { processor, period, due: now + period })
        });
        timers.flatten().collect()
    }
}

/// Beyond it a period is as good as never, and too much for the clock.
const LONGEST_PERIOD: Duration = Duration::from_secs(365 * 24 * 3600);

/// When a processor is to be flushed next.
struct Timer {
    processor: usize,
    period: Duration,
    due: Instant,
}

/// Waits for the next timer and returns its processor. Safe to drop and call again.
async fn due(timers: &mut [Timer]) -> usize {
    let Some(timer) = timers.iter_mut().min_by_key(|timer| timer.due) else { return std::future::pending().await };
    sleep_until(timer.due).await;
    // A flush that is late by more than a period is not made up for.
    timer.due = (timer.due + timer.period).max(Instant::now());
    timer.processor
}
