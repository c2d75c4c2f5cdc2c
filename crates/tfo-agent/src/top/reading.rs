//! What a source has read: totals of processes, and figures of the agent that counted them.

use std::collections::HashMap;
use std::sync::Arc;

use super::buckets::Buckets;
use super::figures::{FIGURES, GROUPS, Group, Origin, Place, SPREADS, Spread};

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Who {
    /// A process under one of its names.
    Process { pid: u32, comm: Arc<str> },
    /// All that found no place of their own.
    Overflow,
    /// What no process is known for.
    Nobody,
}

/// Nanoseconds since 1970; 0 is never.
pub(super) type Time = u64;

/// What one process has come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) numbers: [f64; FIGURES],
    pub(super) spreads: [Buckets; SPREADS],
    /// When each group was read; 0 where there is nothing of it.
    pub(super) times: [Time; GROUPS.len()],
}

impl Totals {
    /// Takes all of `group` out.
    fn clear(&mut self, group: Group) {
        group.figures().iter().for_each(|figure| self.numbers[*figure as usize] = 0.0);
        if let Some(spread) = group.spread() {
            self.spreads[spread as usize] = Buckets::default();
        }
        self.times[group as usize] = 0;
    }

    /// Whether a point of `group` at `time` is to be added: older ones are what was, newer ones make the others so.
    fn admits(&mut self, group: Group, time: Time) -> bool {
        let known = self.times[group as usize];
        if time > known && known > 0 {
            self.clear(group);
        }
        self.times[group as usize] = time.max(known);
        time >= known
    }
}

/// A figure of the agent itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Accepted,
    Delivered,
    Failed,
    Queued,
    Cpu,
    Memory,
    ProgramTime,
    Events,
    Loss,
    Difference,
    MapMemory,
    FreeSlots,
    Attached,
}

/// How many of them there are.
pub(super) const OWN: usize = Own::Attached as usize + 1;

/// The metrics that they are taken from.
pub(super) static OWN_ORIGINS: [(&str, Own); 15] = [
    ("otelcol_receiver_accepted_metric_points", Own::Accepted),
    ("otelcol_receiver_refused_metric_points", Own::Failed),
    ("otelcol_exporter_sent_metric_points", Own::Delivered),
    ("otelcol_exporter_send_failed_metric_points", Own::Failed),
    ("otelcol_exporter_enqueue_failed_metric_points", Own::Failed),
    ("otelcol_exporter_queue_size", Own::Queued),
    ("otelcol_process_cpu_seconds", Own::Cpu),
    ("otelcol_process_memory_rss", Own::Memory),
    ("tfo.ebpf.program.time", Own::ProgramTime),
    ("tfo.ebpf.program.events", Own::Events),
    ("tfo.ebpf.loss", Own::Loss),
    ("tfo.ebpf.selfcheck.difference", Own::Difference),
    ("tfo.ebpf.map.memory", Own::MapMemory),
    ("tfo.ebpf.slots.free", Own::FreeSlots),
    ("tfo.ebpf.attached", Own::Attached),
];

/// Figures of the agent itself, each with the time of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Agent {
    pub(super) numbers: [f64; OWN],
    pub(super) times: [Time; OWN],
}

impl Agent {
    /// The figure, where it is known.
    pub(super) fn get(&self, own: Own) -> Option<f64> {
        (self.times[own as usize] > 0).then_some(self.numbers[own as usize])
    }

    /// Adds what is of the same moment; what is older was before.
    pub(super) fn add(&mut self, own: Own, time: Time, value: f64) {
        let (known, number) = (&mut self.times[own as usize], &mut self.numbers[own as usize]);
        match time.cmp(known) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => *number += value,
            std::cmp::Ordering::Greater => (*known, *number) = (time, value),
        }
    }
}

/// Most processes that are told apart. An agent has slots for a tenth of it.
const MOST: usize = 100_000;

/// All that a source read at a time, or a part of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Reading {
    pub(super) rows: HashMap<Who, Totals>,
    pub(super) agent: Agent,
    /// Points that meant something.
    pub(super) known: u64,
}

impl Reading {
    /// Takes a number in, seconds for times.
    pub(super) fn number(&mut self, origin: &Origin, who: &Who, time: Time, value: f64) {
        if let Place::Number(figure) = origin.place
            && let Some(row) = self.row(origin.group, who, time)
        {
            row.numbers[figure as usize] += value;
        }
    }

    /// Takes `count` observations in that are at most `edge` seconds.
    pub(super) fn observed(&mut self, (group, spread): (Group, Spread), who: &Who, time: Time, edge: f64, count: u64) {
        if let Some(row) = self.row(group, who, time) {
            row.spreads[spread as usize].add(edge, count);
        }
    }

    /// Takes a figure of the agent in.
    pub(super) fn own(&mut self, own: Own, time: Time, value: f64) {
        self.known += 1;
        self.agent.add(own, time, value);
    }

    /// When each group was read last.
    pub(super) fn times(&self) -> [Time; GROUPS.len()] {
        let newest = |group: usize| self.rows.values().map(|row| row.times[group]).max().unwrap_or(0);
        std::array::from_fn(newest)
    }

    fn row(&mut self, group: Group, who: &Who, time: Time) -> Option<&mut Totals> {
        self.known += 1;
        let full = self.rows.len() >= MOST && !self.rows.contains_key(who);
        let who = if full { &Who::Overflow } else { who };
        if !self.rows.contains_key(who) {
            self.rows.insert(who.clone(), Totals::default());
        }
        self.rows.get_mut(who).filter(|_| time > 0)?.admits(group, time).then_some(())?;
        self.rows.get_mut(who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::figures::{Figure, ORIGINS};

    impl Totals {
        pub(crate) fn of(&self, figure: Figure) -> f64 {
            self.numbers[figure as usize]
        }
    }

    fn process(pid: u32) -> Who {
        Who::Process { pid, comm: "sh".into() }
    }

    #[test]
    fn streams_of_a_moment_add_up_and_older_ones_are_none() {
        let calls = ORIGINS.iter().find(|origin| origin.metric == "ebpf.syscalls").unwrap();
        let mut reading = Reading::default();
        for (time, value) in [(5, 1.0), (7, 10.0), (7, 20.0), (6, 500.0)] {
            reading.number(calls, &process(1), time, value);
        }
        assert!((reading.rows[&process(1)].of(Figure::Calls) - 30.0).abs() < f64::EPSILON);
        assert_eq!(reading.times(), [7, 0, 0, 0, 0]);
        for (time, value) in [(5, 1.0), (5, 2.0), (4, 9.0)] {
            reading.own(Own::Loss, time, value);
        }
        assert_eq!((reading.agent.get(Own::Loss), reading.agent.get(Own::Cpu)), (Some(3.0), None));
    }

    #[test]
    fn there_are_never_more_rows_than_so_many() {
        let calls = &ORIGINS[0];
        let mut reading = Reading::default();
        let most = u32::try_from(MOST).unwrap();
        (0..most + 5).for_each(|pid| reading.number(calls, &process(pid), 1, 1.0));
        reading.number(calls, &process(1), 1, 1.0);
        assert_eq!(reading.rows.len(), MOST + 1);
        assert!((reading.rows[&Who::Overflow].of(Figure::Calls) - 5.0).abs() < f64::EPSILON);
    }
}
