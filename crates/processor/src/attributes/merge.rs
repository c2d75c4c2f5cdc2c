//! One metric whose streams get other attributes: which of them are one then, and what it comes to.

use std::collections::HashMap;
use std::sync::Arc;

use pdata::{Attributes, Descriptor};

use crate::memory::Memory;
use crate::sample::{Sample, Together, last_of_each};
use crate::sets::Sets;

/// The streams of one metric.
///
/// A total must go on growing when one of the streams in it ends, or changes its name: it is kept here and takes what
/// each stream counted since its last point.
#[derive(Debug)]
pub(super) struct Merge<P> {
    /// The last point of each stream, as it came.
    came: Memory<P>,
    /// The totals, by the attributes that they leave with.
    totals: Memory<P>,
}

impl<P> Default for Merge<P> {
    fn default() -> Self {
        Self { came: Memory::default(), totals: Memory::default() }
    }
}

impl<P: Sample> Merge<P> {
    /// The points that go on in place of `points`. What cannot be told as one goes on as it came.
    pub(super) fn pass(&mut self, points: Vec<P>, descriptor: &Descriptor, sets: &mut Sets) -> Vec<P> {
        match Together::of(descriptor) {
            Together::Total => self.totals(points, descriptor, sets),
            Together::Sum => {
                let points = last_of_each(points, descriptor);
                together(points, sets, |total, point| total.add(point, descriptor.number))
            }
            Together::Last => together(points, sets, |latest, point| {
                if point.time() >= latest.time() {
                    *latest = point.clone().under(latest.attributes().clone());
                }
                true
            }),
            Together::Nothing => together(points, sets, |_, _| false),
        }
    }

    fn totals(&mut self, points: Vec<P>, descriptor: &Descriptor, sets: &mut Sets) -> Vec<P> {
        let mut order: Vec<Arc<Attributes>> = Vec::with_capacity(points.len());
        let mut apart = Vec::new();
        for point in points {
            if point.is_missing(descriptor.number) {
                apart.push(point);
                continue;
            }
            let increase = self.came.increase(&point, descriptor.number);
            let set = sets.of(point.attributes());
            let first = self.totals.seen_now(&set).is_none();
            if let Some(total) = self.totals.see(&set, point.time()) {
                if !total.add(&increase, descriptor.number) {
                    apart.push(point);
                }
            } else {
                self.totals.note(set.clone(), point.time(), increase.under(set.clone()));
            }
            if first {
                order.push(set);
            }
        }
        let totals = order.iter().filter_map(|set| self.totals.seen_now(set).cloned()).chain(apart).collect();
        self.came.end_batch();
        self.totals.end_batch();
        totals
    }
}

/// The points under their new attributes, those that fall together made one by `join`, where it can.
#[expect(clippy::mutable_key_type, reason = "hash and equality do not see the encoded form")]
fn together<P: Sample>(points: Vec<P>, sets: &mut Sets, join: impl Fn(&mut P, &P) -> bool) -> Vec<P> {
    let mut places = HashMap::new();
    let mut joined: Vec<P> = Vec::with_capacity(points.len());
    for point in points {
        let set = sets.of(point.attributes());
        match places.get(&set) {
            Some(place) => {
                if !join(&mut joined[*place], &point) {
                    joined.push(point);
                }
            }
            None => {
                places.insert(set.clone(), joined.len());
                joined.push(point.under(set));
            }
        }
    }
    joined
}
