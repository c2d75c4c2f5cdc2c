//! What the receivers share: one set of programs and maps, one table of processes.
//!
//! Receivers register while the pipelines are built; [`Host::prepare`] then
//! loads everything at once on the main thread; from then on every receiver
//! reads the same memory in its own time.

mod cells;
mod cgroups;
mod clock;
mod ledger;
mod lifecycle;
mod own_metrics;
mod processes;
mod running;
mod sizing;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use cells::{Cells, sum};
pub(crate) use ledger::{Ledger, Totals};
pub(crate) use lifecycle::owner;
pub(crate) use processes::ProcessEntry;
pub(crate) use running::{Admission, ReaderId, Running, Source};
pub(crate) use sizing::{MOST_PROCESSES, Sizing};

use clock::Clock;
use pdata::Metric;

use crate::collectors::{Collector, Reader};
use crate::kernel::LoadError;

/// The `ebpf` extension's settings.
#[derive(Debug, Clone)]
pub(crate) struct HostConfig {
    pub(crate) btf_path: Option<PathBuf>,
    pub(crate) pin_path: PathBuf,
    pub(crate) sizing: Sizing,
}

/// The shared host in the state that it is in.
pub(crate) struct Host {
    state: Mutex<State>,
}

enum State {
    Planned {
        config: HostConfig,
        readers: Vec<&'static Collector>,
        resolve_cgroups: bool,
    },
    Running(Box<Running>),
    /// Nothing could be loaded; the sub-collectors that were wanted say so.
    Failed(Vec<&'static Collector>),
    Stopped,
}

impl Host {
    pub(crate) fn new(config: HostConfig) -> Self {
        Self { state: Mutex::new(State::Planned { config, readers: Vec::new(), resolve_cgroups: false }) }
    }

    /// Says that a receiver will read `collector`.
    pub(crate) fn register(&self, collector: &'static Collector) -> ReaderId {
        match &mut *self.lock() {
            State::Planned { readers, .. } => {
                readers.push(collector);
                ReaderId(readers.len() - 1)
            }
            // The runtime prepares after the last build.
            State::Running(_) | State::Failed(_) | State::Stopped => ReaderId(usize::MAX),
        }
    }

    /// Says that a filter wants to know the cgroup of every process.
    pub(crate) fn resolve_cgroups(&self) {
        if let State::Planned { resolve_cgroups, .. } = &mut *self.lock() {
            *resolve_cgroups = true;
        }
    }

    /// Loads and attaches; a failure disables sub-collectors, with a warning each, and never stops the agent.
    ///
    /// # Errors
    /// Only where another agent runs on the same pin path.
    pub(crate) fn prepare(&self) -> Result<(), LoadError> {
        let mut state = self.lock();
        let State::Planned { config, readers, resolve_cgroups } = &*state else { return Ok(()) };
        match Running::start(config, readers, *resolve_cgroups) {
            Ok(running) => *state = State::Running(Box::new(running)),
            Err(error @ LoadError::Locked { .. }) => return Err(error),
            Err(error) => {
                let collectors = collectors_of(readers);
                for collector in &collectors {
                    warn_disabled(collector, &error);
                }
                *state = State::Failed(collectors);
            }
        }
        crate::kernel::release_memory();
        Ok(())
    }

    /// One read by the receiver `id`: its metrics now, and the host's own with those of the first receiver.
    pub(crate) fn read(&self, id: ReaderId, reader: &mut dyn Reader) -> Vec<Metric> {
        match &mut *self.lock() {
            State::Running(running) => running.read(id, reader),
            State::Failed(collectors) if id == ReaderId(0) => {
                let failed: Vec<_> = collectors.iter().map(|collector| collector.name).collect();
                vec![own_metrics::attached(collectors, &failed, Clock::anchored().now())]
            }
            State::Planned { .. } | State::Failed(_) | State::Stopped => Vec::new(),
        }
    }

    /// Detaches the programs and removes the pins.
    pub(crate) fn stop(&self) {
        *self.lock() = State::Stopped;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A reader that panicked leaves plain numbers behind; the others can go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each collector once, in the order of registration.
fn collectors_of(readers: &[&'static Collector]) -> Vec<&'static Collector> {
    let mut collectors: Vec<&'static Collector> = Vec::new();
    for reader in readers {
        if !collectors.iter().any(|known| known.name == reader.name) {
            collectors.push(reader);
        }
    }
    collectors
}

fn warn_disabled(collector: &Collector, error: &LoadError) {
    tracing::warn!(sub_collector = collector.name, %error, "ebpf: Failed to load {} programs, disabling", collector.name);
}
