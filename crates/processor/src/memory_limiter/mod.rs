//! `memory_limiter`: lets nothing through while the agent has too much memory.
//!
//! There is nothing to free here: what is dropped is not held by the components downstream, and where points are
//! cumulative the next batch that passes has the totals.

mod system;

#[cfg(test)]
mod tests;

use std::time::Duration;

use component::config::{Configuration, Section};
use component::{Processor, ProcessorFactory, Stability};
use pdata::Batch;

/// The `memory_limiter` processor type.
pub static FACTORY: ProcessorFactory = ProcessorFactory {
    component_type: "memory_limiter",
    alias: None,
    stability: Stability::Alpha,
    summary: "drops batches while the agent's resident memory is above its soft limit",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(MemoryLimiter::new(&config, system::total)?)))
    },
};

/// Keys of `memory_limiter`, as the Collector has them.
#[derive(Debug, Clone)]
pub struct Config {
    /// Greater than zero, or reading it noted a fault.
    pub check_interval: Duration,
    /// Both zero where percentages are to be taken; a spike of zero means a fifth of the limit.
    pub mib: Bounds,
    /// Of the memory that there is.
    pub percentage: Bounds,
}

/// A hard limit, and how far below it the soft one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The hard limit.
    pub limit: u32,
    /// What may come between two checks.
    pub spike: u32,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let check_interval =
            section.field("check_interval", "time between two looks at resident memory", Duration::from_secs(1));
        let mib = Bounds {
            limit: section.field("limit_mib", "hard limit in MiB; 0 means limit_percentage", 0),
            spike: section.field("spike_limit_mib", "soft limit is so much below; 0 means a fifth of the limit", 0),
        };
        let percentage = Bounds {
            limit: section.field("limit_percentage", "hard limit in percent of what the cgroup or the host has", 0),
            spike: section.field("spike_limit_percentage", "soft limit is so much below; 0 means a fifth", 0),
        };
        for key in ["min_gc_interval_when_soft_limited", "min_gc_interval_when_hard_limited"] {
            section.refuse(key, &format!("{key:?} is not supported: there is no garbage collector here"));
        }
        if check_interval.is_zero() {
            section.fault_at("check_interval", "must be greater than 0");
        }
        if mib.limit == 0 && percentage.limit == 0 {
            section.fault_at("limit_mib", "'limit_mib' or 'limit_percentage' must be greater than zero");
        } else if mib.limit > 0 && mib.spike >= mib.limit {
            section.fault_at("spike_limit_mib", "'spike_limit_mib' must be smaller than 'limit_mib'");
        }
        for (key, percentage) in [("limit_percentage", percentage.limit), ("spike_limit_percentage", percentage.spike)]
        {
            if percentage > 100 {
                section.fault_at(key, format!("'{key}' must be less than or equal to hundred"));
            }
        }
        if percentage.limit > 0 && percentage.spike >= percentage.limit {
            let text = "'spike_limit_percentage' must be smaller than 'limit_percentage'";
            section.fault_at("spike_limit_percentage", text);
        }
        Self { check_interval, mib, percentage }
    }
}

/// What the last check found, and what was dropped since.
#[derive(Debug)]
pub struct MemoryLimiter {
    check_interval: Duration,
    /// In bytes.
    soft: u64,
    /// In bytes.
    hard: u64,
    refusing: bool,
    /// Points dropped since the last check, and since memory was last below the soft limit.
    dropped: (usize, usize),
    /// Whether it has been said that memory cannot be read.
    blind: bool,
}

impl MemoryLimiter {
    /// `total` tells how much memory there is, in bytes; it is asked where the limit is a share of it.
    ///
    /// # Errors
    /// A text for people, where `total` does not know.
    pub fn new(config: &Config, total: impl FnOnce() -> Result<u64, String>) -> Result<Self, String> {
        let (bounds, unit) = match config.mib.limit {
            0 => (config.percentage, total()? / 100),
            _ => (config.mib, 1 << 20),
        };
        let hard = unit.saturating_mul(bounds.limit.into());
        let spike = if bounds.spike == 0 { hard / 5 } else { unit.saturating_mul(bounds.spike.into()) };
        let soft = hard.saturating_sub(spike);
        let check_interval = config.check_interval;
        Ok(Self { check_interval, soft, hard, refusing: false, dropped: (0, 0), blind: false })
    }

    fn check(&mut self, resident: Result<u64, String>) {
        let (soft_limit, hard_limit) = (self.soft, self.hard);
        let resident = match resident {
            Ok(resident) => resident,
            Err(error) => {
                if !std::mem::replace(&mut self.blind, true) {
                    tracing::warn!(error, "memory_limiter cannot read resident memory, it lets everything through");
                }
                self.refusing = false;
                return;
            }
        };
        let points = std::mem::take(&mut self.dropped.0);
        if resident > soft_limit {
            if !std::mem::replace(&mut self.refusing, true) {
                tracing::warn!(resident, soft_limit, hard_limit, "memory is above the soft limit, batches are dropped");
            } else if points > 0 && resident > hard_limit {
                tracing::error!(resident, soft_limit, hard_limit, points, "memory is above the hard limit, dropped");
            } else if points > 0 {
                tracing::warn!(resident, soft_limit, hard_limit, points, "memory is above the soft limit, dropped");
            }
        } else if std::mem::replace(&mut self.refusing, false) {
            let points = std::mem::take(&mut self.dropped.1);
            tracing::info!(resident, soft_limit, points, "memory is below the soft limit again, batches pass");
        }
    }
}

impl Processor for MemoryLimiter {
    fn process(&mut self, batch: Batch, output: &mut Vec<Batch>) {
        if self.refusing {
            let (since_check, since_pass) = self.dropped;
            self.dropped = (since_check + batch.items(), since_pass + batch.items());
        } else {
            output.push(batch);
        }
    }

    fn period(&self) -> Option<Duration> {
        Some(self.check_interval)
    }

    /// Holds nothing back, but is called once per check.
    fn flush(&mut self, _output: &mut Vec<Batch>) {
        self.check(system::resident());
    }
}
