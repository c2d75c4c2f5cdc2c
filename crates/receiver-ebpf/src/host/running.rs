//! The host while it runs: loading it, and one read of it by one receiver.

use std::sync::Arc;

use component::Predicate;
use pdata::{Metric, UnixNanos};

use super::clock::Clock;
use super::lifecycle;
use super::processes::Processes;
use super::sizing::Sizing;
use super::{HostConfig, collectors_of, own_metrics, warn_disabled};
use crate::collectors::{self, Collector, Reader};
use crate::kernel::{self, Kernel, LoadError, Options};

/// Which registered receiver is reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReaderId(pub(super) usize);

/// Programs attached, maps mapped, processes known.
pub(crate) struct Running {
    kernel: Kernel,
    processes: Processes,
    clock: Clock,
    started: UnixNanos,
    stripes: usize,
    readers: Vec<&'static Collector>,
    /// Names of the collectors that could not be attached.
    failed: Vec<&'static str>,
}

/// What a [`Reader`] reads from, for the time of one read.
pub(crate) struct Source<'a> {
    pub(crate) kernel: &'a mut Kernel,
    pub(crate) processes: &'a mut Processes,
    /// Copies of every counter.
    pub(crate) stripes: usize,
    /// The reader's bit in [`ProcessEntry::delivered`](super::ProcessEntry).
    pub(crate) reader: u64,
    /// When counting began.
    pub(crate) started: UnixNanos,
    /// The time that all points of this read carry.
    pub(crate) time: UnixNanos,
}

impl Running {
    /// Loads, attaches, and says what it came to.
    pub(super) fn start(
        config: &HostConfig,
        readers: &[&'static Collector],
        resolve_cgroups: bool,
    ) -> Result<Self, LoadError> {
        let sizing = config.sizing;
        let collectors = collectors_of(readers);
        let mut kernel = kernel::load(&options(config, sizing, &collectors))?;
        lifecycle::open(&kernel);
        let mut clock = Clock::anchored();
        let hooks: Vec<_> = collectors.iter().map(|collector| collector.hooks).collect();
        let outcomes = kernel.attach(&hooks)?;
        let mut failed = Vec::new();
        for (collector, outcome) in collectors.iter().zip(outcomes) {
            match outcome {
                Ok(()) => tracing::info!(sub_collector = collector.name, "ebpf: sub-collector attached"),
                Err(error) => {
                    warn_disabled(collector, &error);
                    failed.push(collector.name);
                }
            }
        }
        tracing::info!(
            map_bytes = kernel.map_bytes(),
            max_processes = sizing.slots - 1,
            stripes = sizing.stripes,
            pinned_at = kernel.pinned_at().map(|path| path.display().to_string()),
            "ebpf: maps ready"
        );
        let started = clock.now();
        let processes = Processes::new(resolve_cgroups);
        let stripes = sizing.stripes as usize;
        Ok(Self { kernel, processes, clock, started, stripes, readers: readers.to_vec(), failed })
    }

    /// One read: the metrics of `reader` now, with the host's own where it is the first.
    pub(crate) fn read(&mut self, id: ReaderId, reader: &mut dyn Reader) -> Vec<Metric> {
        let Some(collector) = self.readers.get(id.0) else { return Vec::new() };
        self.processes.refresh(&self.kernel, &mut self.clock);
        let bit = 1 << (id.0 % 64);
        let time = self.clock.now();
        let mut metrics = Vec::new();
        if !self.failed.contains(&collector.name) {
            let mut source = Source {
                kernel: &mut self.kernel,
                processes: &mut self.processes,
                stripes: self.stripes,
                reader: bit,
                started: self.started,
                time,
            };
            metrics = reader.read(&mut source);
        }
        for (_, entry) in self.processes.iter_mut().filter(|(_, entry)| entry.exited != 0) {
            entry.delivered |= bit;
        }
        let all = (0..self.readers.len()).fold(0, |bits, reader| bits | 1 << (reader % 64));
        lifecycle::recycle(&self.kernel, &mut self.processes, self.stripes, all, kernel::monotonic_now());
        if id.0 == 0 {
            metrics.extend(own_metrics::read(
                &self.kernel,
                &collectors_of(&self.readers),
                &self.failed,
                self.started,
                time,
            ));
        }
        metrics
    }
}

fn options(config: &HostConfig, sizing: Sizing, collectors: &[&'static Collector]) -> Options {
    let wanted = |name: &str| collectors.iter().any(|collector| collector.name == name);
    Options {
        btf_path: config.btf_path.clone(),
        pin_path: config.pin_path.clone(),
        collect: collectors::ALL.iter().map(|collector| (collector.setting, wanted(collector.name))).collect(),
        stripes: sizing.stripes,
        stripes_shared: sizing.stripes_shared,
        slots: sizing.slots,
        buckets: sizing.buckets,
        cells: sizing.cells,
    }
}

/// Which processes one receiver need not export: judged once per process and change of its facts.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    predicate: Option<Arc<Predicate>>,
    /// By slot: the facts that were judged, and the verdict.
    verdicts: Vec<(u64, bool)>,
}

impl Admission {
    /// Admits what `predicate` admits.
    pub(crate) fn new(predicate: Option<Arc<Predicate>>) -> Self {
        Self { predicate, verdicts: Vec::new() }
    }

    /// Whether the process that has `slot` is wanted.
    pub(crate) fn admits(&mut self, slot: u32, entry: &super::ProcessEntry) -> bool {
        let (Some(predicate), Some(process)) = (&self.predicate, &entry.process) else { return true };
        let slot = slot as usize;
        if self.verdicts.len() <= slot {
            self.verdicts.resize(slot + 1, (0, false));
        }
        if self.verdicts[slot].0 != entry.facts {
            self.verdicts[slot] = (entry.facts, predicate.admits(process));
        }
        self.verdicts[slot].1
    }
}
