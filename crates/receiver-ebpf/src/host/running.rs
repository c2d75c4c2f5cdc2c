//! The host while it runs: loading it, and one read of it by one receiver.

use std::mem::offset_of;
use std::sync::atomic::Ordering;

use pdata::{Metrics, UnixNanos};

use super::clock::Clock;
use super::lifecycle;
use super::processes::Processes;
use super::sizing::Sizing;
use super::verdicts::{Judges, bit};
use super::{HostConfig, Reading, collectors_of, own_metrics, settings, warn_disabled};
use crate::collectors::{Collector, Reader};
use crate::kernel::{self, Control, CpuRecord, Kernel, LoadError, Options};

/// `syscall` of a CPU that runs nobody we know yet.
const NO_SYSCALL: u32 = u32::MAX;

/// Which registered receiver is reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReaderId(pub(super) usize);

impl ReaderId {
    pub(crate) fn is_first(self) -> bool {
        self.0 == 0
    }
}

/// Programs attached, maps mapped, processes known.
pub(crate) struct Running {
    kernel: Kernel,
    processes: Processes,
    clock: Clock,
    config: HostConfig,
    started: UnixNanos,
    readers: Vec<&'static Collector>,
    /// Names of the collectors that could not be attached.
    failed: Vec<&'static str>,
    /// Whether the kernel looks at verdicts.
    judging: bool,
    maintained: u64,
    spent: own_metrics::Spent,
}

/// Looking through all processes is dearer than seeing whether there is room.
const MAINTENANCES_PER_VERDICT: u64 = 2;

/// What a [`Reader`] reads from, for the time of one read.
pub(crate) struct Source<'a> {
    pub(crate) kernel: &'a mut Kernel,
    pub(crate) processes: &'a mut Processes,
    /// The reader's bit in [`ProcessEntry::delivered`](super::ProcessEntry) and `denied`.
    pub(crate) reader: u64,
    /// Of 100 events so many have their latency measured.
    pub(crate) sample_rate: u32,
    /// When counting began.
    pub(crate) started: UnixNanos,
    /// The time that all points of this read carry.
    pub(crate) time: UnixNanos,
}

impl Running {
    /// Loads, attaches, and says what it came to.
    pub(super) fn start(config: &HostConfig, readings: &[Reading]) -> Result<Self, LoadError> {
        let sizing = &config.sizing;
        let readers: Vec<_> = readings.iter().map(|reading| reading.collector).collect();
        let predicates: Vec<_> = readings.iter().map(|reading| reading.predicate.clone()).collect();
        let judges = Judges::new(&readers, &predicates, config.push_down);
        let collectors = collectors_of(&readers);
        let options = Options {
            btf_path: config.btf_path.clone(),
            pin_path: config.pin_path.clone(),
            keep: config.keep,
            settings: settings::of(config, readings, &judges),
            cpus: sizing.cpus,
            stripes: sizing.stripes,
            ring: sizing.ring(),
            pages: u32::try_from(sizing.pages.len()).unwrap_or(u32::MAX),
            attach_types: config.attach_types.clone(),
            tiers: config.tiers.clone(),
            cells: sizing.mirror_cells(),
            cgroups: judges.read_cgroups(),
        };
        let mut clock = Clock::anchored();
        let ladders: Vec<_> = collectors.iter().map(|collector| collector.ladder).collect();
        let (kernel, outcomes) = kernel::start(&options, &ladders, |kernel| prepare(kernel, sizing))?;
        let tier = kernel.tier.name;
        let mut failed = Vec::new();
        for (collector, outcome) in collectors.iter().zip(outcomes) {
            match outcome {
                Ok(rung) => tracing::info!(sub_collector = collector.name, tier, rung, "ebpf: sub-collector attached"),
                Err(error) => {
                    warn_disabled(collector, &error);
                    failed.push(collector.name);
                }
            }
        }
        tracing::info!(
            map_bytes = kernel.map_bytes(),
            map_bytes_at_most = if kernel.tier.btf { sizing.most_bytes() } else { sizing.mirrored_bytes() },
            max_processes = sizing.max_processes,
            stripes = kernel.overflow.len(),
            pinned_at = kernel.pinned_at().map(|path| path.display().to_string()),
            "ebpf: maps ready"
        );
        // An earlier agent's counts began with it.
        let attached = kernel.control.at(0, offset_of!(Control, attached)).load(Ordering::Acquire);
        let started = clock.now().saturating_sub(kernel::boottime_now().saturating_sub(attached));
        let judging = judges.filter_in_kernel();
        let processes = Processes::new(judges);
        let config = config.clone();
        Ok(Self {
            kernel,
            processes,
            clock,
            config,
            started,
            readers,
            failed,
            judging,
            maintained: 0,
            spent: own_metrics::Spent::default(),
        })
    }

    /// What cannot wait for the next read: room for new processes, and now and then verdicts on them.
    pub(super) fn maintain(&mut self) {
        let sizing = &self.config.sizing;
        self.kernel.relieve(&mut |kernel| lifecycle::grow(kernel, sizing));
        lifecycle::grow(&mut self.kernel, &self.config.sizing);
        self.maintained += 1;
        if self.judging && self.maintained.is_multiple_of(MAINTENANCES_PER_VERDICT) {
            self.processes.refresh(&self.kernel, &mut self.clock);
        }
    }

    fn carry(&mut self) {
        let sizing = &self.config.sizing;
        self.kernel.carry(&mut |kernel| lifecycle::grow(kernel, sizing));
    }

    /// One read: the metrics of `reader` now, with the host's own where it is the first.
    pub(crate) fn read(&mut self, id: ReaderId, reader: &mut dyn Reader) -> Metrics {
        let Some(collector) = self.readers.get(id.0).copied() else { return Metrics::default() };
        self.carry();
        self.processes.refresh(&self.kernel, &mut self.clock);
        let bit = bit(id.0);
        let time = self.clock.now();
        let mut metrics = Metrics::default();
        if !self.failed.contains(&collector.name) {
            let mut source = Source {
                kernel: &mut self.kernel,
                processes: &mut self.processes,
                reader: bit,
                sample_rate: self.config.sample_rate,
                started: self.started,
                time,
            };
            metrics = reader.read(&mut source);
        }
        for (_, entry) in self.processes.iter_mut().filter(|(_, entry)| entry.exited != 0) {
            entry.delivered |= bit;
        }
        let all = (0..self.readers.len()).fold(0, |bits, reader| bits | super::verdicts::bit(reader));
        lifecycle::recycle(&self.kernel, &mut self.processes, all, kernel::monotonic_now());
        lifecycle::grow(&mut self.kernel, &self.config.sizing);
        if id.0 == 0 {
            let collectors = collectors_of(&self.readers);
            let span = (self.started, time);
            metrics.numbers.extend(own_metrics::read(&self.kernel, &collectors, &self.failed, &mut self.spent, span));
        }
        metrics
    }
}

/// Maps that are new get their stripes, and all of them room.
fn prepare(kernel: &mut Kernel, sizing: &Sizing) {
    if !kernel.is_taken_over() {
        for cpu in 0..sizing.cpus {
            let word = kernel.cpus.at(cpu as usize, offset_of!(CpuRecord, syscall));
            let halves = (u64::from(cpu & (sizing.stripes - 1)) << 32) | u64::from(NO_SYSCALL);
            word.store(halves, Ordering::Release);
        }
    }
    lifecycle::open_new_slots(kernel, sizing);
    lifecycle::grow(kernel, sizing);
}
