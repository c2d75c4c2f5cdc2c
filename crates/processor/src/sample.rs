//! What points of numbers and of distributions have in common, where streams are added up.

use std::sync::Arc;

use pdata::{Attributes, HistogramPoint, NumberKind, Point, UnixNanos};

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
    /// The same, read at `time` if that is later.
    fn touch(&mut self, time: UnixNanos);
    /// Adds what `other` counted. Its start is the earlier, its time the later of the two.
    fn add(&mut self, other: &Self, number: NumberKind);
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
            NumberKind::Double => f64::from_bits(self.bits) < f64::from_bits(earlier.bits),
        };
        if fell || self.began_after(earlier) {
            return self.clone();
        }
        Self { bits: number.subtract(self.bits, earlier.bits), ..self.clone() }
    }

    fn touch(&mut self, time: UnixNanos) {
        self.time = self.time.max(time);
    }

    fn add(&mut self, other: &Self, number: NumberKind) {
        self.bits = number.add(self.bits, other.bits);
        (self.start, self.time) = (self.start.min(other.start), self.time.max(other.time));
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
        Self { histogram: Arc::new(self.histogram.since(&earlier.histogram, number)), ..self.clone() }
    }

    fn touch(&mut self, time: UnixNanos) {
        self.time = self.time.max(time);
    }

    fn add(&mut self, other: &Self, number: NumberKind) {
        if other.histogram.count() > 0 {
            self.histogram = Arc::new(self.histogram.plus(&other.histogram, number));
        }
        (self.start, self.time) = (self.start.min(other.start), self.time.max(other.time));
    }
}
