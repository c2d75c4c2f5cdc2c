//! Every sub-collector tried for real: loaded and attached by the host as it is, an event made, and looked for.
//!
//! The session is one of its own. Nothing of it is pinned or locked, so that it ends with the process and a
//! running agent does not notice; `tfo-agent doctor` says what came of it.

mod trials;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use component::config::{Configuration as _, Faults, Node, Section};
use pdata::Metrics;

use crate::collectors::{self, Collector, Reader};
use crate::host::{Host, HostConfig, ReaderId, Wish};
use crate::trouble::Trouble;
use trials::{Made, TRIALS};

/// An event that nobody made in the meantime is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Programs of our own in the kernel, until it is dropped.
pub struct Probe {
    host: Host,
    seats: Vec<Seat>,
}

struct Seat {
    collector: &'static Collector,
    id: ReaderId,
    reader: Box<dyn Reader>,
}

/// What became of one sub-collector.
#[derive(Debug, Clone)]
pub struct Tried {
    /// As in messages, such as `scheduler`.
    pub sub_collector: &'static str,
    /// Type of its receiver, such as `ebpf_scheduler`.
    pub receiver: &'static str,
    /// The rung of its ladder that was taken, if one was.
    pub rung: Option<&'static str>,
    /// What it came to.
    pub fate: Fate,
}

/// What a trial came to.
#[derive(Debug, Clone)]
pub enum Fate {
    /// Attached, and it counted what was made, such as `100 calls of getppid`.
    Counted(&'static str),
    /// Attached, but nothing could be made for it to count.
    Unmade(Trouble),
    /// Attached, but what was made is not counted.
    Unseen(Trouble),
    /// Not attached.
    Unattached(Trouble),
}

impl Probe {
    /// Loads and attaches all sub-collectors as the `ebpf` extension with the configuration `node` would, but for pins.
    #[must_use]
    pub fn start(node: Option<&Node>) -> Self {
        // Whoever has a configuration has had it checked.
        let config = Section::read_node(node, &mut Faults::default(), HostConfig::read);
        let host = Host::new(HostConfig { pin_path: PathBuf::new(), ..config });
        let seat = |collector: &&'static Collector| {
            let make = Section::read_node(None, &mut Faults::default(), collector.reader);
            let reader = make();
            let receiver = collector.factory.component_type.parse().ok()?;
            let wish = Wish { receiver, collector, histograms: false, settings: reader.settings() };
            Some(Seat { collector, id: host.register(&wish).ok()?, reader })
        };
        let seats = collectors::ALL.iter().filter_map(seat).collect();
        // It fails for all sub-collectors alike where it fails, and each says so.
        let _ = host.prepare();
        Self { host, seats }
    }

    /// The object that works on this kernel, as `tiers` names it, and whether it stands on BTF.
    #[must_use]
    pub fn tier(&self) -> Option<(&'static str, bool)> {
        self.host.tier().map(|tier| (tier.name, tier.btf))
    }

    /// Makes the event of each sub-collector that is attached, and looks whether it is counted.
    pub fn run(&mut self) -> Vec<Tried> {
        let with_btf = self.tier().is_some_and(|(_, btf)| btf);
        self.seats.iter_mut().map(|seat| seat.run(&self.host, with_btf)).collect()
    }
}

impl Seat {
    fn run(&mut self, host: &Host, with_btf: bool) -> Tried {
        let (rung, fate) = match host.outcome(self.id) {
            Some(Ok(rung)) => (Some(rung), self.count(host, with_btf)),
            Some(Err(error)) => (None, Fate::Unattached(error.trouble())),
            None => (None, Fate::Unattached(Trouble::new("not tried", ""))),
        };
        let Collector { name, factory, .. } = self.collector;
        Tried { sub_collector: name, receiver: factory.component_type, rung, fate }
    }

    fn count(&mut self, host: &Host, with_btf: bool) -> Fate {
        let Some(trial) = TRIALS.iter().find(|trial| trial.sub_collector == self.collector.name) else {
            return Fate::Unmade(Trouble::new("there is no event to try it with", ""));
        };
        let made = if with_btf { &trial.made } else { trial.without_btf.as_ref().unwrap_or(&trial.made) };
        let before = self.seen(host, made);
        if let Err(error) = (made.make)() {
            return Fate::Unmade(Trouble::new(format!("{} could not be made: {error}", made.event), trial.mend));
        }
        let began = Instant::now();
        loop {
            let seen = self.seen(host, made).saturating_sub(before);
            if seen >= made.number {
                return Fate::Counted(made.event);
            }
            if began.elapsed() > PATIENCE {
                return Fate::Unseen(Trouble::new(format!("of {} only {seen} are counted", made.event), UNCOUNTED));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn seen(&mut self, host: &Host, made: &Made) -> u64 {
        let metrics: Metrics = host.read(self.id, self.reader.as_mut());
        made.sum(&metrics)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.host.stop();
    }
}

const UNCOUNTED: &str = "run it in the host's PID namespace (docker run --pid host); if it is there already, this is a fault of \
                         the agent: report it with the kernel's version";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sub_collector_has_an_event_to_be_tried_with() {
        let tried: Vec<_> = TRIALS.iter().map(|trial| trial.sub_collector).collect();
        let all: Vec<_> = collectors::ALL.iter().map(|collector| collector.name).collect();
        assert_eq!(tried, all);
    }
}
