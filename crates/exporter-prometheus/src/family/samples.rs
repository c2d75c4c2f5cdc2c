//! The samples of one family while it is rendered, by label text.
//!
//! Three large blocks instead of a string per series: they go back to the system as
//! soon as the family is rendered, and leave no holes behind.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use hashbrown::HashTable;

use super::Value;

/// Samples in order of arrival.
#[derive(Default)]
pub(super) struct Samples {
    /// The label texts, one after the other.
    labels: String,
    samples: Vec<Sample>,
    /// Positions in `samples`, found by label text.
    index: HashTable<u32>,
    hasher: RandomState,
}

struct Sample {
    labels: Range<usize>,
    source: u32,
    value: Value,
}

impl Samples {
    /// Adds `value` to the sample of the same source and labels.
    ///
    /// Where two sources have the same series, the one that came later speaks for both: their sum would count twice.
    pub(super) fn add(&mut self, labels: &str, source: u32, value: Value) {
        let (texts, samples) = (&self.labels, &mut self.samples);
        let hash = self.hasher.hash_one(labels);
        let equal = |position: &u32| texts[samples[*position as usize].labels.clone()] == *labels;
        match self.index.find(hash, equal).map(|position| &mut samples[*position as usize]) {
            Some(sample) if sample.source == source => sample.value.add(&value),
            Some(sample) => (sample.source, sample.value) = (source, value),
            None => self.push(hash, labels, source, value),
        }
    }

    /// Label texts and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.samples.iter().map(|sample| (&self.labels[sample.labels.clone()], &sample.value))
    }

    fn push(&mut self, hash: u64, labels: &str, source: u32, value: Value) {
        let begin = self.labels.len();
        self.labels.push_str(labels);
        let (texts, samples, hasher) = (&self.labels, &self.samples, &self.hasher);
        let rehash = |position: &u32| hasher.hash_one(&texts[samples[*position as usize].labels.clone()]);
        // A page of four billion series would not fit anywhere.
        let position = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        self.index.insert_unique(hash, position, rehash);
        self.samples.push(Sample { labels: begin..self.labels.len(), source, value });
    }
}
