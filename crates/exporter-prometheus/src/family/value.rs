//! What a sample of a family is worth.

use std::sync::Arc;

use pdata::{Descriptor, Distribution, HistogramPoint, NumberKind, Point};

use super::samples::Additive;

/// A number as it is printed.
pub(super) enum Number {
    Whole(u64),
    Signed(i64),
    Double(f64),
}

impl Number {
    /// Whole nanoseconds under a name of the guide, seconds elsewhere.
    pub(super) fn of(point: &Point, descriptor: &Descriptor, of_guide: bool) -> Self {
        match descriptor.number {
            NumberKind::Unsigned => Self::Whole(point.bits),
            NumberKind::Signed => Self::Signed(point.bits.cast_signed()),
            NumberKind::Nanoseconds if of_guide => Self::Whole(point.bits),
            number => Self::Double(point.as_f64(number)),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a double is what the wire carries")]
    pub(super) fn as_f64(&self) -> f64 {
        match self {
            Self::Whole(value) => *value as f64,
            Self::Signed(value) => *value as f64,
            Self::Double(value) => *value,
        }
    }
}

impl Additive for Number {
    /// Both are of one metric, hence of one kind.
    fn add(&mut self, other: Self) {
        match (self, other) {
            (Self::Whole(sum), Self::Whole(more)) => *sum = sum.saturating_add(more),
            (Self::Signed(sum), Self::Signed(more)) => *sum = sum.saturating_add(more),
            (Self::Double(sum), Self::Double(more)) => *sum += more,
            _ => {}
        }
    }
}

/// A distribution as it is printed.
pub(super) struct Observed {
    pub(super) distribution: Arc<Distribution>,
    /// Where it is known.
    pub(super) sum: Option<f64>,
}

impl Observed {
    pub(super) fn of(point: &HistogramPoint, descriptor: &Descriptor, _: bool) -> Self {
        Self { distribution: point.histogram.clone(), sum: point.histogram.sum_as_f64(descriptor.number) }
    }
}

impl Additive for Observed {
    /// The guide leaves out no attribute of a histogram, so two streams of one source have no labels in common.
    fn add(&mut self, other: Self) {
        *self = other;
    }
}
