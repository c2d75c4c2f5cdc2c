//! The running service: what starts first, what ends last.
//!
//! Data flows receiver -> pipeline -> exporter over bounded edges, and the end
//! flows the same way: receivers are told to stop and drop their edges, a
//! pipeline whose edges are closed flushes and drops its own, an exporter whose
//! edge is closed drains its queue. One deadline bounds all of it.

mod apply;
mod backlog;
mod backoff;
mod board;
mod delivery;
mod demand;
mod exporter;
mod inbox;
mod keeper;
mod layout;
mod live;
mod own_metrics;
mod pipeline;
mod process;
mod receiver;
mod reload;
mod replace;
mod spans;
mod stop;
mod tasks;
mod totals;

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use component::config::Fault;
use component::{Extension, Need};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, error, info, warn};

pub(crate) use apply::push_down_first;
pub(crate) use board::Board;
pub use own_metrics::own_descriptors;
pub use spans::SPANS;
pub use totals::{Summary, Totals};

use crate::config::{Config, Logs};
use crate::graph::Part;
use crate::{Failure, Kind, Service};
use apply::Running;
use live::{Live, LiveExtension};
use tasks::Tasks;

/// Kubernetes kills after 30 s, systemd after 90 s: this leaves both a wide margin.
pub(crate) const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

/// What exporters may take beyond the deadline to close what they opened.
const CLOSING: Duration = Duration::from_secs(1);

/// What the service as a whole is at, for whoever supervises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Everything has started, or a reload has ended, well or not.
    Running,
    /// It reads its configuration anew.
    Reloading,
    /// It was told to stop.
    Stopping,
}

/// Requests to read the configuration anew, and how that is done.
pub struct Reloading<L, T> {
    /// One for every request, such as a signal; several at once may be one.
    pub requests: mpsc::Receiver<()>,
    /// Reads and checks the configuration.
    pub load: L,
    /// Is told of a configuration that was taken over how the log is to look, and which files were read.
    pub taken: T,
}

impl Service {
    /// Prepares the extensions; to be called on the main thread before any other thread exists.
    ///
    /// # Errors
    /// The first extension that cannot be prepared. The others have been shut down then.
    pub fn prepare(&mut self) -> Result<(), Failure> {
        let prepare = |part: &mut Part<Box<dyn Extension>>| {
            let failed = |reason| Failure::new(Kind::Extension, &part.id, reason);
            part.component.prepare().map_err(failed)
        };
        let prepared = self.plan.parts.extensions.iter_mut().try_for_each(prepare);
        prepared.inspect_err(|_| self.shut_extensions_down())
    }

    /// Has every component hand over what it could not do without rights, and says what they go on needing; to be called
    /// when all are prepared, right before rights are given up.
    pub fn give_up_rights(&mut self) -> Vec<Need> {
        self.without_rights = true;
        let parts = &mut self.plan.parts;
        let extensions = parts.extensions.iter_mut().flat_map(|part| part.component.give_up_rights());
        extensions.chain(parts.exporters.values().flat_map(|part| part.component.exporter.needs())).collect()
    }

    /// Runs until `shutdown` is ready, then stops everything in order.
    ///
    /// # Errors
    /// The first extension or exporter that cannot be started. All that was started has been shut down then.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<Summary, Failure> {
        let (_never, requests) = mpsc::channel(1);
        self.run_reloading(shutdown, Reloading { requests, load: || Err(Vec::new()), taken: |_, _: &_| {} }).await
    }

    /// As [`run`](Self::run), and puts another configuration in the place of this one whenever that is asked for.
    ///
    /// # Errors
    /// As [`run`](Self::run) has them. A configuration that cannot be taken over is none: this one runs on.
    pub async fn run_reloading(
        mut self,
        shutdown: impl Future<Output = ()>,
        reloading: Reloading<impl FnMut() -> Result<Config, Vec<Fault>>, impl FnMut(Logs, &[PathBuf])>,
    ) -> Result<Summary, Failure> {
        let starting = std::mem::replace(&mut self.starting, tracing::Span::none());
        let span = spans::of_components(&starting);
        if let Err(failure) = self.start().instrument(span.clone()).await {
            spans::fail(&span, &failure.to_string());
            self.shut_extensions_down();
            return Err(failure);
        }
        let mut running = self.into_running();
        drop((span, starting));
        info!("service started");
        (running.phases)(Phase::Running);
        until(shutdown, reloading, &mut running).await;
        info!("service stopping");
        (running.phases)(Phase::Stopping);
        running.stop().await;
        let summary = Summary::of(&running.counters);
        summary.log();
        Ok(summary)
    }

    /// Starts extensions, then exporters.
    async fn start(&mut self) -> Result<(), Failure> {
        for index in 0..self.plan.parts.extensions.len() {
            let part = &mut self.plan.parts.extensions[index];
            if let Err(reason) = part.component.start().await {
                let failure = Failure::new(Kind::Extension, &part.id, reason);
                self.stop_extensions(index).await;
                return Err(failure);
            }
        }
        let mut started = Vec::new();
        let mut failure = None;
        for (id, part) in &mut self.plan.parts.exporters {
            if let Err(reason) = part.component.exporter.start().await {
                failure = Some(Failure::new(Kind::Exporter, id, reason));
                break;
            }
            started.push(id.clone());
        }
        let Some(failure) = failure else { return Ok(()) };
        for id in &started {
            if let Some(part) = self.plan.parts.exporters.get_mut(id) {
                part.component.exporter.shutdown().await;
            }
        }
        self.stop_extensions(self.plan.parts.extensions.len()).await;
        Err(failure)
    }

    async fn stop_extensions(&mut self, started: usize) {
        for part in self.plan.parts.extensions[..started].iter_mut().rev() {
            part.component.stop().await;
        }
    }

    fn shut_extensions_down(&mut self) {
        for part in self.plan.parts.extensions.iter_mut().rev() {
            part.component.shutdown();
        }
    }

    fn into_running(self) -> Running {
        let Self { shutdown_deadline, mut plan, shared, board, without_rights, phases, .. } = self;
        let extensions = plan.parts.extensions.drain(..).map(|part| {
            part.reporter.report_started();
            LiveExtension { id: part.id, extension: part.component, reporter: part.reporter }
        });
        let live = Live { extensions: extensions.collect(), shared, ..Live::default() };
        let tasks = Tasks::default();
        let deadline = shutdown_deadline;
        let counters = std::collections::BTreeMap::new();
        let mut running = Running { live, tasks, board, deadline, counters, without_rights, phases };
        running.apply(plan);
        running
    }
}

/// Returns when `shutdown` is ready, whatever has ended or failed before.
async fn until(
    shutdown: impl Future<Output = ()>,
    mut reloading: Reloading<impl FnMut() -> Result<Config, Vec<Fault>>, impl FnMut(Logs, &[PathBuf])>,
    running: &mut Running,
) {
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            Some(()) = reloading.requests.recv() => {
                let span = spans::of_reload();
                (running.phases)(Phase::Reloading);
                let reload = async {
                    let config = (reloading.load)().map_err(|faults| lines(&faults))?;
                    let (logs, files) = (config.logs(), config.files().to_vec());
                    running.reload(config).await.map_err(|failures| lines(&failures))?;
                    (reloading.taken)(logs, &files);
                    Ok::<_, String>(())
                };
                let outcome = reload.instrument(span.clone()).await;
                if let Err(reasons) = &outcome {
                    spans::fail(&span, reasons);
                    error!(error = reasons, "configuration not reloaded, what ran before runs on");
                }
                running.board.reloaded(outcome);
                (running.phases)(Phase::Running);
            }
            Some(kind) = running.tasks.ended() => {
                if kind == Kind::Receiver && !running.tasks.runs(Some(Kind::Receiver)) {
                    warn!("every receiver has ended, running on without new data until told to stop");
                }
            }
        }
    }
}

fn lines(reasons: &[impl std::fmt::Display]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Running {
    /// Receivers get half of the deadline, so that what is held downstream still has the other half.
    async fn stop(&mut self) {
        let requested = Instant::now();
        self.board.stopping();
        for exporter in self.live.exporters.values() {
            exporter.stop.send_replace(Some(requested + self.deadline));
        }
        for receiver in self.live.receivers.values() {
            receiver.stop.send_replace(true);
        }
        // An edge is closed when nobody has it any more: we neither.
        let receivers = std::mem::take(&mut self.live.receivers).into_values();
        let chains = std::mem::take(&mut self.live.chains).into_values();
        let exporters = std::mem::take(&mut self.live.exporters).into_values();
        let _stops: (Vec<_>, Vec<_>) =
            (receivers.map(|receiver| receiver.stop).collect(), exporters.map(|exporter| exporter.stop).collect());
        drop(chains);
        let half = requested + self.deadline / 2;
        if !self.tasks.all_ended(Some(Kind::Receiver), half + CLOSING).await {
            self.tasks.abort(Some(Kind::Receiver));
        }
        if !self.tasks.all_ended(None, requested + self.deadline + CLOSING).await {
            self.tasks.abort(None);
            self.tasks.all_ended(None, Instant::now() + CLOSING).await;
        }
        for one in self.live.extensions.iter_mut().rev() {
            let _ = timeout_at(Instant::now() + CLOSING, one.extension.stop()).await;
            one.extension.shutdown();
            one.reporter.report(component::Status::Stopped);
        }
    }
}
