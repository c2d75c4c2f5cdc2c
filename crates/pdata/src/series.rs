//! The streams of one metric, each with one point.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::families::same;
use crate::{Attributes, Descriptor, Sample};

/// One point per stream, in order of arrival.
#[derive(Debug)]
pub(crate) struct Series<P> {
    points: Vec<P>,
    /// When each of `points` was put in, if that was said; for those behind the end it was not.
    seen: Vec<u64>,
    /// Positions in `points`, found by attributes.
    index: HashTable<u32>,
}

impl<P> Default for Series<P> {
    fn default() -> Self {
        Self { points: Vec::new(), seen: Vec::new(), index: HashTable::new() }
    }
}

impl<P: Sample> Series<P> {
    pub(crate) fn points(&self) -> &[P] {
        &self.points
    }

    /// Puts `points` in: per stream the later time wins, and deltas are added up. Tells how many of them, or of those
    /// that were there, are in no point of their own any more.
    pub(crate) fn merge(&mut self, points: &[P], descriptor: &Descriptor) -> usize {
        self.merge_at(points, descriptor, NEVER)
    }

    /// The same, and notes of those that are put in that they were seen `now`.
    pub(crate) fn merge_at(&mut self, points: &[P], descriptor: &Descriptor, now: u64) -> usize {
        let (adds_up, number) = (descriptor.adds_up(), descriptor.number);
        let before = self.points.len();
        for point in points {
            let Some(position) = self.position(point.attributes()) else {
                self.push_at(point.clone(), now);
                continue;
            };
            let known = &mut self.points[position];
            if adds_up {
                if known.add(point, number) {
                    self.note(position, now);
                } else {
                    self.replace(position, point.clone(), now);
                }
            } else if known.time() <= point.time() {
                *known = point.clone();
                self.note(position, now);
            }
        }
        points.len() - (self.points.len() - before)
    }

    pub(crate) fn get_mut(&mut self, attributes: &Arc<Attributes>) -> Option<&mut P> {
        self.position(attributes).map(|position| &mut self.points[position])
    }

    pub(crate) fn push(&mut self, point: P) {
        self.push_at(point, NEVER);
    }

    /// Takes out the points that `wanted` says yes to, each with when it was seen.
    pub(crate) fn extract(&mut self, wanted: impl FnMut(&P) -> bool) -> Vec<(P, u64)> {
        let goes: Vec<bool> = self.points.iter().map(wanted).collect();
        self.take_out(&goes)
    }

    /// Takes out the points that were not seen since `oldest`.
    pub(crate) fn expire(&mut self, oldest: u64) {
        let seen = self.seen.iter().copied().chain(std::iter::repeat(NEVER));
        let goes: Vec<bool> = self.points.iter().zip(seen).map(|(_, seen)| seen < oldest).collect();
        self.take_out(&goes);
    }

    fn take_out(&mut self, goes: &[bool]) -> Vec<(P, u64)> {
        if !goes.contains(&true) {
            return Vec::new();
        }
        let Self { points, seen, .. } = std::mem::take(self);
        let seen = seen.into_iter().chain(std::iter::repeat(NEVER));
        let mut taken = Vec::new();
        for ((point, seen), goes) in points.into_iter().zip(seen).zip(goes) {
            if *goes {
                taken.push((point, seen));
                continue;
            }
            match self.position(point.attributes()) {
                Some(position) => self.replace(position, point, seen),
                None => self.push_at(point, seen),
            }
        }
        taken
    }

    fn push_at(&mut self, point: P, now: u64) {
        // Four billion streams would not fit in memory.
        let position = u32::try_from(self.points.len()).unwrap_or(u32::MAX);
        let points = &self.points;
        let rehash = |position: &u32| points[*position as usize].attributes().stored_hash();
        self.index.insert_unique(point.attributes().stored_hash(), position, rehash);
        self.points.push(point);
        self.note(self.points.len() - 1, now);
    }

    fn note(&mut self, position: usize, now: u64) {
        // Most who keep points ask nothing of when they came, and keep nothing of it.
        if now == NEVER && position >= self.seen.len() {
            return;
        }
        if position >= self.seen.len() {
            self.seen.resize(position + 1, NEVER);
        }
        self.seen[position] = self.seen[position].max(now);
    }

    /// Leaves the point at `position` as it is and has later ones of its stream go to `point`.
    fn replace(&mut self, position: usize, point: P, now: u64) {
        let hash = point.attributes().stored_hash();
        if let Ok(entry) = self.index.find_entry(hash, |known| *known as usize == position) {
            entry.remove();
        }
        self.push_at(point, now);
    }

    fn position(&self, attributes: &Arc<Attributes>) -> Option<usize> {
        let equal = |position: &u32| same(self.points[*position as usize].attributes(), attributes);
        self.index.find(attributes.stored_hash(), equal).map(|position| *position as usize)
    }
}

/// When a point was put in of which that was not said.
const NEVER: u64 = 0;
