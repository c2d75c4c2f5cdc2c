//! A distribution as the view needs it: few buckets, that can be taken from each other.

use std::cmp::Ordering;

/// Observations by bucket, in the order of the buckets.
///
/// Bucket `i` holds what is above `2^(i/4)` seconds and at most `2^((i+1)/4)`, as the agent's own histograms have it.
/// What is finer is put together, what is coarser stands where its upper edge is.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Buckets(Vec<(i16, u64)>);

/// Buckets for each doubling.
const PER_OCTAVE: f64 = 4.0;

/// From a nanosecond, which is as good as none, to three days. There are never more buckets than that.
const EDGES: (i16, i16) = (-120, 72);

impl Buckets {
    /// Adds `count` observations of at most `edge` seconds.
    pub(super) fn add(&mut self, edge: f64, count: u64) {
        if count > 0 {
            let index = index(edge);
            match self.0.binary_search_by_key(&index, |(index, _)| *index) {
                Ok(place) => self.0[place].1 = self.0[place].1.saturating_add(count),
                Err(place) => self.0.insert(place, (index, count)),
            }
        }
    }

    /// What came since `earlier`; all of it where that is more, so that counting began anew.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut news = Vec::new();
        let mut rest = &earlier.0[..];
        for (index, count) in &self.0 {
            let before = match rest.first().map(|(first, before)| (first.cmp(index), *before)) {
                // A bucket that was there is gone.
                Some((Ordering::Less, _)) => return self.clone(),
                Some((Ordering::Equal, before)) => {
                    rest = &rest[1..];
                    before
                }
                _ => 0,
            };
            match count.checked_sub(before) {
                None => return self.clone(),
                Some(0) => {}
                Some(more) => news.push((*index, more)),
            }
        }
        if rest.is_empty() { Self(news) } else { self.clone() }
    }

    /// Seconds that a share of the observations, from 0 to 1, do not exceed; `None` of none.
    ///
    /// Within a bucket it is read off as if they stood evenly between its edges, on a scale of powers.
    #[expect(clippy::cast_precision_loss, reason = "an estimate within one bucket")]
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let all: u64 = self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count));
        let wanted = all as f64 * share;
        let mut below = 0.0;
        for (index, count) in &self.0 {
            let count = *count as f64;
            if below + count >= wanted {
                if *index == EDGES.0 {
                    return Some(0.0);
                }
                let part = ((wanted - below) / count).clamp(0.0, 1.0);
                return Some(((f64::from(*index) + part) / PER_OCTAVE).exp2());
            }
            below += count;
        }
        None
    }

    /// Whether there is not one.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The bucket that ends at `edge`, or in which it lies.
fn index(edge: f64) -> i16 {
    let (first, last) = EDGES;
    if edge.is_nan() || edge <= 0.0 {
        return first;
    }
    // An edge that is printed and read is a hair off at most.
    let index = (edge.log2() * PER_OCTAVE - 1e-9).ceil() - 1.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is within the edges")]
    let index = index.clamp(f64::from(first), f64::from(last)) as i16;
    index
}

#[cfg(test)]
mod tests {
    use pdata::ExponentialHistogram;

    use super::*;

    #[test]
    fn the_agent_s_own_buckets_are_these() {
        for number in -119..72 {
            assert_eq!(index(ExponentialHistogram::upper_edge(2, number)), i16::try_from(number).unwrap());
            // Four of a finer scale are one of ours.
            for part in 0..4 {
                let fine = ExponentialHistogram::upper_edge(4, number * 4 + part);
                assert_eq!(index(fine), i16::try_from(number).unwrap(), "{number} {part}");
            }
        }
        assert_eq!([0.0, -1.0, f64::NAN, f64::NEG_INFINITY].map(index), [-120; 4]);
        assert_eq!([f64::INFINITY, 1e300].map(index), [72; 2]);
    }

    #[test]
    fn quantiles_lie_in_the_bucket_of_the_observation() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.quantile(0.5), None);
        buckets.add(1.0, 98);
        buckets.add(1024.0, 2);
        let median = buckets.quantile(0.5).unwrap();
        assert!(median > 0.84 && median <= 1.0, "{median}");
        let tail = buckets.quantile(0.99).unwrap();
        assert!(tail > 861.0 && tail <= 1024.0, "{tail}");
        assert!((buckets.quantile(1.0).unwrap() - 1024.0).abs() < 1e-9);
        assert!(buckets.quantile(0.0).unwrap() <= 1.0);
    }

    #[test]
    fn what_came_since_is_the_difference_and_all_where_counting_began_anew() {
        let of = |counts: &[(f64, u64)]| {
            let mut buckets = Buckets::default();
            counts.iter().for_each(|(edge, count)| buckets.add(*edge, *count));
            buckets
        };
        let earlier = of(&[(1.0, 5), (4.0, 1)]);
        let later = of(&[(0.5, 2), (1.0, 7), (4.0, 1)]);
        assert_eq!(later.since(&earlier), of(&[(0.5, 2), (1.0, 2)]));
        assert_eq!(later.since(&Buckets::default()), later);
        assert!(later.since(&later).is_empty());
        assert_eq!(earlier.since(&later), earlier, "fewer than before");
        assert_eq!(of(&[(1.0, 9)]).since(&of(&[(4.0, 1)])), of(&[(1.0, 9)]), "another bucket than before");
    }
}
