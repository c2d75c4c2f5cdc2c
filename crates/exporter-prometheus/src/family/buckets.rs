//! An exponential histogram in Prometheus' two shapes: cumulative buckets with edges, and spans.

use pdata::{Distribution, ExponentialHistogram, Summary};

/// Upper edges and the number of observations up to them, but for infinity.
pub(super) fn of(distribution: &Distribution) -> Vec<(f64, u64)> {
    match distribution {
        Distribution::Exponential(histogram) => classic(histogram).collect(),
        Distribution::Explicit(histogram) => {
            let below = histogram.counts.iter().scan(0_u64, |below, count| {
                *below = below.saturating_add(*count);
                Some(*below)
            });
            histogram.bounds.iter().copied().zip(below).filter(|(edge, _)| edge.is_finite()).collect()
        }
        Distribution::Summary(_) => Vec::new(),
    }
}

/// Quantiles from the lowest to the highest, each once: whoever sent them need not have seen to that, and two would be
/// one series.
pub(super) fn quantiles(summary: &Summary) -> Vec<(f64, f64)> {
    let mut quantiles: Vec<_> = summary.quantiles.iter().copied().filter(|(quantile, _)| !quantile.is_nan()).collect();
    quantiles.sort_by(|one, other| one.0.total_cmp(&other.0));
    quantiles.dedup_by(|one, before| one.0 == before.0);
    quantiles
}

/// Upper edges and the number of observations up to them, from the first used bucket to the last.
///
/// Counts never fall, so an edge that was there once stays. Edges that no double tells apart
/// are one; those beyond the largest double are left to `+Inf`.
fn classic(histogram: &ExponentialHistogram) -> impl Iterator<Item = (f64, u64)> {
    let edge = |index| ExponentialHistogram::upper_edge(histogram.scale, index);
    let (offset, counts) = histogram.used_negative();
    // The lower edge of a bucket of absolute values is where those of its observations end.
    let below_zero: Vec<(f64, u64)> =
        numbers(offset.saturating_sub(1)).map(|index| -edge(index)).zip(counts.iter().copied()).collect();
    let (offset, counts) = histogram.used();
    let mut zeros = histogram.zero_count;
    let above_zero =
        numbers(offset).map(edge).zip(counts.iter().map(move |count| count.saturating_add(std::mem::take(&mut zeros))));
    let mut buckets = below_zero.into_iter().rev().chain(above_zero).peekable();
    let mut below = 0_u64;
    std::iter::from_fn(move || {
        loop {
            let (edge, count) = buckets.next()?;
            below = below.saturating_add(count);
            let next = buckets.peek().map(|(next, _)| *next);
            if next.is_none_or(|next| next.total_cmp(&edge).is_ne()) {
                return Some((edge, below));
            }
        }
    })
    .filter(|(edge, _)| edge.is_finite())
}

/// The sparse shape: runs of buckets, and the counts as differences.
#[derive(Debug, PartialEq)]
pub(super) struct Native {
    /// Resolution: `2^schema` buckets for each doubling.
    pub(super) schema: i32,
    pub(super) positive: Side,
    /// Of absolute values.
    pub(super) negative: Side,
}

/// Buckets of one side of zero.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Side {
    /// Buckets left out before the run (of the first: its number), and length of the run.
    pub(super) spans: Vec<(i32, u32)>,
    /// The first count, then each as difference from the one before.
    pub(super) deltas: Vec<i64>,
}

/// What Prometheus has; `None` where the buckets are wider than the widest it has.
pub(super) fn native(histogram: &ExponentialHistogram) -> Option<Native> {
    if histogram.scale < SCHEMAS.0 {
        return None;
    }
    let schema = histogram.scale.min(SCHEMAS.1);
    // From scale 41 on all positive and all negative indices have one bucket each.
    let shift = histogram.scale.saturating_sub(schema).min(31);
    let [positive, negative] = [histogram.used(), histogram.used_negative()].map(|used| side(used, shift));
    Some(Native { schema, positive, negative })
}

fn side((offset, counts): (i32, &[u64]), shift: i32) -> Side {
    let mut native = Side::default();
    let (mut next, mut last) = (None, 0);
    for (index, count) in merged(offset, counts, shift) {
        // Prometheus numbers a bucket by its upper edge.
        let number = index.saturating_add(1);
        let gap = next.map_or(0, |next: i32| number.saturating_sub(next));
        match native.spans.last_mut() {
            Some((_, length)) if gap <= MAX_FILL => {
                for _ in 0..gap {
                    native.deltas.push(0_i64.wrapping_sub(last));
                    last = 0;
                }
                *length += 1 + gap.unsigned_abs();
            }
            Some(_) => native.spans.push((gap, 1)),
            None => native.spans.push((number, 1)),
        }
        native.deltas.push(count.cast_signed().wrapping_sub(last));
        (next, last) = (Some(number.saturating_add(1)), count.cast_signed());
    }
    native
}

/// Used buckets and their numbers, `2^shift` neighbours as one.
fn merged(offset: i32, counts: &[u64], shift: i32) -> impl Iterator<Item = (i32, u64)> {
    let mut buckets = numbers(offset).map(move |index| index >> shift).zip(counts.iter().copied()).peekable();
    std::iter::from_fn(move || {
        let (index, mut sum) = buckets.next()?;
        while let Some((_, count)) = buckets.next_if(|(next, _)| *next == index) {
            sum = sum.saturating_add(count);
        }
        Some((index, sum))
    })
    .filter(|(_, count)| *count > 0)
}

/// The numbers of buckets from `offset` on.
fn numbers(offset: i32) -> impl Iterator<Item = i32> {
    (i64::from(offset)..).map(|number| i32::try_from(number).unwrap_or(i32::MAX))
}

/// The widest and the narrowest buckets that Prometheus has.
const SCHEMAS: (i32, i32) = (-4, 8);
/// Most empty buckets that are written out, since a span costs more.
const MAX_FILL: i32 = 2;

#[cfg(test)]
mod tests {
    use pdata::{ExplicitHistogram, Extras};

    use super::*;

    fn of(scale: i32, offset: i32, counts: &[u64]) -> ExponentialHistogram {
        ExponentialHistogram { scale, zero_count: 2, offset, counts: counts.into(), sum: 0, extras: None }
    }

    #[test]
    fn observations_below_zero_come_first_and_end_at_their_lesser_edge() {
        let below = Extras { negative_offset: 0, negative: [4, 0, 1].into(), ..Default::default() };
        let histogram = ExponentialHistogram { extras: Some(Box::new(below)), ..of(0, 1, &[7]) };
        assert_eq!(classic(&histogram).collect::<Vec<_>>(), [(-4.0, 1), (-2.0, 1), (-1.0, 5), (4.0, 14)]);
        let negative = native(&histogram).unwrap().negative;
        assert_eq!((negative.spans, negative.deltas), (vec![(1, 3)], vec![4, -4, 1]));
    }

    #[test]
    fn chosen_edges_are_added_up_and_a_summary_has_none() {
        let explicit = ExplicitHistogram { bounds: [1.0, 2.5].into(), counts: [3, 0, 1].into(), ..Default::default() };
        assert_eq!(super::of(&explicit.into()), [(1.0, 3), (2.5, 3)]);
        assert_eq!(super::of(&ExplicitHistogram { count: 7, ..Default::default() }.into()), []);
        assert_eq!(super::of(&Summary::default().into()), []);
    }

    #[test]
    fn edges_run_from_the_first_used_bucket_to_the_last_and_counts_add_up_over_the_zeros() {
        let edges: Vec<_> = classic(&of(0, -3, &[0, 1, 0, 4, 0])).collect();
        assert_eq!(edges, [(0.5, 3), (1.0, 3), (2.0, 7)]);
        assert_eq!(classic(&of(0, -3, &[0, 0])).count(), 0);
    }

    #[test]
    fn edges_that_no_double_tells_apart_are_one_and_infinity_is_none() {
        assert_eq!(classic(&of(0, 1021, &[1, 1, 1, 1])).map(|(_, below)| below).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(classic(&of(0, -1080, &[1, 1, 1])).collect::<Vec<_>>(), [(0.0, 5)]);
        assert_eq!(classic(&of(60, 0, &[1, 1, 1])).collect::<Vec<_>>(), [(1.0, 5)]);
        assert_eq!(classic(&of(0, i32::MAX, &[1])).count(), 0);
    }

    #[test]
    fn spans_leave_out_what_is_empty_and_small_gaps_are_filled() {
        let native = native(&of(1, -3, &[5, 0, 0, 7, 0, 0, 0, 1, 2])).unwrap();
        assert_eq!(native.positive.spans, [(-2, 4), (3, 2)]);
        assert_eq!(native.positive.deltas, [5, -5, 0, 7, -6, 1]);
        assert_eq!(
            super::native(&of(0, 7, &[])),
            Some(Native { schema: 0, positive: Side::default(), negative: Side::default() })
        );
    }

    #[test]
    fn what_is_finer_than_prometheus_is_merged_and_what_is_wider_has_no_native_shape() {
        // Scale 10: four buckets of it are one of scale 8, the edges of which stay.
        let fine = of(10, -6, &[1, 1, 1, 1, 1, 1, 1, 1, 1]);
        let native = native(&fine).unwrap();
        assert_eq!((native.schema, native.positive.spans.as_slice()), (8, &[(-1, 3)][..]));
        assert_eq!(native.positive.deltas, [2, 2, -1]);
        assert_eq!(ExponentialHistogram::upper_edge(10, -5), ExponentialHistogram::upper_edge(8, -2));
        assert!(super::native(&of(-5, 0, &[1])).is_none());
        assert!(super::native(&of(i32::MAX, i32::MIN, &[1, 1])).is_some());
    }
}
