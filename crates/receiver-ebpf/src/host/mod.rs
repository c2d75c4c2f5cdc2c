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
mod seats;
mod settings;
mod sizing;
mod verdicts;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use cells::{CellStream, Cells};
pub(crate) use keys::{Detail, Index, owner};
pub(crate) use ledger::{Ledger, Totals};
pub(crate) use processes::ProcessEntry;
pub(crate) use running::{Running, Source};
pub(crate) use seats::{ReaderId, Wish};
pub(crate) use sizing::{MOST_PROCESSES, Sizing};

use std::sync::Arc;

use clock::Clock;
use component::{Need, Predicate};
use pdata::Metrics;

use crate::collectors::{Collector, Reader};
use crate::kernel::{LoadError, Outcome, Tier};
use seats::Seats;

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
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    seats: Seats,
}

enum State {
    Planned(HostConfig),
    Running(Box<Running>),
    /// Nothing could be loaded; the sub-collectors that were wanted say so.
    Failed(LoadError),
    Stopped,
}

impl Host {
    pub(crate) fn new(config: HostConfig) -> Self {
        Self { inner: Mutex::new(Inner { state: State::Planned(config), seats: Seats::default() }) }
    }

    /// Gives a receiver its seat: a new one before the programs are loaded, later one that there is.
    ///
    /// # Errors
    /// What the programs that are loaded do not do, and what to do.
    pub(crate) fn register(&self, wish: &Wish) -> Result<ReaderId, String> {
        let Inner { state, seats } = &mut *self.lock();
        match state {
            State::Planned(_) => Ok(seats.add(wish)),
            State::Running(_) | State::Failed(_) | State::Stopped => seats.find(wish),
        }
    }

    /// Says that a receiver has left its seat.
    pub(crate) fn leave(&self, id: ReaderId) {
        self.lock().seats.leave(id);
    }

    /// The number of the receiver that looks after the host, whenever that is another.
    pub(crate) fn lead(&self) -> tokio::sync::watch::Receiver<ReaderId> {
        self.lock().seats.lead()
    }

    /// What reads for the receiver `id`: what did so before it, if anything, so that no stream begins anew.
    pub(crate) fn take_reader(&self, id: ReaderId) -> Option<Box<dyn Reader>> {
        self.lock().seats.take_reader(id)
    }

    /// Keeps what read for the receiver `id` for the one that comes after it.
    pub(crate) fn keep_reader(&self, id: ReaderId, reader: Box<dyn Reader>) {
        self.lock().seats.keep_reader(id, reader);
    }

    /// The rung that the collector of receiver `id` hangs on, or why there is none; `None` where none was tried.
    pub(crate) fn outcome(&self, id: ReaderId) -> Option<Outcome> {
        let Inner { state, seats } = &*self.lock();
        match state {
            State::Running(running) => running.outcome(seats.collector(id)?.name),
            State::Failed(error) => Some(Err(error.clone())),
            State::Planned(_) | State::Stopped => None,
        }
    }

    /// The tier that was taken, if one was.
    pub(crate) fn tier(&self) -> Option<&'static Tier> {
        if let State::Running(running) = &self.lock().state { Some(running.tier()) } else { None }
    }

    /// Says what the pipelines of receiver `id` let through; `None` is everything.
    pub(crate) fn push_down(&self, id: ReaderId, predicate: Option<Arc<Predicate>>) {
        let Inner { state, seats } = &mut *self.lock();
        seats.set_predicate(id, predicate);
        if let State::Running(running) = state {
            running.judge_anew(&seats.readings());
        }
    }

    /// Loads and attaches; a failure disables sub-collectors, with a warning each, and never stops the agent.
    ///
    /// # Errors
    /// Only where another agent runs on the same pin path.
    pub(crate) fn prepare(&self) -> Result<(), LoadError> {
        let Inner { state, seats } = &mut *self.lock();
        let State::Planned(config) = state else { return Ok(()) };
        let readings = seats.readings();
        match Running::start(config, &readings) {
            Ok(running) => *state = State::Running(Box::new(running)),
            Err(error @ LoadError::Locked { .. }) => return Err(error),
            #[cfg(not(tfo_kernel))]
            Err(LoadError::NotLinux) => {
                tracing::info!("{}", crate::NOT_LINUX);
            }
            Err(error) => {
                for collector in collectors_of(&seats.collectors()) {
                    warn_disabled(collector, &error);
                }
                *state = State::Failed(error);
            }
        }
        crate::kernel::release_memory();
        Ok(())
    }

    /// Hands over what takes rights from here on, and says what is needed of the system.
    pub(crate) fn give_up_rights(&self) -> Vec<Need> {
        let State::Running(running) = &mut self.lock().state else { return Vec::new() };
        running.give_up_rights()
    }

    /// Whether the programs are loaded, or were to be.
    pub(crate) fn is_loaded(&self) -> bool {
        matches!(self.lock().state, State::Running(_) | State::Failed(_))
    }

    /// One read by the receiver `id`: its metrics now, and the host's own with those of the one that leads.
    pub(crate) fn read(&self, id: ReaderId, reader: &mut dyn Reader) -> Metrics {
        let Inner { state, seats } = &mut *self.lock();
        let leads = seats.leads(id);
        match state {
            State::Running(running) => running.read(id, reader, leads, seats.taken()),
            State::Failed(_) if leads => {
                let collectors = collectors_of(&seats.collectors());
                let failed: Vec<_> = collectors.iter().map(|collector| collector.name).collect();
                vec![own_metrics::attached(&collectors, &failed, Clock::anchored().now())].into()
            }
            State::Planned(_) | State::Failed(_) | State::Stopped => Metrics::default(),
        }
    }

    /// Does what cannot wait for the next read. Cheap; to be called ten times a second by the one that leads.
    pub(crate) fn maintain(&self) {
        if let State::Running(running) = &mut self.lock().state {
            running.maintain();
        }
    }

    /// Detaches the programs and removes the pins, unless they are to stay.
    pub(crate) fn stop(&self) {
        self.lock().state = State::Stopped;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A reader that panicked leaves plain numbers behind; the others can go on.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
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
