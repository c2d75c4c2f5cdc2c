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
pub(crate) use sizing::MOST_PROCESSES;

use crate::collectors::Collector;
use crate::kernel::LoadError;

/// The `ebpf` extension's settings.
#[derive(Debug, Clone)]
pub(crate) struct HostConfig {
    pub(crate) btf_path: Option<PathBuf>,
    pub(crate) pin_path: PathBuf,
    pub(crate) max_processes: u32,
    pub(crate) max_map_memory: u64,
}

/// The shared host in the state that it is in.
pub(crate) struct Host {
    state: Mutex<State>,
}

enum State {
    Planned { config: HostConfig, readers: Vec<&'static Collector>, resolve_cgroups: bool },
    Running(Box<Running>),
    Failed,
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
            State::Running(_) | State::Failed => ReaderId(usize::MAX),
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
                for collector in collectors_of(readers) {
                    warn_disabled(collector, &error);
                }
                *state = State::Failed;
            }
        }
        crate::kernel::trim_memory();
        Ok(())
    }

    /// Runs `read` on the running host, or says that there is none.
    pub(crate) fn with_running<T>(&self, read: impl FnOnce(&mut Running) -> T) -> Option<T> {
        match &mut *self.lock() {
            State::Running(running) => Some(read(running)),
            State::Planned { .. } | State::Failed => None,
        }
    }

    /// Detaches the programs and removes the pins.
    pub(crate) fn stop(&self) {
        *self.lock() = State::Failed;
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
