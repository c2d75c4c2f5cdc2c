//! What the view knows: totals of the last reading, and the rates since the one before.
//!
//! No clock: time is what readings say. A process that is in no reading any more is forgotten.

use std::collections::HashMap;

use super::buckets::Buckets;
use super::figures::{FIGURES, Figure, GROUPS, Group, SPREADS, Spread};
use super::reading::{Agent, OWN, Own, Reading, Time, Totals, Who};

/// Median and 99th percentile, in seconds; NaN where nothing was observed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Quantiles {
    const NONE: Self = Self { p50: f64::NAN, p99: f64::NAN };

    fn of(buckets: &Buckets) -> Self {
        let quantile = |share| buckets.quantile(share).unwrap_or(f64::NAN);
        Self { p50: quantile(0.5), p99: quantile(0.99) }
    }
}

/// Numbers and quantiles, either since the reading before or since counting began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Measures {
    pub(super) numbers: [f64; FIGURES],
    pub(super) spreads: [Quantiles; SPREADS],
}

impl Default for Measures {
    fn default() -> Self {
        Self { numbers: [0.0; FIGURES], spreads: [Quantiles::NONE; SPREADS] }
    }
}

impl Measures {
    pub(super) fn of(&self, figure: Figure) -> f64 {
        self.numbers[figure as usize]
    }

    pub(super) fn spread(&self, spread: Spread) -> Quantiles {
        self.spreads[spread as usize]
    }
}

/// A process as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) who: Who,
    /// Per second.
    pub(super) rates: Measures,
    pub(super) totals: Measures,
}

impl Line {
    /// Whether nothing happened to it since the reading before.
    pub(super) fn is_idle(&self) -> bool {
        self.rates.numbers.iter().all(|rate| *rate == 0.0)
    }
}

/// All that is shown, of one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Picture {
    pub(super) lines: Vec<Line>,
    /// Rates of all processes together.
    pub(super) sum: [f64; FIGURES],
    pub(super) agent: Agent,
    /// Of the agent's figures that grow; NaN until there are two readings.
    pub(super) agent_rates: [f64; OWN],
    /// Whether there are distributions of the calls.
    pub(super) spreads: bool,
    /// Whether there are rates yet.
    pub(super) rated: bool,
    /// When this was read, and the time since the reading before.
    pub(super) time: Time,
    pub(super) period: f64,
}

impl Picture {
    /// A figure of all processes together, per second.
    pub(super) fn sum(&self, figure: Figure) -> f64 {
        self.sum[figure as usize]
    }

    /// A figure of the agent per second, where it is known.
    pub(super) fn agent_rate(&self, own: Own) -> Option<f64> {
        Some(self.agent_rates[own as usize]).filter(|rate| rate.is_finite())
    }
}

#[derive(Debug)]
struct Row {
    totals: Totals,
    line: Line,
}

/// What is remembered from one reading to the next.
#[derive(Debug)]
pub(super) struct State {
    rows: HashMap<Who, Row>,
    times: [Time; GROUPS.len()],
    period: f64,
    rated: bool,
    agent: Agent,
    agent_rates: [f64; OWN],
}

impl Default for State {
    fn default() -> Self {
        let (times, agent_rates) = ([0; GROUPS.len()], [f64::NAN; OWN]);
        Self { rows: HashMap::new(), times, period: 0.0, rated: false, agent: Agent::default(), agent_rates }
    }
}

impl State {
    /// Takes `reading` in; tells whether a round of readings begins with it: whether what comes first of all that is
    /// read is newer in it than what is known.
    pub(super) fn take(&mut self, mut reading: Reading) -> bool {
        let times = reading.times();
        let newer = |group: &Group| times[*group as usize] > self.times[*group as usize];
        let groups: Vec<Group> = GROUPS.into_iter().filter(newer).collect();
        for group in &groups {
            self.renew(*group, times[*group as usize], &mut reading.rows);
        }
        self.rows.retain(|_, row| row.totals.times.iter().any(|time| *time > 0));
        self.take_agent(&reading.agent);
        let leads = GROUPS.into_iter().find(|group| self.times[*group as usize] > 0);
        leads.is_some_and(|group| groups.contains(&group))
    }

    /// A figure of the agent, where it is known.
    pub(super) fn agent(&self, own: Own) -> Option<f64> {
        self.agent.get(own)
    }

    /// Whether there are rates yet.
    pub(super) fn is_rated(&self) -> bool {
        self.rated
    }

    /// What is to be shown.
    pub(super) fn picture(&self) -> Picture {
        let mut sum = [0.0; FIGURES];
        for row in self.rows.values() {
            sum.iter_mut().zip(&row.line.rates.numbers).for_each(|(sum, rate)| *sum += rate);
        }
        let spreads = self.rows.values().any(|row| !row.totals.spreads[Spread::Calls as usize].is_empty());
        Picture {
            lines: self.rows.values().map(|row| row.line.clone()).collect(),
            sum,
            agent: self.agent,
            agent_rates: self.agent_rates,
            spreads,
            rated: self.rated,
            time: self.times.into_iter().max().unwrap_or(0),
            period: self.period,
        }
    }

    /// Puts what was read of `group` at `time` in the place of what is known of it.
    fn renew(&mut self, group: Group, time: Time, rows: &mut HashMap<Who, Totals>) {
        let earlier = std::mem::replace(&mut self.times[group as usize], time);
        let seconds = seconds_between(earlier, time);
        if let Some(seconds) = seconds {
            (self.period, self.rated) = (seconds, true);
        }
        for (who, row) in &mut self.rows {
            if rows.get(who).is_none_or(|totals| totals.times[group as usize] < time) {
                row.forget(group);
            }
        }
        for (who, totals) in rows.iter_mut().filter(|(_, totals)| totals.times[group as usize] == time) {
            let row = self.rows.entry(who.clone()).or_insert_with(|| Row::of(who));
            row.renew(group, totals, seconds);
        }
    }

    fn take_agent(&mut self, agent: &Agent) {
        for index in 0..OWN {
            let (time, known) = (agent.times[index], self.agent.times[index]);
            if time <= known {
                continue;
            }
            if let Some(seconds) = seconds_between(known, time) {
                self.agent_rates[index] = growth(agent.numbers[index], self.agent.numbers[index]) / seconds;
            }
            (self.agent.numbers[index], self.agent.times[index]) = (agent.numbers[index], time);
        }
    }
}

impl Row {
    fn of(who: &Who) -> Self {
        let line = Line { who: who.clone(), rates: Measures::default(), totals: Measures::default() };
        Self { totals: Totals::default(), line }
    }

    fn forget(&mut self, group: Group) {
        self.renew(group, &mut Totals::default(), None);
    }

    /// `seconds` since the reading before; a row that was not in it began since then, and counts from zero.
    fn renew(&mut self, group: Group, totals: &mut Totals, seconds: Option<f64>) {
        for figure in group.figures().iter().map(|figure| *figure as usize) {
            let total = totals.numbers[figure];
            let grown = seconds.map(|seconds| growth(total, self.totals.numbers[figure]) / seconds);
            self.line.rates.numbers[figure] = grown.unwrap_or(0.0);
            (self.line.totals.numbers[figure], self.totals.numbers[figure]) = (total, total);
        }
        if let Some(spread) = group.spread().map(|spread| spread as usize) {
            let buckets = std::mem::take(&mut totals.spreads[spread]);
            let recent = seconds.map(|_| Quantiles::of(&buckets.since(&self.totals.spreads[spread])));
            self.line.rates.spreads[spread] = recent.unwrap_or(Quantiles::NONE);
            self.line.totals.spreads[spread] = Quantiles::of(&buckets);
            self.totals.spreads[spread] = buckets;
        }
        self.totals.times[group as usize] = totals.times[group as usize];
    }
}

/// What a total gained; all of it where it is less than before, so that counting began anew.
fn growth(total: f64, before: f64) -> f64 {
    if total < before { total } else { total - before }
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no nanoseconds")]
fn seconds_between(earlier: Time, later: Time) -> Option<f64> {
    (earlier > 0 && later > earlier).then(|| (later - earlier) as f64 / 1e9)
}

#[cfg(test)]
mod tests;
