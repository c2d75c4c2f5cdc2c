//! The samples of one family while it is rendered, by their labels as the page has them.
//!
//! Three large blocks instead of a string per series: they go back to the system as
//! soon as the family is rendered, and leave no holes behind.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use hashbrown::HashTable;
use pdata::UnixNanos;

/// Samples in order of arrival.
pub(super) struct Samples<V> {
    /// The labels as they are written, one set after the other.
    labels: Vec<u8>,
    samples: Vec<Sample<V>>,
    /// Positions in `samples`, found by labels.
    index: HashTable<u32>,
    hasher: RandomState,
}

struct Sample<V> {
    labels: Range<usize>,
    source: u32,
    span: Span,
    value: V,
}

/// From when on a value counts, and when it was read; a start of zero is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: UnixNanos,
    pub(super) time: UnixNanos,
}

impl Span {
    pub(super) fn of(start: UnixNanos, time: UnixNanos) -> Self {
        Self { start, time }
    }

    fn and(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), time: self.time.max(other.time) }
    }
}

/// A value that adds up with others of one stream or series.
pub(super) trait Additive {
    /// Adds `other`, which is of the same metric.
    fn add(&mut self, other: Self);
}

impl<V> Default for Samples<V> {
    fn default() -> Self {
        Self { labels: Vec::new(), samples: Vec::new(), index: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<V: Additive> Samples<V> {
    /// Adds `value` to the sample of the same source and labels.
    ///
    /// Where two sources have the same series, the later point speaks for both: their sum would count twice.
    pub(super) fn add(&mut self, labels: &[u8], source: u32, span: Span, value: V) {
        let (known, samples) = (&self.labels, &mut self.samples);
        let hash = self.hasher.hash_one(labels);
        let equal = |position: &u32| known[samples[*position as usize].labels.clone()] == *labels;
        match self.index.find(hash, equal).map(|position| &mut samples[*position as usize]) {
            Some(sample) if sample.source == source => {
                sample.value.add(value);
                sample.span = sample.span.and(span);
            }
            Some(sample) if sample.span.time > span.time => {}
            Some(sample) => (sample.source, sample.span, sample.value) = (source, span, value),
            None => self.push(hash, labels, Sample { labels: 0..0, source, span, value }),
        }
    }

    /// Labels, times and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Span, &V)> {
        self.samples.iter().map(|sample| (&self.labels[sample.labels.clone()], sample.span, &sample.value))
    }

    /// Whether there is not one.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    fn push(&mut self, hash: u64, labels: &[u8], sample: Sample<V>) {
        let begin = self.labels.len();
        self.labels.extend_from_slice(labels);
        let (known, samples, hasher) = (&self.labels, &self.samples, &self.hasher);
        let rehash = |position: &u32| hasher.hash_one(&known[samples[*position as usize].labels.clone()]);
        // A page of four billion series would not fit anywhere.
        let position = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        self.index.insert_unique(hash, position, rehash);
        self.samples.push(Sample { labels: begin..self.labels.len(), ..sample });
    }
}
