//! What the points of histograms and summaries hold.

use std::sync::Arc;

use crate::{Attributes, ExponentialHistogram, Extras, NumberKind, UnixNanos};

/// The distribution of one stream.
#[derive(Debug, Clone)]
pub struct HistogramPoint {
    /// Identity of the stream.
    pub attributes: Arc<Attributes>,
    /// When counting began.
    pub start: UnixNanos,
    /// When the counts were read.
    pub time: UnixNanos,
    /// The counts, shared by all who hold the point.
    pub histogram: Arc<Distribution>,
}

/// A distribution, of the kind that the metric's instrument says.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Buckets whose edges are powers of one base.
    Exponential(ExponentialHistogram),
    /// Buckets with edges that were chosen.
    Explicit(ExplicitHistogram),
    /// Quantiles.
    Summary(Summary),
}

/// Observations between edges that were chosen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExplicitHistogram {
    /// Upper edges, which belong to their bucket, rising; one bucket more has no upper edge.
    pub bounds: Arc<[f64]>,
    /// Observations per bucket; none where only count and sum are known.
    pub counts: Box<[u64]>,
    /// Number of all observations.
    pub count: u64,
    /// Sum of all observations, where it is known.
    pub sum: Option<f64>,
    /// The least observation, where it is known.
    pub min: Option<f64>,
    /// The greatest observation, where it is known.
    pub max: Option<f64>,
    /// Whether the stream had no value at that time, and says so.
    pub missing: bool,
}

/// Quantiles of what was observed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Number of all observations.
    pub count: u64,
    /// Sum of all observations.
    pub sum: f64,
    /// From 0 to 1, each with its value.
    pub quantiles: Box<[(f64, f64)]>,
    /// Whether the stream had no value at that time, and says so.
    pub missing: bool,
}

impl From<ExponentialHistogram> for Distribution {
    fn from(histogram: ExponentialHistogram) -> Self {
        Self::Exponential(histogram)
    }
}

impl From<ExplicitHistogram> for Distribution {
    fn from(histogram: ExplicitHistogram) -> Self {
        Self::Explicit(histogram)
    }
}

impl From<Summary> for Distribution {
    fn from(summary: Summary) -> Self {
        Self::Summary(summary)
    }
}

impl Distribution {
    /// Number of all observations.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Exponential(histogram) => histogram.count(),
            Self::Explicit(histogram) => histogram.count,
            Self::Summary(summary) => summary.count,
        }
    }

    /// The sum as it leaves the agent, where it is known: seconds for nanoseconds.
    #[must_use]
    pub fn sum_as_f64(&self, number: NumberKind) -> Option<f64> {
        match self {
            Self::Exponential(histogram) => {
                let known = histogram.extras.as_ref().is_none_or(|extras| !extras.no_sum);
                known.then(|| histogram.sum_as_f64(number))
            }
            Self::Explicit(histogram) => histogram.sum,
            Self::Summary(summary) => Some(summary.sum),
        }
    }

    /// Whether the stream had no value at that time, and says so.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Exponential(histogram) => histogram.extras.as_ref().is_some_and(|extras| extras.missing),
            Self::Explicit(histogram) => histogram.missing,
            Self::Summary(summary) => summary.missing,
        }
    }

    /// Bytes that it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Exponential(histogram) => {
                    let extras = histogram.extras.as_ref();
                    size_of_val(&*histogram.counts)
                        + extras.map_or(0, |extras| size_of::<Extras>() + size_of_val(&*extras.negative))
                }
                // Edges are shared by the points of a metric.
                Self::Explicit(histogram) => size_of_val(&*histogram.counts),
                Self::Summary(summary) => size_of_val(&*summary.quantiles),
            }
    }

    /// The exponential histogram, where it is one.
    #[must_use]
    pub fn exponential(&self) -> Option<&ExponentialHistogram> {
        if let Self::Exponential(histogram) = self { Some(histogram) } else { None }
    }

    /// The observations of both; `None` where there is no way to tell them, such as for summaries or other edges.
    #[must_use]
    pub fn plus(&self, other: &Self, number: NumberKind) -> Option<Self> {
        self.combined(other, |a, b| a.plus(b, number), |a, b| a.plus(b))
    }

    /// The observations since `earlier`, which is the same distribution at an earlier time; `None` as for `plus`.
    #[must_use]
    pub fn since(&self, earlier: &Self, number: NumberKind) -> Option<Self> {
        self.combined(earlier, |a, b| a.since(b, number), |a, b| a.since(b))
    }

    fn combined(
        &self,
        other: &Self,
        exponential: impl FnOnce(&ExponentialHistogram, &ExponentialHistogram) -> ExponentialHistogram,
        explicit: impl FnOnce(&ExplicitHistogram, &ExplicitHistogram) -> ExplicitHistogram,
    ) -> Option<Self> {
        if self.is_missing() || other.is_missing() {
            return None;
        }
        match (self, other) {
            (Self::Exponential(a), Self::Exponential(b)) => {
                let threshold =
                    |of: &ExponentialHistogram| of.extras.as_ref().map_or(0.0, |extras| extras.zero_threshold);
                let same = threshold(a).to_bits() == threshold(b).to_bits();
                same.then(|| exponential(a, b).into())
            }
            (Self::Explicit(a), Self::Explicit(b)) => a.has_edges_of(b).then(|| explicit(a, b).into()),
            _ => None,
        }
    }
}

impl ExplicitHistogram {
    fn has_edges_of(&self, other: &Self) -> bool {
        let same = Arc::ptr_eq(&self.bounds, &other.bounds) || self.bounds == other.bounds;
        same && self.counts.len() == other.counts.len()
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            bounds: self.bounds.clone(),
            counts: self.counts.iter().zip(&other.counts).map(|(a, b)| a.saturating_add(*b)).collect(),
            count: self.count.saturating_add(other.count),
            sum: self.sum.zip(other.sum).map(|(a, b)| a + b),
            min: self.min.zip(other.min).map(|(a, b)| a.min(b)),
            max: self.max.zip(other.max).map(|(a, b)| a.max(b)),
            missing: false,
        }
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            bounds: self.bounds.clone(),
            counts: self.counts.iter().zip(&earlier.counts).map(|(a, b)| a.saturating_sub(*b)).collect(),
            count: self.count.saturating_sub(earlier.count),
            sum: self.sum.zip(earlier.sum).map(|(a, b)| a - b),
            ..Self::default()
        }
    }
}

impl Extras {
    /// What both say together of the least and the greatest; buckets are added elsewhere.
    pub(crate) fn joined(a: Option<&Self>, b: Option<&Self>, negative: (i32, Box<[u64]>)) -> Option<Box<Self>> {
        if a.is_none() && b.is_none() {
            return None;
        }
        let both = |of: fn(&Self) -> Option<f64>| Some((of(a?)?, of(b?)?));
        let either = |of: fn(&Self) -> bool| a.is_some_and(of) || b.is_some_and(of);
        Some(Box::new(Self {
            negative_offset: negative.0,
            negative: negative.1,
            zero_threshold: a.or(b).map_or(0.0, |extras| extras.zero_threshold),
            min: both(|extras| extras.min).map(|(a, b)| a.min(b)),
            max: both(|extras| extras.max).map(|(a, b)| a.max(b)),
            no_sum: either(|extras| extras.no_sum),
            missing: false,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explicit(bounds: &[f64], counts: &[u64]) -> ExplicitHistogram {
        let count = counts.iter().sum();
        ExplicitHistogram { bounds: bounds.into(), counts: counts.into(), count, sum: Some(1.5), ..Default::default() }
    }

    #[test]
    fn histograms_of_the_same_edges_are_added_and_others_are_not() {
        let number = NumberKind::Double;
        let (a, b) = (Distribution::from(explicit(&[1.0], &[1, 2])), Distribution::from(explicit(&[1.0], &[0, 5])));
        let sum = a.plus(&b, number).unwrap();
        assert_eq!(sum, ExplicitHistogram { sum: Some(3.0), ..explicit(&[1.0], &[1, 7]) }.into());
        assert_eq!(sum.since(&a, number).unwrap(), b);
        for other in [explicit(&[2.0], &[1, 2]).into(), explicit(&[1.0], &[]).into(), Summary::default().into()] {
            assert_eq!(a.plus(&other, number), None);
            assert_eq!(other.since(&a, number), None);
        }
        let missing = ExplicitHistogram { missing: true, ..explicit(&[1.0], &[0, 0]) };
        assert_eq!(a.plus(&missing.into(), number), None);
    }

    #[test]
    fn the_least_is_known_where_both_know_theirs() {
        let with = |min, max| Distribution::from(ExplicitHistogram { min, max, ..explicit(&[], &[4]) });
        let sum = with(Some(1.0), Some(2.0)).plus(&with(Some(-1.0), None), NumberKind::Double).unwrap();
        let Distribution::Explicit(sum) = sum else { return assert_eq!(sum, with(None, None)) };
        assert_eq!((sum.min, sum.max), (Some(-1.0), None));
    }

    #[test]
    fn zero_buckets_of_other_widths_are_not_added() {
        let with = |zero_threshold| {
            let extras = Some(Box::new(Extras { zero_threshold, ..Default::default() }));
            Distribution::from(ExponentialHistogram { extras, ..Default::default() })
        };
        assert!(with(0.5).plus(&with(0.5), NumberKind::Double).is_some());
        assert!(with(0.5).plus(&with(0.25), NumberKind::Double).is_none());
    }

    #[test]
    fn a_point_is_no_larger_than_one_of_a_number() {
        assert_eq!(size_of::<HistogramPoint>(), 32);
        assert_eq!(size_of::<crate::Point>(), 32);
    }
}
