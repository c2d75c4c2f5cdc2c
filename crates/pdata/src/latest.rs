//! The last point of every stream: what aggregation of cumulative data comes to. Deltas are added up.
//!
//! The interval processor, the scrape page and a queue that must shrink all keep
//! the same thing; here it is, once.

use std::sync::Arc;

use crate::assembly::Assembly;
use crate::families::{Families, Family, Origin};
use crate::series::Series;
use crate::{
    Batch, Descriptor, HistogramMetric, HistogramPoint, Metric, Point, Resource, ResourceMetrics, Sample, Scope,
    ScopeMetrics,
};

/// The last point of every stream that was put in.
#[derive(Debug, Default)]
pub struct Latest {
    pub(crate) numbers: Families<Series<Point>>,
    pub(crate) histograms: Families<Series<HistogramPoint>>,
}

/// Where the points of one metric come from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Who they are about.
    pub resource: &'a Arc<Resource>,
    /// Which code observed them.
    pub scope: &'a Arc<Scope>,
    /// The metric.
    pub descriptor: &'a Arc<Descriptor>,
    hash: u64,
}

/// A [`Source`] that is kept, to look for its points later.
#[derive(Debug, Clone)]
pub struct MetricKey {
    pub(crate) resource: Arc<Resource>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) hash: u64,
}

impl Source<'_> {
    /// What finds it again in the [`Latest`] that it is of.
    #[must_use]
    pub fn key(&self) -> MetricKey {
        let Self { resource, scope, descriptor, hash } = *self;
        MetricKey { resource: resource.clone(), scope: scope.clone(), descriptor: descriptor.clone(), hash }
    }
}

impl MetricKey {
    /// Whose key it is.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        let Self { resource, scope, descriptor, hash } = self;
        Source { resource, scope, descriptor, hash: *hash }
    }
}

impl Latest {
    /// Puts the points of `batch` in; per stream the later time wins, and deltas are added up. Tells how many points
    /// have become part of another one, or given way to it.
    pub fn merge(&mut self, batch: &Batch) -> usize {
        self.merge_at(batch, 0)
    }

    /// The same, of points that came `now`, by a clock that [`expire`](Self::expire) goes by and points need not.
    pub fn merge_at(&mut self, batch: &Batch, now: u64) -> usize {
        let mut merged = 0;
        for ResourceMetrics { resource, scopes } in &batch.resources {
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                let source = Origin::new(resource, scope);
                for Metric { descriptor, points } in metrics {
                    merged += self.numbers.of(source, descriptor).merge_at(points, descriptor, now);
                }
                for Metric { descriptor, points } in histograms {
                    merged += self.histograms.of(source, descriptor).merge_at(points, descriptor, now);
                }
            }
        }
        merged
    }

    /// Forgets the streams of which no point came since `oldest`, whatever time their points have.
    pub fn expire(&mut self, oldest: u64) {
        expire(&mut self.numbers, oldest);
        expire(&mut self.histograms, oldest);
    }

    /// Number of streams held.
    #[must_use]
    pub fn streams(&self) -> usize {
        let numbers: usize = self.numbers.iter().map(|family| family.value.points().len()).sum();
        numbers + self.histograms.iter().map(|family| family.value.points().len()).sum::<usize>()
    }

    /// Bytes that it takes, as [`Batch::bytes`] has them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let distributions = self.histograms.iter().flat_map(|family| family.value.points());
        self.streams() * BYTES_OF_POINT + distributions.map(Sample::extra_bytes).sum::<usize>()
    }

    /// Calls `visit` with every metric of plain numbers and its points, in order of arrival of the metrics.
    pub fn for_each(&self, mut visit: impl FnMut(Source<'_>, &[Point])) {
        for family in self.numbers.iter() {
            visit(source_of(family), family.value.points());
        }
    }

    /// Calls `visit` with every metric of distributions and its points, in order of arrival of the metrics.
    pub fn for_each_histogram(&self, mut visit: impl FnMut(Source<'_>, &[HistogramPoint])) {
        for family in self.histograms.iter() {
            visit(source_of(family), family.value.points());
        }
    }

    /// The points of a metric of plain numbers; none where it is held no more.
    #[must_use]
    pub fn points(&self, key: &MetricKey) -> &[Point] {
        self.numbers.find(key).map_or(&[], |family| family.value.points())
    }

    /// The points of a metric of distributions; none where it is held no more.
    #[must_use]
    pub fn histogram_points(&self, key: &MetricKey) -> &[HistogramPoint] {
        self.histograms.find(key).map_or(&[], |family| family.value.points())
    }

    /// Everything held, as one batch; afterwards nothing is held.
    #[must_use]
    pub fn take(&mut self) -> Batch {
        let batch = self.to_batch();
        *self = Self::default();
        batch
    }

    /// Everything held, as one batch.
    #[must_use]
    pub fn to_batch(&self) -> Batch {
        let mut batch = Assembly::default();
        for family in self.numbers.iter() {
            let metric =
                Metric { descriptor: family.descriptor.clone(), points: family.value.points().to_vec().into() };
            batch.scope_of(family).metrics.push(metric);
        }
        for family in self.histograms.iter() {
            let metric = HistogramMetric {
                descriptor: family.descriptor.clone(),
                points: family.value.points().to_vec().into(),
            };
            batch.scope_of(family).histograms.push(metric);
        }
        batch.finish()
    }
}

fn expire<P: Sample>(families: &mut Families<Series<P>>, oldest: u64) {
    families.iter_mut().for_each(|family| family.value.expire(oldest));
    families.retain(|family| !family.value.points().is_empty());
}

/// What a point counts as in bytes, what belongs to it alone included: a set of attributes of which nobody else has a
/// share is some hundred.
pub(crate) const BYTES_OF_POINT: usize = 128;

fn source_of<F>(family: &Family<F>) -> Source<'_> {
    let Family { resource, scope, descriptor, hash, .. } = family;
    Source { resource, scope, descriptor, hash: *hash }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AttributeValue, Attributes, ExplicitHistogram, ExponentialHistogram, Instrument, Metrics, OwnAttributes,
        Process, Resource, Scope, Temporality, UnixNanos,
    };

    fn batch(time: UnixNanos, values: &[(i64, u64)]) -> Batch {
        let descriptor = Arc::new(Descriptor {
            name: "calls".into(),
            unit: "{call}".into(),
            instrument: Instrument::Counter,
            ..Default::default()
        });
        let points = values
            .iter()
            .map(|(id, bits)| Point {
                attributes: Arc::new(Attributes::new(vec![("id", AttributeValue::Int(*id))])),
                start: 1,
                time,
                bits: *bits,
            })
            .collect();
        let resource = Arc::new(Resource::default());
        let scope = Arc::new(Scope::new("test", "0"));
        Batch::of(resource, scope, vec![Metric { descriptor, points }])
    }

    fn values(batch: &Batch) -> Vec<u64> {
        let mut bits: Vec<u64> = batch.metrics().flat_map(|metric| &metric.points).map(|point| point.bits).collect();
        bits.sort_unstable();
        bits
    }

    #[test]
    fn the_later_point_of_a_stream_wins_in_either_order() {
        let mut latest = Latest::default();
        latest.merge(&batch(20, &[(1, 5), (2, 6)]));
        latest.merge(&batch(10, &[(1, 3), (3, 9)]));
        assert_eq!(values(&latest.to_batch()), [5, 6, 9]);
        assert_eq!(latest.streams(), 3);
    }

    #[test]
    fn equal_sources_stay_one_metric_though_their_parts_are_not_shared() {
        let mut latest = Latest::default();
        latest.merge(&batch(1, &[(1, 1)]));
        latest.merge(&batch(2, &[(1, 2)]));
        let taken = latest.take();
        assert_eq!((taken.metrics().count(), taken.items()), (1, 1));
        assert_eq!(latest.streams(), 0);
    }

    #[test]
    fn streams_not_seen_since_are_forgotten() {
        let mut latest = Latest::default();
        latest.merge_at(&batch(10, &[(1, 1), (3, 3), (4, 4)]), 10);
        latest.merge_at(&batch(20, &[(2, 2)]), 20);
        latest.merge_at(&batch(5, &[(3, 9)]), 20);
        latest.merge_at(&batch(10, &[(4, 5)]), 20);
        latest.expire(15);
        assert_eq!(values(&latest.to_batch()), [2, 5], "an earlier point is none of the stream's");
        latest.expire(20);
        assert_eq!(values(&latest.to_batch()), [2, 5]);
        latest.expire(21);
        assert_eq!(latest.streams(), 0);
    }

    fn histogram(time: UnixNanos, id: i64, counts: &[u64]) -> Batch {
        let numbers = batch(time, &[(id, 1)]);
        let mut descriptor = (*numbers.metrics().next().unwrap().descriptor).clone();
        descriptor.instrument = Instrument::ExponentialHistogram;
        let attributes = Arc::new(Attributes::new(vec![("id", AttributeValue::Int(id))]));
        let histogram = ExponentialHistogram { counts: counts.into(), ..Default::default() };
        let histogram = Arc::new(histogram.into());
        let points = vec![HistogramPoint { attributes, start: 1, time, histogram }];
        let metrics = Metrics {
            numbers: numbers.metrics().cloned().collect(),
            histograms: vec![HistogramMetric { descriptor: Arc::new(descriptor), points: points.into() }],
        };
        Batch::of(numbers.resources[0].resource.clone(), numbers.resources[0].scopes[0].scope.clone(), metrics)
    }

    #[test]
    fn of_distributions_the_later_one_stays_beside_the_numbers() {
        let mut latest = Latest::default();
        latest.merge_at(&histogram(20, 1, &[1, 2]), 20);
        latest.merge_at(&histogram(10, 1, &[1]), 20);
        latest.merge_at(&histogram(10, 2, &[7]), 10);
        assert_eq!(latest.streams(), 4);
        let batch = latest.to_batch();
        assert_eq!((batch.items(), batch.resources[0].scopes.len()), (4, 1), "one scope holds both kinds");
        let points = batch.histograms().flat_map(|metric| &metric.points);
        assert_eq!(
            points.map(|point| &*point.histogram.exponential().unwrap().counts).collect::<Vec<_>>(),
            [&[1, 2][..], &[7]]
        );

        latest.expire(15);
        assert_eq!((latest.streams(), latest.take().histograms().count(), latest.streams()), (2, 1, 0));
    }

    #[test]
    fn what_is_not_kept_leaves_no_empty_metric_behind() {
        let of_process = |pid| {
            let process = Process { pid, start_boottime: 1, comm: "x".into(), uid: 0, cgroup: None, is_agent: false };
            Arc::new(Attributes::of_process(Arc::new(process), OwnAttributes::new(vec![])))
        };
        let mut batch = histogram(1, 1, &[1]);
        batch.retain(|_| false);
        assert_eq!(batch.items(), 2, "they are about no process");
        let scope = &mut batch.resources[0].scopes[0];
        scope.metrics[0].points.change(|points| points[0].attributes = of_process(7));
        scope.histograms[0].points.change(|points| points[0].attributes = of_process(8));
        batch.retain(|process| process.pid == 7);
        assert_eq!((batch.items(), batch.histograms().count()), (1, 0));
        batch.retain(|_| false);
        assert!(batch.resources.is_empty());
    }

    fn delta(mut batch: Batch) -> Batch {
        let scope = &mut batch.resources[0].scopes[0];
        for descriptor in scope.metrics.iter_mut().map(|metric| &mut metric.descriptor) {
            *descriptor = Arc::new(Descriptor { temporality: Temporality::Delta, ..(**descriptor).clone() });
        }
        for descriptor in scope.histograms.iter_mut().map(|metric| &mut metric.descriptor) {
            *descriptor = Arc::new(Descriptor { temporality: Temporality::Delta, ..(**descriptor).clone() });
        }
        batch
    }

    #[test]
    fn deltas_are_added_up_in_any_order_beside_totals_of_the_same_name() {
        let mut latest = Latest::default();
        latest.merge(&delta(batch(20, &[(1, 5), (2, 6)])));
        latest.merge(&delta(batch(10, &[(1, 3), (1, 1)])));
        latest.merge(&batch(10, &[(1, 100)]));
        let merged = latest.to_batch();
        assert_eq!((values(&merged), merged.metrics().count()), (vec![6, 9, 100], 2));
        let times = merged.metrics().flat_map(|metric| &metric.points).map(|point| (point.start, point.time));
        assert_eq!(times.collect::<Vec<_>>(), [(1, 20), (1, 20), (1, 10)]);
    }

    #[test]
    fn deltas_of_distributions_that_cannot_be_added_are_kept_beside_each_other() {
        let explicit = |time, bound: f64| {
            let mut batch = delta(histogram(time, 1, &[]));
            let counts = [2, time].into();
            let explicit = ExplicitHistogram { bounds: [bound].into(), counts, count: 2 + time, ..Default::default() };
            let points = &mut batch.resources[0].scopes[0].histograms[0].points;
            points.change(|points| points[0].histogram = Arc::new(explicit.into()));
            batch
        };
        let mut latest = Latest::default();
        for (time, bound) in [(1, 0.5), (2, 0.5), (3, 0.7), (4, 0.7)] {
            latest.merge_at(&explicit(time, bound), time);
        }
        let merged = latest.to_batch();
        let points = merged.histograms().flat_map(|metric| &metric.points);
        assert_eq!(points.map(|point| point.histogram.count()).collect::<Vec<_>>(), [7, 11]);
        latest.expire(3);
        assert_eq!(latest.to_batch().histograms().flat_map(|metric| &metric.points).count(), 1);
    }

    #[test]
    fn families_are_found_after_others_have_gone() {
        let named = |name: String, time| {
            let mut batch = batch(time, &[(1, 1)]);
            let descriptor = &mut batch.resources[0].scopes[0].metrics[0].descriptor;
            *descriptor = Arc::new(Descriptor { name: name.into(), ..(**descriptor).clone() });
            batch
        };
        let mut latest = Latest::default();
        for id in 0..300 {
            latest.merge_at(&named(id.to_string(), id), id);
        }
        latest.expire(200);
        for id in 0..300 {
            latest.merge_at(&named(id.to_string(), 300 + id), 300 + id);
        }
        assert_eq!((latest.streams(), latest.to_batch().metrics().count()), (300, 300));
    }
}
