//! Adding up what several streams counted, and what one counted between two points.

use std::borrow::Borrow;

use crate::{ExponentialHistogram, Extras, NumberKind};

/// More buckets than this become fewer at a coarser scale. All doubles at scale 0 are 2,098.
const MOST_BUCKETS: i64 = 1024;

impl NumberKind {
    /// The sum of two values.
    #[must_use]
    pub fn add(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Unsigned | Self::Signed | Self::Nanoseconds => a.wrapping_add(b),
            Self::Double => (f64::from_bits(a) + f64::from_bits(b)).to_bits(),
            Self::Missing => 0,
        }
    }

    /// The difference of two values.
    #[must_use]
    pub fn subtract(self, a: u64, b: u64) -> u64 {
        match self {
            Self::Unsigned | Self::Signed | Self::Nanoseconds => a.wrapping_sub(b),
            Self::Double => (f64::from_bits(a) - f64::from_bits(b)).to_bits(),
            Self::Missing => 0,
        }
    }
}

impl ExponentialHistogram {
    /// The observations of both, bucket by bucket, at the coarser scale of the two.
    #[must_use]
    pub fn plus(&self, other: &Self, number: NumberKind) -> Self {
        Self {
            zero_count: self.zero_count.saturating_add(other.zero_count),
            sum: number.add(self.sum, other.sum),
            ..self.combined(other, u64::saturating_add)
        }
    }

    /// The observations since `earlier`, which is the same distribution at an earlier time.
    #[must_use]
    pub fn since(&self, earlier: &Self, number: NumberKind) -> Self {
        let mut since = Self {
            zero_count: self.zero_count.saturating_sub(earlier.zero_count),
            sum: number.subtract(self.sum, earlier.sum),
            ..self.combined(earlier, u64::saturating_sub)
        };
        if let Some(extras) = &mut since.extras {
            // Those of the observations since then are not known.
            (extras.min, extras.max) = (None, None);
        }
        since
    }

    /// The buckets of both at a scale where they fit, each with what `of` makes of the two counts.
    fn combined(&self, other: &Self, of: fn(u64, u64) -> u64) -> Self {
        let positive = [Buckets::new(self.scale, self.used()), Buckets::new(other.scale, other.used())];
        let negative =
            [Buckets::new(self.scale, self.used_negative()), Buckets::new(other.scale, other.used_negative())];
        let mut scale = i64::from(self.scale.min(other.scale));
        while [&positive, &negative].iter().any(|both| span(both, scale).is_some_and(|(a, b)| b - a >= MOST_BUCKETS)) {
            scale -= 1;
        }
        let (offset, counts) = merged(&positive, scale, of);
        let negative = merged(&negative, scale, of);
        let extras = Extras::joined(self.extras.as_deref(), other.extras.as_deref(), negative);
        let scale = i32::try_from(scale).unwrap_or(i32::MIN);
        Self { scale, offset, counts, extras, ..Self::default() }
    }
}

/// Buckets that are used, of one side of zero.
struct Buckets<'a> {
    scale: i32,
    begin: i64,
    counts: &'a [u64],
}

impl<'a> Buckets<'a> {
    fn new(scale: i32, (begin, counts): (i32, &'a [u64])) -> Self {
        Self { scale, begin: begin.into(), counts }
    }

    /// Number of the first and of the last bucket at `scale`.
    fn ends(&self, scale: i64) -> Option<(i64, i64)> {
        let last = self.begin + i64::try_from(self.counts.len()).ok()? - 1;
        (!self.counts.is_empty()).then(|| (coarser(self.begin, self.scale, scale), coarser(last, self.scale, scale)))
    }
}

/// The counts at `scale`, and the number of the first. Whole buckets of the first come first: those of the second may
/// be taken away from them.
fn merged([a, b]: &[Buckets<'_>; 2], scale: i64, of: fn(u64, u64) -> u64) -> (i32, Box<[u64]>) {
    let Some((first, last)) = span(&[a, b], scale) else { return (0, Box::default()) };
    let mut counts = vec![0; usize::try_from(last - first + 1).unwrap_or_default()];
    for (buckets, of) in [(a, u64::saturating_add as fn(u64, u64) -> u64), (b, of)] {
        for (index, count) in (buckets.begin..).zip(buckets.counts) {
            let place = usize::try_from(coarser(index, buckets.scale, scale) - first).unwrap_or_default();
            counts[place] = of(counts[place], *count);
        }
    }
    // An index has 32 bits and does not grow when a scale gets coarser; beyond the coarsest scale nothing is measured.
    (i32::try_from(first).unwrap_or_default(), counts.into())
}

/// The first and the last bucket that any of both uses, at `scale`.
fn span<'a, B: Borrow<Buckets<'a>>>(both: &[B; 2], scale: i64) -> Option<(i64, i64)> {
    let ends = both.iter().filter_map(|buckets| buckets.borrow().ends(scale));
    ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// The bucket at `scale` that holds bucket `index` of one that is no coarser: two become one with each step.
fn coarser(index: i64, from: i32, scale: i64) -> i64 {
    index >> (i64::from(from) - scale).clamp(0, 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scale: i32, offset: i32, counts: &[u64]) -> ExponentialHistogram {
        ExponentialHistogram { scale, zero_count: 1, offset, counts: counts.into(), sum: 10, extras: None }
    }

    #[test]
    fn buckets_of_one_scale_are_added_where_they_are() {
        let sum = of(2, -1, &[1, 2]).plus(&of(2, 0, &[3, 0, 5]), NumberKind::Unsigned);
        assert_eq!(sum, ExponentialHistogram { zero_count: 2, sum: 20, ..of(2, -1, &[1, 5, 0, 5]) });
    }

    #[test]
    fn the_coarser_scale_wins_and_no_observation_is_lost() {
        // At scale 2 the buckets -3..=2 are -1, -1, -1, 0, 0, 0 of scale 0.
        let fine = of(2, -3, &[1, 2, 4, 8, 16, 32]);
        let sum = fine.plus(&of(0, 0, &[100]), NumberKind::Unsigned);
        assert_eq!((sum.scale, sum.offset, &*sum.counts), (0, -1, &[7, 156][..]));
        assert_eq!(sum.count(), fine.count() + 101);
        let swapped = of(0, 0, &[100]).plus(&fine, NumberKind::Unsigned);
        assert_eq!(swapped, sum);
    }

    #[test]
    fn what_came_since_and_what_was_there_are_what_is_there() {
        let (earlier, now) = (of(2, 0, &[1, 2]), of(2, -1, &[4, 1, 5]));
        let since = now.since(&earlier, NumberKind::Nanoseconds);
        assert_eq!((since.zero_count, since.sum, since.used()), (0, 0, (-1, &[4, 0, 3][..])));
        assert_eq!(earlier.plus(&since, NumberKind::Nanoseconds).used(), now.used());
        // One that has become coarser meanwhile.
        let since = of(1, 0, &[6]).since(&earlier, NumberKind::Unsigned);
        assert_eq!((since.scale, since.used()), (1, (0, &[3][..])));
    }

    #[test]
    fn observations_below_zero_are_added_at_the_same_scale() {
        let below = |scale, offset, counts: &[u64]| {
            let extras =
                Extras { negative_offset: offset, negative: counts.into(), min: Some(-9.0), ..Default::default() };
            ExponentialHistogram { extras: Some(Box::new(extras)), ..of(scale, 0, &[1]) }
        };
        let sum = below(1, 2, &[1, 0, 4]).plus(&below(0, 1, &[8]), NumberKind::Unsigned);
        assert_eq!((sum.scale, sum.used(), sum.used_negative()), (0, (0, &[2][..]), (1, &[9, 4][..])));
        assert_eq!(sum.extras.as_ref().unwrap().min, Some(-9.0));
        let since = sum.since(&below(0, 1, &[8]), NumberKind::Unsigned);
        assert_eq!((since.used_negative(), since.extras.as_ref().unwrap().min), ((1, &[1, 4][..]), None));
        // A wide range below zero makes those above zero coarser too.
        let far = below(0, -2000, &[1]).plus(&below(0, 2000, &[1]), NumberKind::Unsigned);
        assert_eq!((far.scale, far.count()), (-2, 6));
    }

    #[test]
    fn ends_that_are_far_apart_take_no_more_than_so_many_buckets() {
        for (low, high) in [(i32::MIN, i32::MAX), (0, 5000), (-3, 1021)] {
            for scale in [20, 0, i32::MIN] {
                let sum = of(scale, low, &[1]).plus(&of(scale, high, &[2]), NumberKind::Unsigned);
                assert!(sum.counts.len() <= 1024 && sum.count() == 5, "{low} {high} {scale}");
            }
        }
        let nothing = ExponentialHistogram::default();
        assert_eq!(nothing.plus(&nothing, NumberKind::Unsigned).count(), 0);
    }

    #[test]
    fn numbers_are_added_as_what_they_are() {
        let (one, two) = (1.5f64.to_bits(), 2.25f64.to_bits());
        assert_eq!(NumberKind::Double.add(one, two), 3.75f64.to_bits());
        assert_eq!(NumberKind::Double.subtract(two, one), 0.75f64.to_bits());
        assert_eq!(NumberKind::Nanoseconds.add(3, 4), 7);
        assert_eq!(NumberKind::Signed.add((-3_i64).cast_unsigned(), 1).cast_signed(), -2);
        assert_eq!(NumberKind::Unsigned.subtract(3, 4), u64::MAX);
    }
}
