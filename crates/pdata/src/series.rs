//! The streams of one metric, each with one point.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::families::same;
use crate::{Attributes, Descriptor, Sample};

/// One point per stream, in order of arrival.
#[derive(Debug)]
pub(crate) struct Series<P> {
    points: Vec<P>,
    /// Positions in `points`, found by attributes.
    index: HashTable<u32>,
}

impl<P> Default for Series<P> {
    fn default() -> Self {
        Self { points: Vec::new(), index: HashTable::new() }
    }
}

impl<P: Sample> Series<P> {
    pub(crate) fn points(&self) -> &[P] {
        &self.points
    }

    /// Puts `points` in: per stream the later time wins, and deltas are added up. Tells how many of them, or of those
    /// that were there, are in no point of their own any more.
    pub(crate) fn merge(&mut self, points: &[P], descriptor: &Descriptor) -> usize {
        let (adds_up, number) = (descriptor.adds_up(), descriptor.number);
        let before = self.points.len();
        for point in points {
            let Some(position) = self.position(point.attributes()) else {
                self.push(point.clone());
                continue;
            };
            let known = &mut self.points[position];
            if adds_up {
                if !known.add(point, number) {
                    self.replace(position, point.clone());
                }
            } else if known.time() <= point.time() {
                *known = point.clone();
            }
        }
        points.len() - (self.points.len() - before)
    }

    pub(crate) fn get_mut(&mut self, attributes: &Arc<Attributes>) -> Option<&mut P> {
        self.position(attributes).map(|position| &mut self.points[position])
    }

    pub(crate) fn push(&mut self, point: P) {
        // Four billion streams would not fit in memory.
        let position = u32::try_from(self.points.len()).unwrap_or(u32::MAX);
        let points = &self.points;
        let rehash = |position: &u32| points[*position as usize].attributes().stored_hash();
        self.index.insert_unique(point.attributes().stored_hash(), position, rehash);
        self.points.push(point);
    }

    /// Takes out the points that `wanted` says yes to.
    pub(crate) fn extract(&mut self, mut wanted: impl FnMut(&P) -> bool) -> Vec<P> {
        let (taken, kept): (Vec<P>, Vec<P>) = std::mem::take(&mut self.points).into_iter().partition(|it| wanted(it));
        if taken.is_empty() {
            self.points = kept;
            return taken;
        }
        self.index = HashTable::new();
        for point in kept {
            match self.position(point.attributes()) {
                Some(position) => self.replace(position, point),
                None => self.push(point),
            }
        }
        taken
    }

    /// Leaves the point at `position` as it is and has later ones of its stream go to `point`.
    fn replace(&mut self, position: usize, point: P) {
        let hash = point.attributes().stored_hash();
        if let Ok(entry) = self.index.find_entry(hash, |known| *known as usize == position) {
            entry.remove();
        }
        self.push(point);
    }

    fn position(&self, attributes: &Arc<Attributes>) -> Option<usize> {
        let equal = |position: &u32| same(self.points[*position as usize].attributes(), attributes);
        self.index.find(attributes.stored_hash(), equal).map(|position| *position as usize)
    }
}
