//! What is remembered of each stream of a metric while it lives, and of each metric.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pdata::{Attributes, Descriptor, Resource, Scope, UnixNanos};

use crate::sample::Sample;

/// Something about each stream, forgotten when the stream has not been seen for a while.
#[derive(Debug)]
pub(crate) struct Memory<T> {
    streams: HashMap<Arc<Attributes>, Remembered<T>>,
    /// Number of the batch that is being looked at, and the latest time in any so far.
    round: u64,
    now: UnixNanos,
}

#[derive(Debug)]
struct Remembered<T> {
    value: T,
    round: u64,
    time: UnixNanos,
}

/// A stream is forgotten that was in none of so many batches, and for so long. What is read rarely, such as
/// behind a long `interval`, is in every batch; what is read often may be left out for a moment.
const FORGET_AFTER: (u64, UnixNanos) = (3, 300_000_000_000);

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { streams: HashMap::new(), round: 0, now: 0 }
    }
}

impl<T> Memory<T> {
    /// What is known of a stream that is seen now.
    pub(crate) fn see(&mut self, stream: &Arc<Attributes>, time: UnixNanos) -> Option<&mut T> {
        self.now = self.now.max(time);
        let known = self.streams.get_mut(stream)?;
        (known.round, known.time) = (self.round, time);
        Some(&mut known.value)
    }

    /// Remembers `value` of a stream that is seen now.
    pub(crate) fn note(&mut self, stream: Arc<Attributes>, time: UnixNanos, value: T) {
        self.now = self.now.max(time);
        self.streams.insert(stream, Remembered { value, round: self.round, time });
    }

    /// What is known of a stream that was seen in this batch.
    pub(crate) fn seen_now(&self, stream: &Arc<Attributes>) -> Option<&T> {
        self.streams.get(stream).filter(|known| known.round == self.round).map(|known| &known.value)
    }

    /// Number of streams remembered.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// To be called after each batch: forgets who has not been seen for long.
    pub(crate) fn end_batch(&mut self) {
        let (rounds, time) = FORGET_AFTER;
        let (round, now) = (self.round, self.now);
        self.streams.retain(|_, known| round - known.round < rounds || now.saturating_sub(known.time) < time);
        if self.streams.capacity() / 4 > self.streams.len() {
            self.streams.shrink_to(2 * self.streams.len());
        }
        self.round += 1;
    }
}

impl<P: Sample> Memory<P> {
    /// What a cumulative stream counted since its last point, which `point` is from now on.
    pub(crate) fn increase(&mut self, point: &P, number: pdata::NumberKind) -> P {
        if let Some(last) = self.see(point.attributes(), point.time()) {
            if point.time() < last.time() && !point.began_after(last) {
                // It comes late: what it counted is in the later one.
                return point.since(point, number);
            }
            let increase = point.since(last, number);
            *last = point.clone();
            return increase;
        }
        self.note(point.attributes().clone(), point.time(), point.clone());
        point.clone()
    }
}

/// Something about each metric of each source, until it has been gone for long; of the metrics seen last, if they are
/// too many.
#[derive(Debug)]
pub(crate) struct Families<F> {
    families: HashMap<Family, (u64, F)>,
    clock: u64,
    /// When those who had gone were looked for last, by both clocks.
    swept: (u64, Instant),
}

/// Whose metric it is, and which.
type Family = (Arc<Resource>, Arc<Scope>, Arc<Descriptor>);

const MOST_FAMILIES: usize = 1 << 16;

/// A metric is forgotten that was not seen for so long, and at the latest after twice that time: its source may have been
/// cut off, and go on where it stopped.
const GONE_AFTER: Duration = Duration::from_secs(24 * 3600);

impl<F> Default for Families<F> {
    fn default() -> Self {
        Self { families: HashMap::new(), clock: 0, swept: (0, Instant::now()) }
    }
}

impl<F> Families<F> {
    /// Forgets who has not been seen since the last time, where that is long ago.
    fn sweep(&mut self, now: Instant) {
        let (clock, last) = self.swept;
        if now.saturating_duration_since(last) >= GONE_AFTER {
            self.families.retain(|_, (used, _)| *used > clock);
            self.swept = (self.clock, now);
        }
    }
}

impl<F: Default> Families<F> {
    pub(crate) fn of(&mut self, resource: &Arc<Resource>, scope: &Arc<Scope>, descriptor: &Arc<Descriptor>) -> &mut F {
        self.sweep(Instant::now());
        self.clock += 1;
        let family = (resource.clone(), scope.clone(), descriptor.clone());
        if self.families.len() >= MOST_FAMILIES && !self.families.contains_key(&family) {
            // Half of them go, so that the search is not for every one that comes.
            let mut times: Vec<u64> = self.families.values().map(|(used, _)| *used).collect();
            let (_, median, _) = times.select_nth_unstable(MOST_FAMILIES / 2);
            let median = *median;
            self.families.retain(|_, (used, _)| *used >= median);
        }
        let (used, value) = self.families.entry(family).or_default();
        *used = self.clock;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{batch, point};

    const MINUTE: UnixNanos = 60_000_000_000;

    #[test]
    fn a_stream_is_forgotten_after_three_batches_and_five_minutes() {
        let (stream, other) = (point(None, 1, 1).attributes, point(None, 2, 1).attributes);
        for (step, kept) in [(MINUTE, 5), (10 * MINUTE, 3), (2 * MINUTE, 3)] {
            let mut memory = Memory::default();
            memory.note(stream.clone(), 0, ());
            memory.end_batch();
            let alive = (1..10).take_while(|round| {
                if memory.see(&other, round * step).is_none() {
                    memory.note(other.clone(), round * step, ());
                }
                memory.end_batch();
                memory.len() == 2
            });
            assert_eq!(alive.count() + 1, kept, "one batch every {step} ns");
        }
    }

    #[test]
    fn a_metric_is_forgotten_when_it_was_not_seen_for_a_day() {
        let mut families = Families::<u64>::default();
        let batch = batch(vec![]);
        let (resource, scope) = (&batch.resources[0].resource, &batch.resources[0].scopes[0].scope);
        let gone = &batch.resources[0].scopes[0].metrics[0].descriptor;
        let here = Arc::new(Descriptor { name: "here".into(), ..(**gone).clone() });
        let began = Instant::now();
        *families.of(resource, scope, gone) = 7;
        for (hours, left) in [(23, 2), (25, 2), (48, 2), (50, 1), (75, 1)] {
            *families.of(resource, scope, &here) = 8;
            families.sweep(began + Duration::from_secs(hours * 3600));
            assert_eq!(families.families.len(), left, "{hours}");
        }
        assert_eq!((*families.of(resource, scope, &here), *families.of(resource, scope, gone)), (8, 0));
    }

    #[test]
    fn of_too_many_metrics_the_one_unseen_longest_goes() {
        let mut families = Families::<u64>::default();
        let batch = batch(vec![]);
        let (resource, scope) = (&batch.resources[0].resource, &batch.resources[0].scopes[0].scope);
        let first = &batch.resources[0].scopes[0].metrics[0].descriptor;
        let named = |id: usize| Arc::new(Descriptor { name: id.to_string().into(), ..(**first).clone() });
        *families.of(resource, scope, first) = 7;
        *families.of(resource, scope, &named(0)) = 8;
        for id in 1..MOST_FAMILIES {
            assert_eq!(*families.of(resource, scope, first), 7);
            families.of(resource, scope, &named(id));
        }
        assert!((MOST_FAMILIES / 2..=MOST_FAMILIES).contains(&families.families.len()));
        assert_eq!((*families.of(resource, scope, first), *families.of(resource, scope, &named(0))), (7, 0));
    }
}
