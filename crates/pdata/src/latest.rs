//! The last point of every stream: what aggregation of cumulative data comes to.
//!
//! The interval processor, the scrape page and a queue that must shrink all keep
//! the same thing; here it is, once.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::{
    Attributes, Batch, Descriptor, HistogramMetric, HistogramPoint, Metric, Point, Resource, ResourceMetrics, Scope,
    ScopeMetrics, UnixNanos,
};

/// The last point of every stream that was put in.
#[derive(Debug, Default)]
pub struct Latest {
    numbers: Vec<Family<Point>>,
    histograms: Vec<Family<HistogramPoint>>,
}

/// The streams of one metric of one source.
#[derive(Debug)]
struct Family<P> {
    resource: Arc<Resource>,
    scope: Arc<Scope>,
    descriptor: Arc<Descriptor>,
    /// One point per stream.
    points: Vec<P>,
    /// Positions in `points`, found by attributes.
    index: HashTable<u32>,
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
}

/// What points of both kinds have: a stream and a time.
trait Stamped: Clone {
    fn attributes(&self) -> &Arc<Attributes>;
    fn time(&self) -> UnixNanos;
}

impl Stamped for Point {
    fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    fn time(&self) -> UnixNanos {
        self.time
    }
}

impl Stamped for HistogramPoint {
    fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    fn time(&self) -> UnixNanos {
        self.time
    }
}

impl Latest {
    /// Puts the points of `batch` in; per stream the later time wins.
    pub fn merge(&mut self, batch: &Batch) {
        for ResourceMetrics { resource, scopes } in &batch.resources {
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                for metric in metrics {
                    family(&mut self.numbers, resource, scope, &metric.descriptor).merge(&metric.points);
                }
                for metric in histograms {
                    family(&mut self.histograms, resource, scope, &metric.descriptor).merge(&metric.points);
                }
            }
        }
    }

    /// Forgets the streams last seen before `oldest`.
    pub fn expire(&mut self, oldest: UnixNanos) {
        expire(&mut self.numbers, oldest);
        expire(&mut self.histograms, oldest);
    }

    /// Number of streams held.
    #[must_use]
    pub fn streams(&self) -> usize {
        let numbers: usize = self.numbers.iter().map(|family| family.points.len()).sum();
        numbers + self.histograms.iter().map(|family| family.points.len()).sum::<usize>()
    }

    /// Calls `visit` with every metric of plain numbers and its points, in order of arrival of the metrics.
    pub fn for_each(&self, mut visit: impl FnMut(Source<'_>, &[Point])) {
        for family in &self.numbers {
            visit(family.source(), &family.points);
        }
    }

    /// Calls `visit` with every metric of distributions and its points, in order of arrival of the metrics.
    pub fn for_each_histogram(&self, mut visit: impl FnMut(Source<'_>, &[HistogramPoint])) {
        for family in &self.histograms {
            visit(family.source(), &family.points);
        }
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
        let mut batch = Batch::default();
        for family in &self.numbers {
            let metric = Metric { descriptor: family.descriptor.clone(), points: family.points.clone() };
            scope_of(&mut batch, family).metrics.push(metric);
        }
        for family in &self.histograms {
            let metric = HistogramMetric { descriptor: family.descriptor.clone(), points: family.points.clone() };
            scope_of(&mut batch, family).histograms.push(metric);
        }
        batch
    }
}

fn family<'f, P>(
    families: &'f mut Vec<Family<P>>,
    resource: &Arc<Resource>,
    scope: &Arc<Scope>,
    descriptor: &Arc<Descriptor>,
) -> &'f mut Family<P> {
    find_or_push(
        families,
        |family| same(&family.descriptor, descriptor) && same(&family.scope, scope) && same(&family.resource, resource),
        || Family {
            resource: resource.clone(),
            scope: scope.clone(),
            descriptor: descriptor.clone(),
            points: Vec::new(),
            index: HashTable::new(),
        },
    )
}

fn expire<P: Stamped>(families: &mut Vec<Family<P>>, oldest: UnixNanos) {
    for family in &mut *families {
        family.expire(oldest);
    }
    families.retain(|family| !family.points.is_empty());
}

impl<P> Family<P> {
    fn source(&self) -> Source<'_> {
        Source { resource: &self.resource, scope: &self.scope, descriptor: &self.descriptor }
    }
}

/// Where the metric of `family` belongs in `batch`.
fn scope_of<'b, P>(batch: &'b mut Batch, family: &Family<P>) -> &'b mut ScopeMetrics {
    let resource = find_or_push(
        &mut batch.resources,
        |entry| same(&entry.resource, &family.resource),
        || ResourceMetrics { resource: family.resource.clone(), scopes: Vec::new() },
    );
    find_or_push(
        &mut resource.scopes,
        |entry| same(&entry.scope, &family.scope),
        || ScopeMetrics { scope: family.scope.clone(), metrics: Vec::new(), histograms: Vec::new() },
    )
}

impl<P: Stamped> Family<P> {
    fn merge(&mut self, points: &[P]) {
        for point in points {
            match self.position(point.attributes()) {
                Some(position) if self.points[position].time() > point.time() => {}
                Some(position) => self.points[position] = point.clone(),
                None => self.push(point.clone()),
            }
        }
    }

    fn position(&self, attributes: &Arc<Attributes>) -> Option<usize> {
        let equal = |position: &u32| same(self.points[*position as usize].attributes(), attributes);
        self.index.find(attributes.stored_hash(), equal).map(|position| *position as usize)
    }

    fn push(&mut self, point: P) {
        // Four billion streams would not fit in memory.
        let position = u32::try_from(self.points.len()).unwrap_or(u32::MAX);
        let points = &self.points;
        let rehash = |position: &u32| points[*position as usize].attributes().stored_hash();
        self.index.insert_unique(point.attributes().stored_hash(), position, rehash);
        self.points.push(point);
    }

    fn expire(&mut self, oldest: UnixNanos) {
        if self.points.iter().all(|point| point.time() >= oldest) {
            return;
        }
        let points = std::mem::take(&mut self.points);
        self.index = HashTable::new();
        for point in points.into_iter().filter(|point| point.time() >= oldest) {
            self.push(point);
        }
    }
}

/// Equal content; sources share their `Arc`s, so the pointer nearly always decides.
fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

fn find_or_push<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &mut T {
    let index = list.iter().position(is).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    &mut list[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AttributeValue, ExponentialHistogram, Instrument, Metrics, NumberKind};

    fn batch(time: UnixNanos, values: &[(i64, u64)]) -> Batch {
        let descriptor = Arc::new(Descriptor {
            name: "calls".into(),
            unit: "{call}".into(),
            description: "".into(),
            instrument: Instrument::Counter,
            number: NumberKind::Unsigned,
            seeds: &[],
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
        let resource = Arc::new(Resource { attributes: vec![] });
        let scope = Arc::new(Scope { name: "test", version: "0" });
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
        latest.merge(&batch(10, &[(1, 1)]));
        latest.merge(&batch(20, &[(2, 2)]));
        latest.expire(15);
        assert_eq!(values(&latest.to_batch()), [2]);
    }

    fn histogram(time: UnixNanos, id: i64, counts: &[u64]) -> Batch {
        let numbers = batch(time, &[(id, 1)]);
        let mut descriptor = (*numbers.metrics().next().unwrap().descriptor).clone();
        descriptor.instrument = Instrument::ExponentialHistogram;
        let attributes = Arc::new(Attributes::new(vec![("id", AttributeValue::Int(id))]));
        let histogram = Arc::new(ExponentialHistogram { counts: counts.into(), ..Default::default() });
        let points = vec![HistogramPoint { attributes, start: 1, time, histogram }];
        let metrics = Metrics {
            numbers: numbers.metrics().cloned().collect(),
            histograms: vec![HistogramMetric { descriptor: Arc::new(descriptor), points }],
        };
        Batch::of(numbers.resources[0].resource.clone(), numbers.resources[0].scopes[0].scope.clone(), metrics)
    }

    #[test]
    fn of_distributions_the_later_one_stays_beside_the_numbers() {
        let mut latest = Latest::default();
        latest.merge(&histogram(20, 1, &[1, 2]));
        latest.merge(&histogram(10, 1, &[1]));
        latest.merge(&histogram(10, 2, &[7]));
        assert_eq!(latest.streams(), 4);
        let batch = latest.to_batch();
        assert_eq!((batch.items(), batch.resources[0].scopes.len()), (4, 1), "one scope holds both kinds");
        let points = batch.histograms().flat_map(|metric| &metric.points);
        assert_eq!(points.map(|point| &*point.histogram.counts).collect::<Vec<_>>(), [&[1, 2][..], &[7]]);

        latest.expire(15);
        assert_eq!((latest.streams(), latest.take().histograms().count(), latest.streams()), (2, 1, 0));
    }

    #[test]
    fn what_is_not_kept_leaves_no_empty_metric_behind() {
        let mut batch = histogram(1, 1, &[1]);
        batch.retain(|attributes| attributes.get("id") == Some(AttributeValue::Int(1)));
        assert_eq!(batch.items(), 2);
        batch.retain(|_| false);
        assert!(batch.resources.is_empty());
    }
}
