//! Cumulative totals to deltas: what a far side has acknowledged of every stream, and what came since.
//!
//! Only what was acknowledged is subtracted, so what a failed request would have said is in the next one. With a
//! [`digest`] of each stream the whole may be kept over a restart ([`state`]).

mod digest;
mod state;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::families::{Families, Origin, same};
use crate::kind::Kind;
use crate::overflow::is_total;
use crate::series::Series;
use crate::{
    Attributes, Batch, Descriptor, HistogramPoint, Metric, NumberKind, Point, ResourceMetrics, Sample, ScopeMetrics,
    Temporality, UnixNanos,
};
use digest::Digest;
use state::Kept;

/// What a far side has of every stream.
#[derive(Debug)]
pub struct Differences {
    pub(crate) numbers: Families<Streams<Point>>,
    pub(crate) histograms: Families<Streams<HistogramPoint>>,
    streams: usize,
    limits: Limits,
    /// Streams of an earlier agent that have not come again yet.
    restored: HashMap<Digest, Kept>,
    /// Whether an earlier agent told all that the far side has.
    complete: bool,
    /// When the first batch came after that.
    resumed: Option<UnixNanos>,
    /// Hashes of streams that were sent, and left or found no place while there were too many; and older ones.
    evicted: [HashSet<u64>; 2],
}

/// What [`Differences`] may know, and what it may take for new.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most streams.
    pub streams: usize,
    /// A stream that began before may have been sent by an earlier agent: what it has counted until it is first seen is
    /// left out, unless that agent told what it sent.
    pub fresh: UnixNanos,
    /// Whether [`Differences::save`] will be asked for.
    pub saved: bool,
}

/// The streams of one metric.
#[derive(Debug)]
pub(crate) struct Streams<P> {
    entries: HashTable<Entry<P>>,
    /// Number of the commit, and the latest time of any point.
    round: u64,
    now: UnixNanos,
    /// The metric as it leaves.
    delta: Option<Arc<Descriptor>>,
    digest: Option<Digest>,
}

#[derive(Debug)]
struct Entry<P> {
    /// The last point of which something was sent.
    point: P,
    /// When the stream was there last.
    seen: UnixNanos,
    round: u64,
    digest: Digest,
}

impl<P> Default for Streams<P> {
    fn default() -> Self {
        Self { entries: HashTable::new(), round: 0, now: 0, delta: None, digest: None }
    }
}

/// What there is to send of a point.
enum News<P> {
    Nothing,
    Some(P),
    /// It cannot be told what the far side has.
    Unknown,
}

/// A batch as it leaves.
#[derive(Debug)]
pub struct Since {
    /// What came since; streams that have not changed are not in it.
    pub batch: Batch,
    /// Points of streams that found no place, or lost it, since they were sent.
    pub left_out: usize,
}

/// A stream is forgotten that was in so many requests not, and for so long.
const FORGET_AFTER: (u64, UnixNanos) = (3, 300_000_000_000);

impl Differences {
    /// Knows of no stream yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            numbers: Families::default(),
            histograms: Families::default(),
            streams: 0,
            limits,
            restored: HashMap::new(),
            complete: false,
            resumed: None,
            evicted: Default::default(),
        }
    }

    /// Goes on with the limits of `other`, and keeps what is known.
    pub fn adopt(&mut self, other: &Self) {
        // Who has no digest yet could not be saved.
        let saved = self.limits.saved;
        self.limits = other.limits;
        if self.limits.saved && !saved {
            fn of<P: Kind>(differences: &mut Differences) {
                for family in P::of_differences_mut(differences).iter_mut() {
                    let origin = Origin::new(&family.resource, &family.scope);
                    let prefix = Digest::of_metric(origin, &family.descriptor);
                    family.value.digest = Some(prefix);
                    for entry in &mut family.value.entries {
                        entry.digest = prefix.with(entry.point.attributes());
                    }
                }
            }
            of::<Point>(self);
            of::<HistogramPoint>(self);
        }
    }

    /// Number of streams that are known.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams + self.restored.len()
    }

    /// What `batch` says beyond what was [committed](Self::commit). What is no total, and what is a delta already,
    /// stays as it is.
    #[must_use]
    pub fn since(&mut self, batch: &Batch) -> Since {
        if self.streams() >= self.limits.streams {
            self.evict();
        }
        let mut left_out = 0;
        let mut resources = Vec::with_capacity(batch.resources.len());
        for ResourceMetrics { resource, scopes } in &batch.resources {
            let mut kept = Vec::with_capacity(scopes.len());
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                let source = Origin::new(resource, scope);
                let metrics = self.metrics(source, metrics, &mut left_out);
                let histograms = self.metrics(source, histograms, &mut left_out);
                if !metrics.is_empty() || !histograms.is_empty() {
                    kept.push(ScopeMetrics { scope: scope.clone(), metrics, histograms });
                }
            }
            if !kept.is_empty() {
                resources.push(ResourceMetrics { resource: resource.clone(), scopes: kept });
            }
        }
        Since { batch: Batch { resources }, left_out }
    }

    /// That the far side has what [`since`](Self::since) made of `batch`.
    pub fn commit(&mut self, batch: &Batch) {
        let mut now = 0;
        for ResourceMetrics { resource, scopes } in &batch.resources {
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                let source = Origin::new(resource, scope);
                metrics.iter().for_each(|metric| now = now.max(self.note(source, metric)));
                histograms.iter().for_each(|metric| now = now.max(self.note(source, metric)));
            }
        }
        let resumed = *self.resumed.get_or_insert(now);
        if now.saturating_sub(resumed) > FORGET_AFTER.1 {
            self.restored = HashMap::new();
        }
    }

    /// What the far side has of the stream of `point`.
    pub(crate) fn base<P: Kind + Resume>(
        &self,
        source: Origin<'_>,
        descriptor: &Arc<Descriptor>,
        point: &P,
    ) -> Option<P> {
        let known = P::of_differences(self).get(source, descriptor).map(|family| &family.value);
        if let Some(entry) = known.and_then(|known| known.entry(point.attributes())) {
            return Some(entry.point.clone());
        }
        if self.restored.is_empty() {
            return None;
        }
        let digest = Digest::of_metric(source, descriptor).with(point.attributes());
        P::resume(self.restored.get(&digest)?, point)
    }

    fn metrics<P: Kind + Resume>(
        &mut self,
        source: Origin<'_>,
        metrics: &[Metric<P>],
        left_out: &mut usize,
    ) -> Vec<Metric<P>> {
        let mut out = Vec::with_capacity(metrics.len());
        for Metric { descriptor, points } in metrics {
            if !converts(descriptor) {
                out.push(Metric { descriptor: descriptor.clone(), points: points.clone() });
                continue;
            }
            // Others may send several points of a stream at once.
            let mut last = Series::default();
            last.merge(points, descriptor);
            let mut news = Vec::with_capacity(last.points().len());
            for point in last.points() {
                match self.news(source, descriptor, point) {
                    News::Nothing => {}
                    News::Some(point) => news.push(point),
                    News::Unknown => *left_out += 1,
                }
            }
            if !news.is_empty() {
                let known = P::of_differences_mut(self).of(source, descriptor);
                let delta = || Arc::new(Descriptor { temporality: Temporality::Delta, ..(**descriptor).clone() });
                out.push(Metric { descriptor: known.delta.get_or_insert_with(delta).clone(), points: news.into() });
            }
        }
        out
    }

    fn news<P: Kind + Resume>(&self, source: Origin<'_>, descriptor: &Arc<Descriptor>, point: &P) -> News<P> {
        let number = descriptor.number;
        if point.is_missing(number) {
            return News::Nothing;
        }
        if let Some(base) = self.base(source, descriptor, point) {
            let since = point.since(&base, number);
            if is_late(point, &base) || since.is_zero(number) {
                return News::Nothing;
            }
            return News::Some(since.within(point.start().max(base.time()), point.time()));
        }
        let stream = point.attributes().stored_hash();
        if self.evicted.iter().any(|evicted| evicted.contains(&stream)) {
            return News::Unknown;
        }
        let before = !self.complete && point.start() < self.limits.fresh;
        if before || point.is_zero(number) { News::Nothing } else { News::Some(point.clone()) }
    }

    /// Remembers the points of a metric, and tells the latest time of any.
    fn note<P: Kind + Resume>(&mut self, source: Origin<'_>, metric: &Metric<P>) -> UnixNanos {
        let Metric { descriptor, points } = metric;
        if !converts(descriptor) {
            return 0;
        }
        let (number, most, saved) = (descriptor.number, self.limits.streams, self.limits.saved);
        let mut streams = self.streams;
        let (mut restored, mut evicted) = (std::mem::take(&mut self.restored), std::mem::take(&mut self.evicted));
        let known = P::of_differences_mut(self).of(source, descriptor);
        let prefix = (saved || !restored.is_empty())
            .then(|| *known.digest.get_or_insert_with(|| Digest::of_metric(source, descriptor)));
        let points = || points.iter().filter(|point| !point.is_missing(number));
        known.now = points().map(Sample::time).fold(known.now, u64::max);
        // Where places are few they are for those that go on.
        let tight = streams + restored.len() + metric.points.len() > most;
        if tight {
            streams -= known.evict(&mut evicted[0]);
        }
        let round = known.round;
        for point in points() {
            if let Some(entry) = known.entry_mut(point.attributes()) {
                (entry.seen, entry.round) = (entry.seen.max(point.time()), round);
                entry.take(point, number);
                continue;
            }
            let hash = point.attributes().stored_hash();
            let digest = prefix.map(|prefix| prefix.with(point.attributes())).unwrap_or_default();
            let base = restored.remove(&digest).and_then(|kept| P::resume(&kept, point));
            let full = streams + restored.len() >= most;
            if full || (tight && point.time() < known.now) {
                evicted[0].insert(hash);
                continue;
            }
            for evicted in &mut evicted {
                evicted.remove(&hash);
            }
            streams += 1;
            let point_before = base.unwrap_or_else(|| point.clone());
            let mut entry = Entry { point: point_before, seen: point.time(), round, digest };
            entry.take(point, number);
            known.insert(entry);
        }
        streams -= known.end_round();
        let now = known.now;
        (self.streams, self.restored, self.evicted) = (streams, restored, evicted);
        now
    }

    /// Forgets who was not there when its metric was read last, but for who they were.
    fn evict(&mut self) {
        fn of<P: Kind>(differences: &mut Differences, gone: &mut HashSet<u64>) -> usize {
            let families = P::of_differences_mut(differences).iter_mut();
            families.map(|family| family.value.evict(gone)).sum()
        }
        let mut gone = std::mem::take(&mut self.evicted[0]);
        self.streams -= of::<Point>(self, &mut gone) + of::<HistogramPoint>(self, &mut gone);
        self.evicted[0] = gone;
        if self.evicted[0].len() > self.limits.streams {
            self.evicted.swap(0, 1);
            self.evicted[0] = HashSet::new();
        }
    }
}

/// A point that may be made of what an earlier agent kept of its stream.
pub(crate) trait Resume: Sample {
    /// What was kept, as the point of the stream of `now`.
    fn resume(kept: &Kept, now: &Self) -> Option<Self>;
    /// What to keep.
    fn keep(&self) -> Kept;
}

/// Whether the totals of a metric become deltas. A total that may go down stays what it is, so that it can be read.
fn converts(descriptor: &Descriptor) -> bool {
    let total = is_total(descriptor.instrument) && descriptor.number != NumberKind::Missing;
    total && descriptor.temporality == Temporality::Cumulative
}

/// Whether `point` was read before `base`, a point of the same stream: what it counted is in that one.
pub(crate) fn is_late<P: Sample>(point: &P, base: &P) -> bool {
    point.time() < base.time() && !point.began_after(base)
}

impl<P: Sample> Entry<P> {
    /// Takes `point` for what the far side has; one of which nothing was sent leaves the time as it is, where the next
    /// difference begins.
    fn take(&mut self, point: &P, number: NumberKind) {
        let same = point.since(&self.point, number).is_zero(number);
        if !is_late(point, &self.point) && !same {
            self.point = point.clone();
        }
    }
}

impl<P: Sample> Streams<P> {
    fn entry(&self, stream: &Arc<Attributes>) -> Option<&Entry<P>> {
        self.entries.find(stream.stored_hash(), |entry| same(entry.point.attributes(), stream))
    }

    fn entry_mut(&mut self, stream: &Arc<Attributes>) -> Option<&mut Entry<P>> {
        self.entries.find_mut(stream.stored_hash(), |entry| same(entry.point.attributes(), stream))
    }

    fn insert(&mut self, entry: Entry<P>) {
        let hash = entry.point.attributes().stored_hash();
        self.entries.insert_unique(hash, entry, |entry| entry.point.attributes().stored_hash());
    }

    /// Forgets who was not there at the last time, but for the hash, and tells how many.
    fn evict(&mut self, gone: &mut HashSet<u64>) -> usize {
        let (now, before) = (self.now, self.entries.len());
        let left = self.entries.extract_if(|entry| entry.seen < now);
        gone.extend(left.map(|entry| entry.point.attributes().stored_hash()));
        before - self.entries.len()
    }

    /// Forgets who has not been there for long, and tells how many.
    fn end_round(&mut self) -> usize {
        let ((rounds, time), round, now) = (FORGET_AFTER, self.round, self.now);
        let before = self.entries.len();
        self.entries.retain(|entry| round - entry.round < rounds || now.saturating_sub(entry.seen) < time);
        if self.entries.capacity() / 4 > self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len(), |entry| entry.point.attributes().stored_hash());
        }
        self.round += 1;
        before - self.entries.len()
    }
}
