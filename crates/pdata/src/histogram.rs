//! Distributions: base-2 exponential histograms, as OpenTelemetry defines them.

use crate::{NumberKind, metric::to_f64};

/// How values that were observed are distributed.
///
/// Bucket `i` holds the observations in `(2^(i/2^scale), 2^((i+1)/2^scale)]`, in the unit of
/// the metric as it leaves the agent: of a metric in `s` the edges are seconds, whatever `sum` is kept in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExponentialHistogram {
    /// Resolution: `2^scale` buckets for each doubling of the value.
    pub scale: i32,
    /// Observations of zero, or nearer to it than a threshold.
    pub zero_count: u64,
    /// Number of the bucket that `counts` begins with.
    pub offset: i32,
    /// Observations per bucket, one bucket after the other; empty ones may stand at either end.
    pub counts: Box<[u64]>,
    /// Sum of all observations, to be read as the metric's [`NumberKind`] says.
    pub sum: u64,
    /// What those of this agent's receivers do not have.
    pub extras: Option<Box<Extras>>,
}

/// What a distribution from elsewhere may say besides.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extras {
    /// Number of the bucket that `negative` begins with.
    pub negative_offset: i32,
    /// Observations below zero, per bucket of their absolute value.
    pub negative: Box<[u64]>,
    /// Observations up to so far from zero are in `zero_count`.
    pub zero_threshold: f64,
    /// The least observation.
    pub min: Option<f64>,
    /// The greatest observation.
    pub max: Option<f64>,
    /// Whether the sum is not known.
    pub no_sum: bool,
    /// Whether the stream had no value at that time, and says so.
    pub missing: bool,
}

impl ExponentialHistogram {
    /// Number of all observations.
    #[must_use]
    pub fn count(&self) -> u64 {
        let negative = self.extras.iter().flat_map(|extras| &extras.negative);
        self.counts.iter().chain(negative).fold(self.zero_count, |sum, count| sum.saturating_add(*count))
    }

    /// The sum as it leaves the agent: seconds for nanoseconds.
    #[must_use]
    pub fn sum_as_f64(&self, number: NumberKind) -> f64 {
        to_f64(self.sum, number)
    }

    /// The buckets from the first that is not empty to the last, and the number of the first; 0 and nothing if all are.
    #[must_use]
    pub fn used(&self) -> (i32, &[u64]) {
        trimmed(self.offset, &self.counts)
    }

    /// The same of observations below zero.
    #[must_use]
    pub fn used_negative(&self) -> (i32, &[u64]) {
        self.extras.as_ref().map_or((0, &[]), |extras| trimmed(extras.negative_offset, &extras.negative))
    }

    /// The upper edge of bucket `index` at `scale`, which belongs to the bucket: `2^((index+1)/2^scale)`.
    ///
    /// Exact where it is a power of two, the nearest double or the one beside it elsewhere; beyond the doubles
    /// zero or infinity.
    #[must_use]
    pub fn upper_edge(scale: i32, index: i32) -> f64 {
        let number = i64::from(index) + 1;
        if scale <= 0 {
            let exponent = number.checked_shl(scale.unsigned_abs()).filter(|_| scale > -32);
            return power_of_two(exponent.unwrap_or(number.signum() * i64::from(i32::MAX)));
        }
        // From scale 62 on two neighbours are one double anyway.
        let scale = scale.min(62);
        let (whole, part) = (number >> scale, number & ((1 << scale) - 1));
        #[expect(clippy::cast_precision_loss, reason = "an index has 33 bits, a double 53")]
        let fraction = part as f64 / (1_i64 << scale) as f64;
        fraction.exp2() * power_of_two(whole)
    }
}

fn trimmed(offset: i32, counts: &[u64]) -> (i32, &[u64]) {
    let Some(first) = counts.iter().position(|count| *count > 0) else { return (0, &[]) };
    let last = counts.iter().rposition(|count| *count > 0).unwrap_or(first);
    // Four billion buckets would not fit in memory.
    (offset.saturating_add(i32::try_from(first).unwrap_or(i32::MAX)), &counts[first..=last])
}

/// `2^exponent`, exactly.
fn power_of_two(exponent: i64) -> f64 {
    let exponent = exponent.clamp(-1075, 1024);
    let biased = u64::try_from(exponent + 1023).unwrap_or_default();
    match exponent {
        ..-1074 => 0.0,
        -1074..-1022 => f64::from_bits(1 << (exponent + 1074)),
        _ => f64::from_bits(biased << 52),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_powers_of_the_base() {
        let edge = ExponentialHistogram::upper_edge;
        assert_eq!([-1, 0, 1, 9].map(|index| edge(0, index)), [1.0, 2.0, 4.0, 1024.0]);
        assert_eq!([-31, -11].map(|index| edge(0, index)), [9.313_225_746_154_785e-10, 0.000_976_562_5]);
        assert_eq!([-2, -1, 0].map(|index| edge(-1, index)), [0.25, 1.0, 4.0]);
        assert_eq!([-1, 0, 1].map(|index| edge(1, index)), [1.0, std::f64::consts::SQRT_2, 2.0]);
        assert_eq!([-3, -2].map(|index| edge(2, index)), [std::f64::consts::FRAC_1_SQRT_2, 0.840_896_415_253_714_5]);
    }

    #[test]
    fn edges_beyond_the_doubles_are_zero_and_infinity() {
        let edge = ExponentialHistogram::upper_edge;
        assert_eq!((edge(0, -1075), edge(0, -1076), edge(0, -1023)), (5e-324, 0.0, f64::MIN_POSITIVE));
        assert_eq!((edge(0, 1022), edge(0, 1023)), (2f64.powi(1023), f64::INFINITY));
        for scale in [i32::MIN, -40, -31] {
            assert_eq!((edge(scale, -2), edge(scale, -1), edge(scale, 0)), (0.0, 1.0, f64::INFINITY), "{scale}");
        }
        for scale in [40, i32::MAX] {
            assert!((edge(scale, i32::MIN) - 1.0).abs() < 1e-2 && (edge(scale, i32::MAX) - 1.0).abs() < 1e-2);
        }
    }

    #[test]
    fn empty_buckets_at_the_ends_are_not_used() {
        let of = |counts: &[u64]| ExponentialHistogram {
            zero_count: 2,
            offset: -5,
            counts: counts.into(),
            ..Default::default()
        };
        assert_eq!(of(&[0, 0, 3, 0, 1, 0]).used(), (-3, &[3, 0, 1][..]));
        assert_eq!(of(&[0, 0]).used(), (0, &[][..]));
        assert_eq!(of(&[0, 3, 0]).count(), 5);
        assert_eq!(of(&[u64::MAX, 1]).count(), u64::MAX);
        let extras = Extras { negative_offset: 1, negative: [0, 4].into(), ..Default::default() };
        let both = ExponentialHistogram { extras: Some(Box::new(extras)), ..of(&[3]) };
        assert_eq!((both.count(), both.used_negative()), (9, (2, &[4][..])));
    }
}
