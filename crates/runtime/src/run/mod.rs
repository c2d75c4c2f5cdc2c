//! The running service: what starts first, what ends last.
//!
//! Data flows receiver -> pipeline -> exporter over bounded edges, and the end
//! flows the same way: receivers are told to stop and drop their edges, a
//! pipeline whose edges are closed flushes and drops its own, an exporter whose
//! edge is closed drains its queue. One deadline bounds all of it.

mod backlog;
mod backoff;
mod delivery;
mod exporter;
mod inbox;
mod keeper;
mod pipeline;
mod stop;
mod tasks;
mod totals;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use component::{ComponentId, Output, Shutdown};
use pdata::Batch;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{info, warn};

pub use totals::{Summary, Totals};

use crate::{Failure, Kind, Service};
use exporter::ExporterTask;
use pipeline::PipelineTask;
use stop::Stop;
use tasks::Tasks;
use totals::Counters;

/// Kubernetes kills after 30 s, systemd after 90 s: this leaves both a wide margin.
pub(crate) const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

/// Batches on an edge: a tick of six receivers fits, and a slow consumer is felt by its producer soon after.
const EDGE_CAPACITY: usize = 8;

/// What exporters may take beyond the deadline to close what they opened.
const CLOSING: Duration = Duration::from_secs(1);

type Edge = mpsc::Sender<Arc<Batch>>;

/// How tasks learn that it is time to stop.
struct Signals {
    receivers: watch::Sender<bool>,
    exporters: watch::Sender<Option<Instant>>,
}

impl Service {
    /// Prepares the extensions; to be called on the main thread before any other thread exists.
    ///
    /// # Errors
    /// The first extension that cannot be prepared. The others have been shut down then.
    pub fn prepare(&mut self) -> Result<(), Failure> {
        for index in 0..self.extensions.len() {
            let (id, extension) = &mut self.extensions[index];
            if let Err(reason) = extension.prepare() {
                let failure = Failure::new(Kind::Extension, id, reason);
                self.shut_extensions_down();
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Runs until `shutdown` is ready, then stops everything in order.
    ///
    /// # Errors
    /// The first exporter that cannot be started. All that was started has been shut down then.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<Summary, Failure> {
        if let Err(failure) = self.start_exporters().await {
            self.shut_extensions_down();
            return Err(failure);
        }
        let mut tasks = Tasks::default();
        let signals = Signals { receivers: watch::Sender::new(false), exporters: watch::Sender::new(None) };
        let counters = self.spawn(&mut tasks, &signals);
        info!("service started");
        until(shutdown, &mut tasks).await;
        info!("service stopping");
        stop(&mut tasks, &signals, self.shutdown_deadline).await;
        self.shut_extensions_down();
        let summary = Summary::of(&counters);
        summary.log();
        Ok(summary)
    }

    async fn start_exporters(&mut self) -> Result<(), Failure> {
        for index in 0..self.exporters.len() {
            let (id, built) = &mut self.exporters[index];
            if let Err(reason) = built.exporter.start().await {
                let failure = Failure::new(Kind::Exporter, id, reason);
                for (_, started) in &mut self.exporters[..index] {
                    started.exporter.shutdown().await;
                }
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Starts the tasks from the far end of the flow to its source.
    fn spawn(&mut self, tasks: &mut Tasks, signals: &Signals) -> Vec<(ComponentId, Arc<Counters>)> {
        let (mut counters, mut exporter_edges) = (Vec::new(), Vec::new());
        for (id, built) in self.exporters.drain(..) {
            let (edge, input) = mpsc::channel(EDGE_CAPACITY);
            let counter = Arc::new(Counters::default());
            let stop = Stop::new(signals.exporters.subscribe());
            let task = ExporterTask::new(&id, built, input, stop, counter.clone());
            tasks.spawn(Kind::Exporter, &id, task.run());
            exporter_edges.push(edge);
            counters.push((id, counter));
        }
        let mut pipeline_edges = Vec::new();
        for node in self.pipelines.drain(..) {
            let (edge, input) = mpsc::channel(EDGE_CAPACITY);
            let output = output(&exporter_edges, &node.exporters);
            tasks.spawn(Kind::Pipeline, &node.id, PipelineTask::new(node.processors, input, output).run());
            pipeline_edges.push(edge);
        }
        for node in self.receivers.drain(..) {
            let shutdown = Shutdown::new(signals.receivers.subscribe());
            let output = output(&pipeline_edges, &node.pipelines);
            tasks.spawn(Kind::Receiver, &node.id, node.receiver.run(output, shutdown));
        }
        counters
    }

    fn shut_extensions_down(&mut self) {
        for (_, extension) in self.extensions.iter_mut().rev() {
            extension.shutdown();
        }
    }
}

fn output(edges: &[Edge], indices: &[usize]) -> Output {
    Output::new(indices.iter().map(|index| edges[*index].clone()).collect())
}

/// Returns when `shutdown` is ready, whatever has ended or failed before.
async fn until(shutdown: impl Future<Output = ()>, tasks: &mut Tasks) {
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            Some(kind) = tasks.ended() => {
                if kind == Kind::Receiver && !tasks.runs(Some(Kind::Receiver)) {
                    warn!("every receiver has ended, running on without new data until told to stop");
                }
            }
        }
    }
}

/// Receivers get half of the deadline, so that what is held downstream still has the other half.
async fn stop(tasks: &mut Tasks, signals: &Signals, deadline: Duration) {
    let requested = Instant::now();
    signals.exporters.send_replace(Some(requested + deadline));
    signals.receivers.send_replace(true);
    if !tasks.all_ended(Some(Kind::Receiver), requested + deadline / 2).await {
        tasks.abort(Some(Kind::Receiver));
    }
    if !tasks.all_ended(None, requested + deadline + CLOSING).await {
        tasks.abort(None);
        tasks.all_ended(None, Instant::now() + CLOSING).await;
    }
}
