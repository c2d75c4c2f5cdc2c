//! The last point of every stream: what aggregation of cumulative data comes to. Deltas are added up.
//!
//! The interval processor, the scrape page and a queue that must shrink all keep
//! the same thing; here it is, once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::{
    Attributes, Batch, Descriptor, HistogramMetric, HistogramPoint, Metric, NumberKind, Point, Resource,
    ResourceMetrics, Scope, ScopeMetrics, UnixNanos,
};

/// The last point of every stream that was put in.
#[derive(Debug, Default)]
pub struct Latest {
    numbers: Families<Point>,
    histograms: Families<HistogramPoint>,
}

/// In order of arrival.
#[derive(Debug)]
struct Families<P> {
    families: Vec<Family<P>>,
    /// Positions in `families`, found by what a family is of.
    index: HashTable<u32>,
}

/// The streams of one metric of one source.
#[derive(Debug)]
struct Family<P> {
    hash: u64,
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
    /// Adds a delta of the same stream; says no where the two cannot be told as one.
    fn add(&mut self, delta: &Self, number: NumberKind) -> bool;
}

impl Stamped for Point {
    fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    fn time(&self) -> UnixNanos {
        self.time
    }

    fn add(&mut self, delta: &Self, number: NumberKind) -> bool {
        self.bits = number.add(self.bits, delta.bits);
        (self.start, self.time) = (self.start.min(delta.start), self.time.max(delta.time));
        true
    }
}

impl Stamped for HistogramPoint {
    fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    fn time(&self) -> UnixNanos {
        self.time
    }

    fn add(&mut self, delta: &Self, number: NumberKind) -> bool {
        let Some(sum) = self.histogram.plus(&delta.histogram, number) else { return false };
        self.histogram = Arc::new(sum);
        (self.start, self.time) = (self.start.min(delta.start), self.time.max(delta.time));
        true
    }
}

impl Latest {
    /// Puts the points of `batch` in; per stream the later time wins, and deltas are added up.
    pub fn merge(&mut self, batch: &Batch) {
        for ResourceMetrics { resource, scopes } in &batch.resources {
            let of_resource = hash_of(&**resource);
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                let source = Origin { hash: of_resource ^ hash_of(&**scope).rotate_left(1), resource, scope };
                for metric in metrics {
                    self.numbers.of(&source, &metric.descriptor).merge(&metric.points);
                }
                for metric in histograms {
                    self.histograms.of(&source, &metric.descriptor).merge(&metric.points);
                }
            }
        }
    }

    /// Forgets the streams last seen before `oldest`.
    pub fn expire(&mut self, oldest: UnixNanos) {
        self.numbers.expire(oldest);
        self.histograms.expire(oldest);
    }

    /// Number of streams held.
    #[must_use]
    pub fn streams(&self) -> usize {
        let numbers: usize = self.numbers.families.iter().map(|family| family.points.len()).sum();
        numbers + self.histograms.families.iter().map(|family| family.points.len()).sum::<usize>()
    }

    /// Calls `visit` with every metric of plain numbers and its points, in order of arrival of the metrics.
    pub fn for_each(&self, mut visit: impl FnMut(Source<'_>, &[Point])) {
        for family in &self.numbers.families {
            visit(family.source(), &family.points);
        }
    }

    /// Calls `visit` with every metric of distributions and its points, in order of arrival of the metrics.
    pub fn for_each_histogram(&self, mut visit: impl FnMut(Source<'_>, &[HistogramPoint])) {
        for family in &self.histograms.families {
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
        for family in &self.numbers.families {
            let metric = Metric { descriptor: family.descriptor.clone(), points: family.points.clone() };
            scope_of(&mut batch, family).metrics.push(metric);
        }
        for family in &self.histograms.families {
            let metric = HistogramMetric { descriptor: family.descriptor.clone(), points: family.points.clone() };
            scope_of(&mut batch, family).histograms.push(metric);
        }
        batch
    }
}

/// Where metrics come from.
struct Origin<'a> {
    hash: u64,
    resource: &'a Arc<Resource>,
    scope: &'a Arc<Scope>,
}

fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl<P> Default for Families<P> {
    fn default() -> Self {
        Self { families: Vec::new(), index: HashTable::new() }
    }
}

impl<P: Stamped> Families<P> {
    fn of(&mut self, source: &Origin<'_>, descriptor: &Arc<Descriptor>) -> &mut Family<P> {
        let hash = source.hash ^ hash_of(&*descriptor.name);
        let families = &self.families;
        let equal = |position: &u32| {
            let family = &families[*position as usize];
            same(&family.descriptor, descriptor)
                && same(&family.scope, source.scope)
                && same(&family.resource, source.resource)
        };
        let known = self.index.find(hash, equal).map(|position| *position as usize);
        let position = known.unwrap_or_else(|| {
            self.push(Family {
                hash,
                resource: source.resource.clone(),
                scope: source.scope.clone(),
                descriptor: descriptor.clone(),
                points: Vec::new(),
                index: HashTable::new(),
            });
            self.families.len() - 1
        });
        &mut self.families[position]
    }

    fn push(&mut self, family: Family<P>) {
        let position = u32::try_from(self.families.len()).unwrap_or(u32::MAX);
        let families = &self.families;
        self.index.insert_unique(family.hash, position, |position| families[*position as usize].hash);
        self.families.push(family);
    }

    fn expire(&mut self, oldest: UnixNanos) {
        for family in &mut self.families {
            family.expire(oldest);
        }
        if self.families.iter().any(|family| family.points.is_empty()) {
            let families = std::mem::take(&mut self.families);
            self.index = HashTable::new();
            for family in families.into_iter().filter(|family| !family.points.is_empty()) {
                self.push(family);
            }
        }
    }
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
        let (adds_up, number) = (self.descriptor.adds_up(), self.descriptor.number);
        for point in points {
            let Some(position) = self.position(point.attributes()) else {
                self.push(point.clone());
                continue;
            };
            let known = &mut self.points[position];
            if adds_up {
                if !known.add(point, number) {
                    self.replace(position, point.clone());
                }
            } else if known.time() <= point.time() {
                *known = point.clone();
            }
        }
    }

    /// Leaves the point at `position` as it is and has later ones of its stream go to `point`.
    fn replace(&mut self, position: usize, point: P) {
        let hash = point.attributes().stored_hash();
        if let Ok(entry) = self.index.find_entry(hash, |known| *known as usize == position) {
            entry.remove();
        }
        self.push(point);
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
            match self.position(point.attributes()) {
                Some(position) => self.replace(position, point),
                None => self.push(point),
            }
        }
    }
}

/// Equal content; sources share their `Arc`s, so the pointer nearly always decides.
fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

fn find_or_push<T>(list: &mut Vec<T>, is: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &mut T {
    let index = list.iter().rposition(is).unwrap_or_else(|| {
        list.push(make());
        list.len() - 1
    });
    &mut list[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AttributeValue, ExplicitHistogram, ExponentialHistogram, Instrument, Metrics, Temporality};

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
        let histogram = ExponentialHistogram { counts: counts.into(), ..Default::default() };
        let histogram = Arc::new(histogram.into());
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
        assert_eq!(
            points.map(|point| &*point.histogram.exponential().unwrap().counts).collect::<Vec<_>>(),
            [&[1, 2][..], &[7]]
        );

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
            batch.resources[0].scopes[0].histograms[0].points[0].histogram = Arc::new(explicit.into());
            batch
        };
        let mut latest = Latest::default();
        for (time, bound) in [(1, 0.5), (2, 0.5), (3, 0.7), (4, 0.7)] {
            latest.merge(&explicit(time, bound));
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
            latest.merge(&named(id.to_string(), id));
        }
        latest.expire(200);
        for id in 0..300 {
            latest.merge(&named(id.to_string(), 300 + id));
        }
        assert_eq!((latest.streams(), latest.to_batch().metrics().count()), (300, 300));
    }
}
