//! Cumulative totals to deltas: what a far side has acknowledged of every stream, and what came since.
//!
//! Only what was acknowledged is subtracted, so what a failed request would have said is in the next one. With a
//! [`digest`] of each stream the whole may be kept over a restart ([`state`]). How many are known is bounded ([`places`]).

mod clock;
mod digest;
mod evicted;
mod places;
mod state;
mod streams;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use crate::families::{Families, Origin};
use crate::kind::Kind;
use crate::overflow::is_total;
use crate::series::Series;
use crate::{
    Batch, Descriptor, HistogramPoint, Metric, NumberKind, Point, ResourceMetrics, Sample, ScopeMetrics, Temporality,
    UnixNanos,
};
use clock::{Clock, Tick};
use digest::Digest;
use evicted::Evicted;
use state::Kept;
use streams::Entry;
pub(crate) use streams::Streams;

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
    clock: Clock,
    /// When the first batch was taken after that, and the last.
    resumed: Option<Tick>,
    committed: Tick,
    /// Batch in which nobody is left to give way.
    full: Option<Tick>,
    evicted: Evicted,
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
            clock: Clock::default(),
            resumed: None,
            committed: 0,
            full: None,
            evicted: Evicted::new(limits.streams),
        }
    }

    /// Goes on with the limits of `other`, and keeps what is known.
    pub fn adopt(&mut self, other: &Self) {
        // Who has no digest yet could not be saved.
        let saved = self.limits.saved;
        self.limits = other.limits;
        self.evicted.resize(self.limits.streams);
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
    pub fn since(&self, batch: &Batch) -> Since {
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
        let short = !self.make_room(batch);
        for ResourceMetrics { resource, scopes } in &batch.resources {
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                let source = Origin::new(resource, scope);
                metrics.iter().for_each(|metric| self.note(source, metric, short));
                histograms.iter().for_each(|metric| self.note(source, metric, short));
            }
        }
        self.committed = self.clock.now;
        self.resumed.get_or_insert(self.committed);
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
        &self,
        source: Origin<'_>,
        metrics: &[Metric<P>],
        left_out: &mut usize,
    ) -> Vec<Metric<P>> {
        let mut out = Vec::with_capacity(metrics.len());
        for metric in metrics {
            let Metric { descriptor, points } = metric;
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
                let known = P::of_differences(self).get(source, descriptor);
                let descriptor = known.and_then(|family| family.value.delta.clone());
                let descriptor = descriptor.unwrap_or_else(|| as_delta(&metric.descriptor));
                out.push(Metric { descriptor, points: news.into() });
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
        let stream = Evicted::key(source.hash_of(descriptor), point.attributes().stored_hash());
        if self.evicted.has(stream, point.start()) {
            return News::Unknown;
        }
        let before = !self.complete && point.start() < self.limits.fresh;
        if before || point.is_zero(number) { News::Nothing } else { News::Some(point.clone()) }
    }

    /// Remembers the points of a metric, of which not all may find a place where these are `short`.
    fn note<P: Kind + Resume>(&mut self, source: Origin<'_>, Metric { descriptor, points }: &Metric<P>, short: bool) {
        if !converts(descriptor) {
            return;
        }
        let (number, most, saved, now) = (descriptor.number, self.limits.streams, self.limits.saved, self.clock.now);
        let mut streams = self.streams;
        let mut restored = std::mem::take(&mut self.restored);
        let mut evicted = std::mem::replace(&mut self.evicted, Evicted::new(0));
        // Where nobody finds a place nothing is kept of the metric.
        let none = streams >= most && restored.is_empty();
        let (mut nobody, families) = (Streams::default(), P::of_differences_mut(self));
        let known = if none { families.get_mut(source, descriptor) } else { Some(families.of(source, descriptor)) };
        let known = known.unwrap_or(&mut nobody);
        known.delta.get_or_insert_with(|| as_delta(descriptor));
        let prefix = (saved || !restored.is_empty())
            .then(|| *known.digest.get_or_insert_with(|| Digest::of_metric(source, descriptor)));
        let points = || points.iter().filter(|point| !point.is_missing(number));
        let (family, latest) = (source.hash_of(descriptor), points().map(Sample::time).max());
        for point in points() {
            if let Some(entry) = known.entry_mut(point.attributes()) {
                entry.take(point, number);
                continue;
            }
            let key = Evicted::key(family, point.attributes().stored_hash());
            let digest = prefix.map(|prefix| prefix.with(point.attributes())).unwrap_or_default();
            let base = restored.remove(&digest).and_then(|kept| P::resume(&kept, point));
            // Where places are few they are for those that go on.
            let ended = short && base.is_none() && Some(point.time()) < latest;
            if ended || streams + restored.len() >= most {
                evicted.insert(key, point.start());
                continue;
            }
            evicted.remove(key);
            streams += 1;
            let mut entry = Entry::new(base.unwrap_or_else(|| point.clone()), digest, now);
            entry.take(point, number);
            known.insert(entry);
        }
        (self.streams, self.restored, self.evicted) = (streams, restored, evicted);
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

fn as_delta(descriptor: &Descriptor) -> Arc<Descriptor> {
    Arc::new(Descriptor { temporality: Temporality::Delta, ..descriptor.clone() })
}

/// Whether `point` was read before `base`, a point of the same stream: what it counted is in that one.
pub(crate) fn is_late<P: Sample>(point: &P, base: &P) -> bool {
    point.time() < base.time() && !point.began_after(base)
}
