//! Who was sent, but has no place any more or found none: so that nobody is told twice.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::UnixNanos;

/// When counting of each began, by hash of the metric and of the stream; of those that left longest ago nothing is known.
#[derive(Debug)]
pub(super) struct Evicted {
    recent: HashMap<u64, UnixNanos>,
    older: HashMap<u64, UnixNanos>,
    most: usize,
}

/// For each place so many are remembered at least, and twice as many at most: one takes some twenty bytes.
const FOR_EACH_PLACE: usize = 4;

impl Evicted {
    /// Of as many as go with `places` streams that are known.
    pub(super) fn new(places: usize) -> Self {
        Self { recent: HashMap::new(), older: HashMap::new(), most: most(places) }
    }

    /// The same for another number of places.
    pub(super) fn resize(&mut self, places: usize) {
        self.most = most(places);
    }

    /// Who a stream is, by hash of its metric, source included, and of its attributes.
    pub(super) fn key(family: u64, stream: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        (family, stream).hash(&mut hasher);
        hasher.finish()
    }

    /// Remembers that something was sent of `key`, which counts since `start`.
    pub(super) fn insert(&mut self, key: u64, start: UnixNanos) {
        if self.recent.len() >= self.most {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(key, start);
    }

    /// That `key` has a place.
    pub(super) fn remove(&mut self, key: u64) {
        self.recent.remove(&key);
        self.older.remove(&key);
    }

    /// Whether the far side may have something of what `key` counts since `start`.
    pub(super) fn has(&self, key: u64, start: UnixNanos) -> bool {
        self.recent.get(&key).or_else(|| self.older.get(&key)).is_some_and(|began| start <= *began)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.recent.len() + self.older.len()
    }
}

fn most(places: usize) -> usize {
    places.saturating_mul(FOR_EACH_PLACE).max(1)
}
