//! Programs of the view's own: a pipeline inside, from receivers to a sink in memory. Nothing is pinned.

use std::process::ExitCode;
use std::time::Duration;

use component::Components;
use runtime::{Config, Loading, Service, Source};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_local};

use super::sink;
use crate::components::COMPONENTS;
use crate::top::Failure;
use crate::top::reading::Reading;

/// What runs: everything that the view shows, and nothing else.
const PIPELINE: Source = Source::Text { name: "(built-in) top.yaml", text: include_str!("top.yaml") };

/// The receivers of it.
const RECEIVERS: [&str; 5] = ["ebpf_syscalls", "ebpf_network", "ebpf_fileio", "ebpf_scheduler", "ebpf_memory"];

/// What it may be made of.
static PARTS: Components = Components {
    receivers: COMPONENTS.receivers,
    processors: COMPONENTS.processors,
    exporters: &[&sink::FACTORY],
    connectors: COMPONENTS.connectors,
    extensions: COMPONENTS.extensions,
};

/// Programs that are loaded and attached, and the way by which readings come.
pub(super) struct Own {
    service: Service,
    readings: mpsc::Receiver<Result<Reading, String>>,
}

impl Own {
    /// Loads and attaches, `interval` between two reads and `set` over all. To be called while there is one thread.
    ///
    /// # Errors
    /// What is wrong with `set`, with the exit code for it, or with this machine.
    pub(super) fn load(interval: Duration, set: &[Source]) -> Result<Self, Failure> {
        let interval = |receiver| Source::Set {
            path: format!("receivers::{receiver}::collection_interval"),
            value: format!("{}ms", interval.as_millis()),
        };
        let sources: Vec<Source> =
            std::iter::once(PIPELINE).chain(RECEIVERS.map(interval)).chain(set.iter().cloned()).collect();
        let lines = |lines: Vec<String>| lines.join("\n");
        let faults = |faults: Vec<_>| (lines(faults.iter().map(ToString::to_string).collect()), ExitCode::from(2));
        let config = Config::load_with(&sources, &PARTS, Loading::default()).map_err(faults)?;
        let (sender, readings) = mpsc::channel(8);
        *sink::VIEW.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(sender);
        let failed = |texts| (lines(texts), ExitCode::FAILURE);
        let built = config.build();
        let mut service =
            built.map_err(|failures| failed(failures.iter().map(ToString::to_string).collect::<Vec<_>>()))?;
        crate::rights::take_up();
        service.prepare().map_err(|failure| failed(vec![failure.to_string()]))?;
        Ok(Self { service, readings })
    }

    /// Has it run, inside a set of local tasks: what it reads, and how it is ended.
    pub(super) fn run(self) -> (mpsc::Receiver<Result<Reading, String>>, Running) {
        let (stop, stopped) = oneshot::channel::<()>();
        let run = self.service.run(async {
            let _ = stopped.await;
        });
        let task = spawn_local(async { drop(run.await) });
        (self.readings, Running { stop, task })
    }
}

/// The pipeline while it runs.
pub(super) struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it in order, and detaches.
    pub(super) async fn stop(self) {
        drop(self.stop);
        let _ = self.task.await;
    }
}
