//! One metric: which of its streams have a place, and the total of those that have none.

use std::sync::Arc;

use pdata::{Attributes, Descriptor};

use crate::memory::Memory;
use crate::sample::{Sample, Together, last_of_each};

/// The streams of one metric.
///
/// Who has a place keeps it while it lives, and who is in the other stream stays there: a stream that went from one to
/// the other would be counted in both, or make a total go back.
#[derive(Debug)]
pub(super) struct Ranking<P> {
    admitted: Memory<()>,
    /// The last points of the streams that have no place.
    folded: Memory<P>,
    /// Their total, which outlives them.
    other: Option<P>,
    /// Whether there have been more streams than places.
    pub(super) full: bool,
}

impl<P> Default for Ranking<P> {
    fn default() -> Self {
        Self { admitted: Memory::default(), folded: Memory::default(), other: None, full: false }
    }
}

impl<P: Sample> Ranking<P> {
    /// The points that go on in place of `points`, and how many are in none of them.
    pub(super) fn pass(
        &mut self,
        points: Vec<P>,
        descriptor: &Descriptor,
        max_streams: usize,
        other: &Arc<Attributes>,
    ) -> (Vec<P>, u64) {
        let adds_up = matches!(Together::of(descriptor), Together::Total | Together::Sum);
        let (mut kept, mut fresh, mut folded) = (Vec::with_capacity(points.len().min(max_streams)), vec![], vec![]);
        for point in points {
            let (stream, time) = (point.attributes(), point.time());
            if self.admitted.see(stream, time).is_some() {
                kept.push(point);
            } else if self.folded.see(stream, time).is_some() || (adds_up && stream == other) {
                folded.push(point);
            } else {
                fresh.push(point);
            }
        }
        let places = max_streams.saturating_sub(self.admitted.len());
        if fresh.len() > places {
            self.full = true;
            fresh.sort_by(|a, b| b.size(descriptor.number).total_cmp(&a.size(descriptor.number)));
            folded.extend(fresh.drain(places..));
        }
        for point in &fresh {
            self.admitted.note(point.attributes().clone(), point.time(), ());
        }
        kept.append(&mut fresh);

        let dropped = self.fold(folded, descriptor, other, &mut kept);
        if let Some(other) = &mut self.other {
            // It is a total up to now, whether or not any of its streams counted since.
            let now = kept.iter().map(Sample::time).max();
            other.touch(now.unwrap_or_default());
            kept.push(other.clone());
        }
        self.admitted.end_batch();
        self.folded.end_batch();
        (kept, dropped)
    }

    /// Adds `points` to the other stream, if one can stand for them all; else tells how many there are. What is of
    /// another shape than the other stream is passed on.
    fn fold(&mut self, points: Vec<P>, descriptor: &Descriptor, other: &Arc<Attributes>, kept: &mut Vec<P>) -> u64 {
        let together = Together::of(descriptor);
        let points = if together == Together::Sum {
            // What is there now, of the streams that are there now.
            self.other = None;
            last_of_each(points, descriptor)
        } else {
            points
        };
        let mut dropped = 0;
        for point in points {
            if point.is_missing(descriptor.number) {
                // Of a stream that does not go on under its name.
                continue;
            }
            let increase = match together {
                Together::Total => self.folded.increase(&point, descriptor.number),
                _ => {
                    self.folded.note(point.attributes().clone(), point.time(), point.clone());
                    point.clone()
                }
            };
            match &mut self.other {
                // A sum of gauges means nothing.
                _ if matches!(together, Together::Last | Together::Nothing) => dropped += 1,
                Some(total) => {
                    if !total.add(&increase, descriptor.number) {
                        kept.push(point);
                    }
                }
                none => *none = Some(increase.under(other.clone())),
            }
        }
        dropped
    }
}
