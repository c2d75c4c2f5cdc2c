//! What streams of one metric come to where they are added up.

use std::collections::HashMap;

pub(crate) use pdata::Sample;
use pdata::{Descriptor, Instrument, NumberKind, Temporality};

/// What streams of one metric come to that are one afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Together {
    /// A total that takes what each of them counts, and goes on when one of them ends.
    Total,
    /// What is there now, of the streams that are there now; or what came since the last time.
    Sum,
    /// The value read last.
    Last,
    /// Nothing: they cannot be told as one.
    Nothing,
}

impl Together {
    pub(crate) fn of(descriptor: &Descriptor) -> Self {
        match (descriptor.instrument, descriptor.temporality) {
            _ if descriptor.number == NumberKind::Missing => Self::Last,
            (Instrument::Gauge, _) => Self::Last,
            (Instrument::Summary, _) => Self::Nothing,
            (Instrument::UpDownCounter, _) | (_, Temporality::Delta) => Self::Sum,
            (Instrument::Counter | Instrument::ExponentialHistogram | Instrument::Histogram, _) => Self::Total,
        }
    }
}

/// The last point of every stream, where the points are no deltas: others may send several at once.
#[expect(clippy::mutable_key_type, reason = "hash and equality do not see the encoded form")]
pub(crate) fn last_of_each<P: Sample>(points: Vec<P>, descriptor: &Descriptor) -> Vec<P> {
    if descriptor.temporality == Temporality::Delta {
        return points;
    }
    let mut places = HashMap::with_capacity(points.len());
    let mut last: Vec<P> = Vec::with_capacity(points.len());
    for point in points {
        match places.get(point.attributes()) {
            Some(place) => {
                let known: &mut P = &mut last[*place];
                if known.time() <= point.time() {
                    *known = point;
                }
            }
            None => {
                places.insert(point.attributes().clone(), last.len());
                last.push(point);
            }
        }
    }
    last
}
