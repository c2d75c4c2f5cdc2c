//! How much goes a way in a second: what was seen before, to be compared with.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use component::{ComponentId, Kind, Snapshot};

/// What a way is called, whatever its place in a snapshot.
type Name = [(Kind, ComponentId, Option<ComponentId>); 2];

/// Points that went every way, at some moments of the last minute.
#[derive(Default)]
pub(super) struct History {
    seen: VecDeque<(SystemTime, BTreeMap<Name, u64>)>,
}

/// A rate is that of so long a time, where somebody has looked that long ago.
const SPAN: Duration = Duration::from_secs(60);

/// Looks within it are one.
const STEP: Duration = Duration::from_secs(2);

impl History {
    /// Points a second on each way of `seen`, by its place there: since the start, or over the last minute.
    pub(super) fn take(&mut self, seen: &Snapshot, now: SystemTime) -> Vec<f64> {
        let counts: Vec<(Name, u64)> =
            seen.edges.iter().map(|link| (name(seen, link.from, link.to), link.points)).collect();
        while self.seen.get(1).is_some_and(|(time, _)| age(*time, now) >= SPAN) {
            self.seen.pop_front();
        }
        let nothing = BTreeMap::new();
        let (since, before) = match self.seen.front() {
            Some((time, before)) if age(*time, now) >= STEP => (*time, before),
            _ => (seen.started, &nothing),
        };
        let seconds = age(since, now).as_secs_f64().max(1e-3);
        #[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
        let rate = |(name, points): &(Name, u64)| {
            points.saturating_sub(before.get(name).copied().unwrap_or(0)) as f64 / seconds
        };
        let rates = counts.iter().map(rate).collect();
        if self.seen.back().is_none_or(|(time, _)| age(*time, now) >= STEP) {
            self.seen.push_back((now, counts.into_iter().collect()));
        }
        rates
    }
}

fn name(seen: &Snapshot, from: usize, to: usize) -> Name {
    [from, to].map(|place| {
        let node = &seen.nodes[place];
        (node.kind, node.id.clone(), node.pipeline.clone())
    })
}

fn age(time: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(time).unwrap_or_default()
}
