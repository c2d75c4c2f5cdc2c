//! The last point of every stream: what aggregation of cumulative data comes to.
//!
//! The interval processor, the scrape page and a queue that must shrink all keep
//! the same thing; here it is, once.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::{Attributes, Batch, Descriptor, Metric, Point, Resource, ResourceMetrics, Scope, ScopeMetrics, UnixNanos};

/// The last point of every stream that was put in.
#[derive(Debug, Default)]
pub struct Latest {
    families: Vec<Family>,
}

/// The streams of one metric of one source.
#[derive(Debug)]
struct Family {
    resource: Arc<Resource>,
    scope: Arc<Scope>,
    descriptor: Arc<Descriptor>,
    /// One point per stream.
    points: Vec<Point>,
    /// Positions in `points`, found by attributes.
    index: HashTable<u32>,
}

impl Latest {
    /// Puts the points of `batch` in; per stream the later time wins.
    pub fn merge(&mut self, batch: &Batch) {
        for resource in &batch.resources {
            for scope in &resource.scopes {
                for metric in &scope.metrics {
                    self.family(&resource.resource, &scope.scope, &metric.descriptor).merge(&metric.points);
                }
            }
        }
    }

    /// Forgets the streams last seen before `oldest`.
    pub fn expire(&mut self, oldest: UnixNanos) {
        for family in &mut self.families {
            family.expire(oldest);
        }
        self.families.retain(|family| !family.points.is_empty());
    }

    /// Number of streams held.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.families.iter().map(|family| family.points.len()).sum()
    }

    /// Calls `visit` with every metric and its points, in order of arrival of the metrics.
    pub fn for_each(&self, mut visit: impl FnMut(&Arc<Descriptor>, &[Point])) {
        for family in &self.families {
            visit(&family.descriptor, &family.points);
        }
    }

    /// Everything held, as one batch; afterwards nothing is held.
    #[must_use]
    pub fn take(&mut self) -> Batch {
        let batch = self.to_batch();
        self.families.clear();
        batch
    }

    /// Everything held, as one batch.
    #[must_use]
    pub fn to_batch(&self) -> Batch {
        let mut batch = Batch::default();
        for family in &self.families {
            let metric = Metric { descriptor: family.descriptor.clone(), points: family.points.clone() };
            let resource = find_or_push(
                &mut batch.resources,
                |entry| same(&entry.resource, &family.resource),
                || ResourceMetrics { resource: family.resource.clone(), scopes: Vec::new() },
            );
            let scope = find_or_push(
                &mut resource.scopes,
                |entry| same(&entry.scope, &family.scope),
                || ScopeMetrics { scope: family.scope.clone(), metrics: Vec::new() },
            );
            scope.metrics.push(metric);
        }
        batch
    }

    fn family(&mut self, resource: &Arc<Resource>, scope: &Arc<Scope>, descriptor: &Arc<Descriptor>) -> &mut Family {
        find_or_push(
            &mut self.families,
            |family| {
                same(&family.descriptor, descriptor) && same(&family.scope, scope) && same(&family.resource, resource)
            },
            || Family {
                resource: resource.clone(),
                scope: scope.clone(),
                descriptor: descriptor.clone(),
                points: Vec::new(),
                index: HashTable::new(),
            },
        )
    }
}

impl Family {
    fn merge(&mut self, points: &[Point]) {
        for point in points {
            match self.position(&point.attributes) {
                Some(position) if self.points[position].time > point.time => {}
                Some(position) => self.points[position] = point.clone(),
                None => self.push(point.clone()),
            }
        }
    }

    fn position(&self, attributes: &Arc<Attributes>) -> Option<usize> {
        let equal = |position: &u32| same(&self.points[*position as usize].attributes, attributes);
        self.index.find(attributes.stored_hash(), equal).map(|position| *position as usize)
    }

    fn push(&mut self, point: Point) {
        // Four billion streams would not fit in memory.
        let position = u32::try_from(self.points.len()).unwrap_or(u32::MAX);
        let points = &self.points;
        let rehash = |position: &u32| points[*position as usize].attributes.stored_hash();
        self.index.insert_unique(point.attributes.stored_hash(), position, rehash);
        self.points.push(point);
    }

    fn expire(&mut self, oldest: UnixNanos) {
        if self.points.iter().all(|point| point.time >= oldest) {
            return;
        }
        let points = std::mem::take(&mut self.points);
        self.index = HashTable::new();
        for point in points.into_iter().filter(|point| point.time >= oldest) {
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
    use crate::{AttributeValue, Instrument, NumberKind};

    fn batch(time: UnixNanos, values: &[(i64, u64)]) -> Batch {
        let descriptor = Arc::new(Descriptor {
            name: "calls".into(),
            unit: "{call}".into(),
            description: "".into(),
            instrument: Instrument::Counter,
            number: NumberKind::Unsigned,
            seed: None,
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
}
