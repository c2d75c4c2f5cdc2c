//! What points of numbers and of distributions have in common, where streams are kept, added up or subtracted.

use std::sync::Arc;

use crate::{Attributes, HistogramPoint, NumberKind, Point, UnixNanos};

/// A point of a stream.
pub trait Sample: Clone {
    /// Identity of the stream.
    fn attributes(&self) -> &Arc<Attributes>;
    /// When counting began.
    fn start(&self) -> UnixNanos;
    /// When it was read.
    fn time(&self) -> UnixNanos;
    /// The same under other attributes.
    #[must_use]
    fn under(self, attributes: Arc<Attributes>) -> Self;
    /// The same, of the time from `start` to `time`.
    #[must_use]
    fn within(self, start: UnixNanos, time: UnixNanos) -> Self;
    /// What was counted since `earlier`, a point of the same stream; all of it where counting began anew.
    #[must_use]
    fn since(&self, earlier: &Self, number: NumberKind) -> Self;
    /// What streams are ranked by: the value, or the number of observations.
    fn size(&self, number: NumberKind) -> f64;
    /// The same, read at `time` if that is later.
    fn touch(&mut self, time: UnixNanos);
    /// Adds what `other` counted. Its start is the earlier, its time the later of the two. Says no, and does nothing,
    /// where the two cannot be told as one.
    fn add(&mut self, other: &Self, number: NumberKind) -> bool;
    /// Whether nothing was counted.
    fn is_zero(&self, number: NumberKind) -> bool;
    /// Whether the stream had no value at that time, and says so.
    fn is_missing(&self, number: NumberKind) -> bool;
    /// Bytes that it takes beyond those of any point.
    fn extra_bytes(&self) -> usize;

    /// Whether counting began anew since `earlier`, by what the points say of themselves.
    fn began_after(&self, earlier: &Self) -> bool {
        self.start() > earlier.start()
    }
}

impl Sample for Point {
    fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    fn start(&self) -> UnixNanos {
        self.start
    }

    fn time(&self) -> UnixNanos {
        self.time
    }

    fn under(self, attributes: Arc<Attributes>) -> Self {
        Self { attributes, ..self }
    }

    fn within(self, start: UnixNanos, time: UnixNanos) -> Self {
        Self { start, time, ..self }
    }

    fn size(&self, number: NumberKind) -> f64 {
        self.as_f64(number)
    }

    fn touch(&mut self, time: UnixNanos) {
        self.time = self.time.max(time);
    }

    fn since(&self, earlier: &Self, number: NumberKind) -> Self {
        let fell = match number {
            NumberKind::Unsigned | NumberKind::Nanoseconds => self.bits < earlier.bits,
            NumberKind::Signed => self.bits.cast_signed() < earlier.bits.cast_signed(),
            NumberKind::Double => f64::from_bits(self.bits) < f64::from_bits(earlier.bits),
            NumberKind::Missing => false,
        };
        if fell || self.began_after(earlier) {
            return self.clone();
        }
        Self { bits: number.subtract(self.bits, earlier.bits), ..self.clone() }
    }

    fn add(&mut self, other: &Self, number: NumberKind) -> bool {
        self.bits = number.add(self.bits, other.bits);
        (self.start, self.time) = (self.start.min(other.start), self.time.max(other.time));
        true
    }

    fn is_zero(&self, number: NumberKind) -> bool {
        self.as_f64(number) == 0.0
    }

    fn is_missing(&self, number: NumberKind) -> bool {
        number == NumberKind::Missing
    }

    fn extra_bytes(&self) -> usize {
        0
    }
}

impl Sample for HistogramPoint {
    fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    fn start(&self) -> UnixNanos {
        self.start
    }

    fn time(&self) -> UnixNanos {
        self.time
    }

    fn under(self, attributes: Arc<Attributes>) -> Self {
        Self { attributes, ..self }
    }

    fn within(self, start: UnixNanos, time: UnixNanos) -> Self {
        Self { start, time, ..self }
    }

    #[expect(clippy::cast_precision_loss, reason = "it is compared, not reported")]
    fn size(&self, _: NumberKind) -> f64 {
        self.histogram.count() as f64
    }

    fn touch(&mut self, time: UnixNanos) {
        self.time = self.time.max(time);
    }

    fn since(&self, earlier: &Self, number: NumberKind) -> Self {
        if self.began_after(earlier) || self.histogram.count() < earlier.histogram.count() {
            return self.clone();
        }
        // One that has other edges than before began anew, whatever it says of its start.
        let since = self.histogram.since(&earlier.histogram, number);
        since.map_or_else(|| self.clone(), |histogram| Self { histogram: Arc::new(histogram), ..self.clone() })
    }

    fn add(&mut self, other: &Self, number: NumberKind) -> bool {
        let Some(sum) = self.histogram.plus(&other.histogram, number) else { return false };
        if other.histogram.count() > 0 {
            self.histogram = Arc::new(sum);
        }
        (self.start, self.time) = (self.start.min(other.start), self.time.max(other.time));
        true
    }

    fn is_zero(&self, _: NumberKind) -> bool {
        self.histogram.count() == 0
    }

    fn is_missing(&self, _: NumberKind) -> bool {
        self.histogram.is_missing()
    }

    fn extra_bytes(&self) -> usize {
        self.histogram.bytes()
    }
}
