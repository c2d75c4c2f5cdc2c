//! The host while it runs: loading it, and one read of it by one receiver.

use std::mem::offset_of;
use std::sync::atomic::Ordering;

use component::Need;
use pdata::{Metrics, UnixNanos};

use super::clock::Clock;
use super::lifecycle;
use super::processes::Processes;
use super::sizing::Sizing;
use super::verdicts::{Judges, bit};
use super::{HostConfig, ReaderId, Reading, collectors_of, own_metrics, settings, warn_disabled};
use crate::collectors::{Collector, Reader};
use crate::kernel::{self, Control, CpuRecord, Kernel, LoadError, Options, Outcome, Tier};

/// `syscall` of a CPU that runs nobody we know yet.
const NO_SYSCALL: u32 = u32::MAX;

/// Programs attached, maps mapped, processes known.
pub(crate) struct Running {
    kernel: Kernel,
    processes: Processes,
    clock: Clock,
    config: HostConfig,
    started: UnixNanos,
    readers: Vec<&'static Collector>,
    /// By name of a collector: what it hangs on, or why it does not.
    outcomes: Vec<(&'static str, Outcome)>,
    /// Whether the kernel looks at verdicts.
    judging: bool,
    /// Whether cgroups were asked for at the start.
    cgroups: bool,
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
        for (collector, outcome) in collectors.iter().zip(&outcomes) {
            match outcome {
                Ok(rung) => tracing::info!(sub_collector = collector.name, tier, rung, "ebpf: sub-collector attached"),
                Err(error) => warn_disabled(collector, error),
            }
        }
        let outcomes = collectors.iter().map(|collector| collector.name).zip(outcomes).collect();
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
        let (judging, cgroups) = (judges.filter_in_kernel(), judges.read_cgroups());
        let processes = Processes::new(judges);
        let config = config.clone();
        Ok(Self {
            kernel,
            processes,
            clock,
            config,
            started,
            readers,
            outcomes,
            judging,
            cgroups,
            maintained: 0,
            spent: own_metrics::Spent::default(),
        })
    }

    /// Hands over what takes rights from here on, and says what is needed of the system.
    pub(super) fn give_up_rights(&mut self) -> Vec<Need> {
        let mut needs = Vec::new();
        if !self.kernel.hand_over() {
            needs.push(Need::Bpf);
        }
        if let Some(pins) = self.kernel.pinned_at() {
            // At the end they are removed, and their directory with them.
            needs.push(Need::Write(pins.to_owned()));
            needs.extend(pins.parent().map(|parent| Need::Remove(parent.to_owned())));
        }
        needs
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

    /// What the collector called `name` hangs on, or why it does not.
    pub(super) fn outcome(&self, name: &str) -> Option<Outcome> {
        self.outcomes.iter().find(|(of, _)| *of == name).map(|(_, outcome)| outcome.clone())
    }

    pub(super) fn tier(&self) -> &'static Tier {
        self.kernel.tier
    }

    /// Takes over what readers want to know of, and judges every process by that.
    pub(super) fn judge_anew(&mut self, readings: &[Reading]) {
        let predicates: Vec<_> = readings.iter().map(|reading| reading.predicate.clone()).collect();
        let judges = Judges::new(&self.readers, &predicates, self.config.push_down);
        if judges.read_cgroups() && !self.cgroups && !self.kernel.tier.btf {
            tracing::warn!(
                "ebpf: without BTF the cgroups of processes are known only where a filter asks for them at the start: \
                 a filter on cgroups that is new admits nothing, restart the agent"
            );
        }
        self.processes.refresh(&self.kernel, &mut self.clock);
        self.processes.judge_anew(&self.kernel, judges);
    }

    fn carry(&mut self) {
        let sizing = &self.config.sizing;
        self.kernel.carry(&mut |kernel| lifecycle::grow(kernel, sizing));
    }

    /// One read: the metrics of `reader` now, with the host's own where it `leads`.
    ///
    /// `taken` has a bit for every reader that there is: all of them are to have the final values of a process.
    pub(crate) fn read(&mut self, id: ReaderId, reader: &mut dyn Reader, leads: bool, taken: u64) -> Metrics {
        let Some(collector) = self.readers.get(id.0).copied() else { return Metrics::default() };
        self.carry();
        self.processes.refresh(&self.kernel, &mut self.clock);
        lifecycle::close(&self.kernel, &self.config.sizing, &mut self.processes, kernel::monotonic_now());
        let bit = bit(id.0);
        let time = self.clock.now();
        let mut metrics = Metrics::default();
        if matches!(self.outcome(collector.name), Some(Ok(_))) {
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
            entry.closed = entry.closed.map(|by| by | bit);
        }
        lifecycle::recycle(&self.kernel, &mut self.processes, taken);
        lifecycle::grow(&mut self.kernel, &self.config.sizing);
        if leads {
            let collectors = collectors_of(&self.readers);
            let failed = self.outcomes.iter().filter(|(_, outcome)| outcome.is_err());
            let failed: Vec<_> = failed.map(|(name, _)| *name).collect();
            let span = (self.started, time);
            metrics.numbers.extend(own_metrics::read(&self.kernel, &collectors, &failed, &mut self.spent, span));
        }
        metrics
    }
}

/// No call is pending in maps that are new, and all of them get room.
fn prepare(kernel: &mut Kernel, sizing: &Sizing) {
    if !kernel.is_taken_over() {
        for cpu in 0..sizing.cpus as usize {
            kernel.cpus.at(cpu, offset_of!(CpuRecord, syscall)).store(u64::from(NO_SYSCALL), Ordering::Release);
        }
    }
    lifecycle::assign_stripes(kernel, sizing);
    lifecycle::open_new_slots(kernel, sizing);
    lifecycle::grow(kernel, sizing);
}
