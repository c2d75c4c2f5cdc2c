//! What points of numbers and of distributions have in common, where streams are added up.

use std::collections::HashMap;
use std::sync::Arc;

use pdata::{Attributes, Descriptor, HistogramPoint, Instrument, NumberKind, Point, Temporality, UnixNanos};

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

/// A point of a stream.
pub(crate) trait Sample: Clone {
    fn attributes(&self) -> &Arc<Attributes>;
    fn time(&self) -> UnixNanos;
    /// What streams are ranked by: the value, or the number of observations.
    fn size(&self, number: NumberKind) -> f64;
    /// Whether counting began anew since `earlier`, by what the points say of themselves.
    fn began_after(&self, earlier: &Self) -> bool;
    /// The same under other attributes.
    fn under(self, attributes: Arc<Attributes>) -> Self;
    /// What was counted since `earlier`, a point of the same stream; all of it where counting began anew.
    fn since(&self, earlier: &Self, number: NumberKind) -> Self;
    /// Whether it says that there was no value.
    fn is_missing(&self) -> bool;
    /// The same, read at `time` if that is later.
    fn touch(&mut self, time: UnixNanos);
    /// Adds what `other` counted. Its start is the earlier, its time the later of the two. Says no, and does nothing,
    /// where the two cannot be told as one.
    fn add(&mut self, other: &Self, number: NumberKind) -> bool;
}

impl Sample for Point {
    fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    fn time(&self) -> UnixNanos {
        self.time
    }

    fn size(&self, number: NumberKind) -> f64 {
        self.as_f64(number)
    }

    fn began_after(&self, earlier: &Self) -> bool {
        self.start > earlier.start
    }

    fn under(self, attributes: Arc<Attributes>) -> Self {
        Self { attributes, ..self }
    }

    fn since(&self, earlier: &Self, number: NumberKind) -> Self {
        let fell = match number {
            NumberKind::Unsigned | NumberKind::Nanoseconds => self.bits < earlier.bits,
            NumberKind::Signed => self.bits.cast_signed() < earlier.bits.cast_signed(),
            NumberKind::Missing => false,
            NumberKind::Double => f64::from_bits(self.bits) < f64::from_bits(earlier.bits),
        };
        if fell || self.began_after(earlier) {
            return self.clone();
        }
        Self { bits: number.subtract(self.bits, earlier.bits), ..self.clone() }
    }

    /// Those that do are metrics of their own.
    fn is_missing(&self) -> bool {
        false
    }

    fn touch(&mut self, time: UnixNanos) {
        self.time = self.time.max(time);
    }

    fn add(&mut self, other: &Self, number: NumberKind) -> bool {
        self.bits = number.add(self.bits, other.bits);
        (self.start, self.time) = (self.start.min(other.start), self.time.max(other.time));
        true
    }
}

impl Sample for HistogramPoint {
    fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    fn time(&self) -> UnixNanos {
        self.time
    }

    #[expect(clippy::cast_precision_loss, reason = "it is compared, not reported")]
    fn size(&self, _: NumberKind) -> f64 {
        self.histogram.count() as f64
    }

    fn began_after(&self, earlier: &Self) -> bool {
        self.start > earlier.start
    }

    fn under(self, attributes: Arc<Attributes>) -> Self {
        Self { attributes, ..self }
    }

    fn since(&self, earlier: &Self, number: NumberKind) -> Self {
        if self.began_after(earlier) || self.histogram.count() < earlier.histogram.count() {
            return self.clone();
        }
        // One that has other edges than before began anew, whatever it says of its start.
        let since = self.histogram.since(&earlier.histogram, number);
        since.map_or_else(|| self.clone(), |histogram| Self { histogram: Arc::new(histogram), ..self.clone() })
    }

    fn is_missing(&self) -> bool {
        self.histogram.is_missing()
    }

    fn touch(&mut self, time: UnixNanos) {
        self.time = self.time.max(time);
    }

    fn add(&mut self, other: &Self, number: NumberKind) -> bool {
        let Some(sum) = self.histogram.plus(&other.histogram, number) else { return false };
        if other.histogram.count() > 0 {
            self.histogram = Arc::new(sum);
        }
        (self.start, self.time) = (self.start.min(other.start), self.time.max(other.time));
        true
    }
}
