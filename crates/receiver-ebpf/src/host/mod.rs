//! What the receivers share: one set of programs and maps, one table of processes.
//!
//! Receivers register while the pipelines are built; [`Host::prepare`] then
//! loads everything at once on the main thread; from then on every receiver
//! reads the same memory in its own time.

mod cells;
mod cgroups;
mod clock;
mod keys;
mod ledger;
mod lifecycle;
mod own_metrics;
mod processes;
mod retired;
mod running;
mod settings;
mod sizing;
mod verdicts;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use cells::{CellStream, Cells};
pub(crate) use keys::{Detail, Index, owner};
pub(crate) use ledger::{Ledger, Totals};
pub(crate) use processes::ProcessEntry;
pub(crate) use running::{ReaderId, Running, Source};
pub(crate) use sizing::{MOST_PROCESSES, Sizing};

use std::sync::Arc;

use clock::Clock;
use component::Predicate;
use pdata::Metrics;

use crate::collectors::{Collector, Reader};
use crate::kernel::LoadError;

/// The `ebpf` extension's settings.
#[derive(Debug, Clone)]
pub(crate) struct HostConfig {
    pub(crate) btf_path: Option<PathBuf>,
    pub(crate) pin_path: PathBuf,
    /// Counting goes on after a clean stop.
    pub(crate) keep: bool,
    /// Filters are judged in the kernel where they can be.
    pub(crate) push_down: bool,
    /// Of 100 events so many have their latency measured.
    pub(crate) sample_rate: u32,
    /// Rungs that sub-collectors may be attached by; all where there is none.
    pub(crate) attach_types: Vec<String>,
    /// Tiers that may be taken; all where there is none.
    pub(crate) tiers: Vec<String>,
    pub(crate) sizing: Sizing,
}

/// What one receiver reads, and how.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) collector: &'static Collector,
    /// Whether it wants histograms.
    pub(crate) histograms: bool,
    /// What its pipelines let through.
    pub(crate) predicate: Option<Arc<Predicate>>,
}

/// The shared host in the state that it is in.
pub(crate) struct Host {
    state: Mutex<State>,
}

enum State {
    Planned {
        config: HostConfig,
        readings: Vec<Reading>,
    },
    Running(Box<Running>),
    /// Nothing could be loaded; the sub-collectors that were wanted say so.
    Failed(Vec<&'static Collector>),
    Stopped,
}

impl Host {
    pub(crate) fn new(config: HostConfig) -> Self {
        Self { state: Mutex::new(State::Planned { config, readings: Vec::new() }) }
    }

    /// Says that a receiver will read `collector`.
    pub(crate) fn register(&self, collector: &'static Collector, histograms: bool) -> ReaderId {
        match &mut *self.lock() {
            State::Planned { readings, .. } => {
                readings.push(Reading { collector, histograms, predicate: None });
                ReaderId(readings.len() - 1)
            }
            // The runtime prepares after the last build.
            State::Running(_) | State::Failed(_) | State::Stopped => ReaderId(usize::MAX),
        }
    }

    /// Says what the pipelines of receiver `id` let through.
    pub(crate) fn push_down(&self, id: ReaderId, predicate: Arc<Predicate>) {
        if let State::Planned { readings, .. } = &mut *self.lock()
            && let Some(reading) = readings.get_mut(id.0)
        {
            reading.predicate = Some(predicate);
        }
    }

    /// Loads and attaches; a failure disables sub-collectors, with a warning each, and never stops the agent.
    ///
    /// # Errors
    /// Only where another agent runs on the same pin path.
    pub(crate) fn prepare(&self) -> Result<(), LoadError> {
        let mut state = self.lock();
        let State::Planned { config, readings } = &*state else { return Ok(()) };
        match Running::start(config, readings) {
            Ok(running) => *state = State::Running(Box::new(running)),
            Err(error @ LoadError::Locked { .. }) => return Err(error),
            Err(error) => {
                let readers: Vec<_> = readings.iter().map(|reading| reading.collector).collect();
                let collectors = collectors_of(&readers);
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
    pub(crate) fn read(&self, id: ReaderId, reader: &mut dyn Reader) -> Metrics {
        match &mut *self.lock() {
            State::Running(running) => running.read(id, reader),
            State::Failed(collectors) if id == ReaderId(0) => {
                let failed: Vec<_> = collectors.iter().map(|collector| collector.name).collect();
                vec![own_metrics::attached(collectors, &failed, Clock::anchored().now())].into()
            }
            State::Planned { .. } | State::Failed(_) | State::Stopped => Metrics::default(),
        }
    }

    /// Does what cannot wait for the next read. Cheap; to be called ten times a second by one receiver.
    pub(crate) fn maintain(&self) {
        if let State::Running(running) = &mut *self.lock() {
            running.maintain();
        }
    }

    /// Detaches the programs and removes the pins, unless they are to stay.
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
