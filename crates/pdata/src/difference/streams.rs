//! The streams of one metric that are known, and when each was in a batch last.

use std::sync::Arc;

use hashbrown::HashTable;

use super::clock::Tick;
use super::digest::Digest;
use super::evicted::Evicted;
use super::is_late;
use crate::families::same;
use crate::overflow::FOLDED_BY;
use crate::{Attributes, Descriptor, NumberKind, Sample};

/// The streams of one metric.
#[derive(Debug)]
pub(crate) struct Streams<P> {
    pub(super) entries: HashTable<Entry<P>>,
    /// When the last batches left that the metric was in, the latest first.
    batches: [Tick; 3],
    /// The metric as it leaves.
    pub(super) delta: Option<Arc<Descriptor>>,
    pub(super) digest: Option<Digest>,
}

#[derive(Debug)]
pub(super) struct Entry<P> {
    /// The last point of which something was sent.
    pub(super) point: P,
    pub(super) digest: Digest,
    /// When the last batch left that it was in.
    seen: Tick,
    /// Whether it is a total of folded streams, which is in a batch only when another is folded.
    folded: bool,
}

/// How long ago a stream was in a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    pub(super) seen: Tick,
    /// Batches of its metric.
    pub(super) batches: [Tick; 3],
    pub(super) folded: bool,
}

impl<P> Default for Streams<P> {
    fn default() -> Self {
        Self { entries: HashTable::new(), batches: [0; 3], delta: None, digest: None }
    }
}

impl<P: Sample> Entry<P> {
    pub(super) fn new(point: P, digest: Digest, seen: Tick) -> Self {
        let folded = point.attributes().get(FOLDED_BY).is_some();
        Self { point, digest, seen, folded }
    }

    /// Takes `point` for what the far side has; one of which nothing was sent leaves the time as it is, where the next
    /// difference begins.
    pub(super) fn take(&mut self, point: &P, number: NumberKind) {
        let same = point.since(&self.point, number).is_zero(number);
        if !is_late(point, &self.point) && !same {
            self.point = point.clone();
        }
    }

    fn age(&self, batches: [Tick; 3]) -> Age {
        Age { seen: self.seen, batches, folded: self.folded }
    }
}

impl<P: Sample> Streams<P> {
    pub(super) fn entry(&self, stream: &Arc<Attributes>) -> Option<&Entry<P>> {
        self.entries.find(stream.stored_hash(), |entry| same(entry.point.attributes(), stream))
    }

    pub(super) fn entry_mut(&mut self, stream: &Arc<Attributes>) -> Option<&mut Entry<P>> {
        self.entries.find_mut(stream.stored_hash(), |entry| same(entry.point.attributes(), stream))
    }

    pub(super) fn insert(&mut self, entry: Entry<P>) {
        // Who is new was in no batch before.
        self.batches[0] = self.batches[0].max(entry.seen);
        let hash = entry.point.attributes().stored_hash();
        self.entries.insert_unique(hash, entry, |entry| entry.point.attributes().stored_hash());
    }

    /// That `points` are in the batch that leaves at `now`.
    pub(super) fn see(&mut self, points: &[P], now: Tick) {
        if self.batches[0] != now {
            self.batches = [now, self.batches[0], self.batches[1]];
        }
        for point in points {
            if let Some(entry) = self.entry_mut(point.attributes()) {
                entry.seen = now;
            }
        }
    }

    pub(super) fn ages(&self) -> impl Iterator<Item = Age> {
        self.entries.iter().map(|entry| entry.age(self.batches))
    }

    /// Has those who are `gone` leave, and tells how many; `family` is the hash of the metric.
    pub(super) fn evict(&mut self, family: u64, evicted: &mut Evicted, gone: &mut dyn FnMut(Age) -> bool) -> usize {
        let (batches, before) = (self.batches, self.entries.len());
        for entry in self.entries.extract_if(|entry| gone(entry.age(batches))) {
            let point = entry.point;
            evicted.insert(Evicted::key(family, point.attributes().stored_hash()), point.start());
        }
        if self.entries.capacity() / 4 > self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len(), |entry| entry.point.attributes().stored_hash());
        }
        before - self.entries.len()
    }
}
