//! Streams that cannot be kept while a far side is away: their totals go on in one stream, to the last one counted.
//!
//! Only what the far side does not have already is folded, or it would be counted twice. Who comes back after it was folded stays folded, for as long as it is
//! remembered.

use std::collections::HashMap;
use std::sync::Arc;

use crate::assembly::Assembly;
use crate::difference::is_late;
use crate::families::{Families, Origin};
use crate::kind::Kind;
use crate::series::Series;
use crate::{
    AttributeValue, Attributes, Batch, Descriptor, HistogramPoint, Instrument, Key, Latest, Metric, Point,
    ResourceMetrics, Sample, ScopeMetrics, UnixNanos,
};

/// The totals of folded streams, and what each of them had come to.
#[derive(Debug, Default)]
pub struct Overflow {
    pub(crate) numbers: Families<Spill<Point>>,
    pub(crate) histograms: Families<Spill<HistogramPoint>>,
    /// Folded streams that are remembered.
    traces: usize,
    /// Totals that are kept, and how many may be.
    totals: usize,
    most: usize,
    /// Totals that the far side has were dropped before this time: one that is needed again begins after it.
    dropped: UnixNanos,
    /// The latest time of any point so far, and that at which streams began to be forgotten last.
    now: UnixNanos,
    turned: UnixNanos,
    /// Counts changes of totals; what the far side has of them, and what it is being sent.
    changes: u64,
    acknowledged: u64,
    taken: u64,
}

/// What was folded of one metric.
#[derive(Debug)]
pub(crate) struct Spill<P> {
    totals: Series<P>,
    /// By hash of the stream; of two that meet, one would be wrong by what the other counts, once in billions.
    recent: HashMap<u64, P>,
    older: HashMap<u64, P>,
    changed: u64,
}

impl<P> Default for Spill<P> {
    fn default() -> Self {
        Self { totals: Series::default(), recent: HashMap::new(), older: HashMap::new(), changed: 0 }
    }
}

/// A folded stream is remembered for so long at least, and twice so long at most.
const FORGET_AFTER: UnixNanos = 300_000_000_000;
/// Beyond so many totals of a metric, streams are folded into one that keeps no label at all.
const MOST_TOTALS: usize = 1000;
/// For each stream that may be held, so many totals of all sources are kept: of sources beyond them nothing is folded.
const TOTALS_FOR_EACH_STREAM: usize = 2;

impl Overflow {
    /// Whether nothing has been folded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes == 0
    }

    /// Number of folded streams that are remembered.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.traces
    }

    /// Number of totals that are kept.
    #[must_use]
    pub fn totals(&self) -> usize {
        self.totals
    }

    /// `batch` as it goes out: streams that were folded before, and come again, are left out and added up here.
    #[must_use]
    pub fn pass(&mut self, batch: Arc<Batch>) -> Arc<Batch> {
        if self.traces == 0 || !self.concerns(&batch) {
            return batch;
        }
        let mut batch = Arc::unwrap_or_clone(batch);
        for ResourceMetrics { resource, scopes } in &mut batch.resources {
            for scope in scopes {
                let from = scope.scope.clone();
                self.reclaim::<Point>(Origin::new(resource, &from), scope);
                self.reclaim::<HistogramPoint>(Origin::new(resource, &from), scope);
            }
        }
        // What is empty now says nothing.
        batch.retain(|_| true);
        Arc::new(batch)
    }

    /// Totals that the far side has not seen, if there are any.
    #[must_use]
    pub fn take_changed(&mut self) -> Option<Arc<Batch>> {
        if self.changes == self.acknowledged {
            return None;
        }
        self.taken = self.changes;
        let mut batch = Assembly::default();
        self.collect::<Point>(&mut batch);
        self.collect::<HistogramPoint>(&mut batch);
        Some(Arc::new(batch.finish()))
    }

    /// That the far side has what was taken last.
    pub fn delivered(&mut self) {
        self.acknowledged = self.taken;
    }

    /// Has room for the totals of so many streams, and drops what the far side has where there are more than that: whose
    /// sources are gone would be kept for ever.
    pub(crate) fn make_room_for_totals(&mut self, streams: usize) {
        self.most = streams.saturating_mul(TOTALS_FOR_EACH_STREAM);
        if self.totals > streams {
            self.totals = self.drop_told::<Point>() + self.drop_told::<HistogramPoint>();
            self.dropped = self.now.saturating_add(1);
        }
    }

    /// Drops metrics whose totals the far side has and of which no stream is remembered; tells how many totals stay.
    fn drop_told<P: Kind>(&mut self) -> usize {
        let told = self.acknowledged;
        let families = P::of_overflow_mut(self);
        families.retain(|family| {
            let Spill { recent, older, changed, .. } = &family.value;
            *changed > told || !recent.is_empty() || !older.is_empty()
        });
        families.iter().map(|family| family.value.totals.points().len()).sum()
    }

    /// Folds `point`, of which `base` is counted already; says no where it cannot be told as one with the others, or
    /// there is no room for a total of its source.
    pub(crate) fn fold<P: Kind>(
        &mut self,
        source: Origin<'_>,
        descriptor: &Arc<Descriptor>,
        point: &P,
        base: Option<&P>,
    ) -> bool {
        let number = descriptor.number;
        if base.is_some_and(|base| is_late(point, base)) {
            return true;
        }
        let is_full = self.totals >= self.most;
        if is_full && P::of_overflow(self).get(source, descriptor).is_none() {
            return false;
        }
        let increase = base.map_or_else(|| point.clone(), |base| point.since(base, number));
        self.now = self.now.max(point.time());
        self.changes += 1;
        let (now, changes, sent) = (self.now, self.changes, self.acknowledged > 0 || self.taken > 0);
        let dropped = self.dropped;
        let spill = P::of_overflow_mut(self).of(source, descriptor);
        let to = spill.total_of(point.attributes(), if is_full { 0 } else { MOST_TOTALS });
        let totals = spill.totals.points().len();
        if let Some(total) = spill.totals.get_mut(&to) {
            let start = if sent { total.start() } else { total.start().min(increase.start()) };
            if !total.add(&increase, number) {
                return false;
            }
            *total = total.clone().within(start, now);
        } else {
            let total = increase.under(to.clone());
            let (start, time) = (total.start().max(dropped), total.time().max(dropped));
            spill.totals.push(if total.start() < start { total.within(start, time) } else { total });
        }
        spill.changed = changes;
        let added = spill.totals.points().len() - totals;
        let trace = point.clone().under(to);
        let known = spill.older.remove(&point.attributes().stored_hash()).is_some();
        let known = spill.recent.insert(point.attributes().stored_hash(), trace).is_some() || known;
        self.traces += usize::from(!known);
        self.totals += added;
        true
    }

    /// What a stream had come to when it was folded.
    pub(crate) fn trace<P: Kind>(&self, source: Origin<'_>, descriptor: &Arc<Descriptor>, point: &P) -> Option<&P> {
        if self.traces == 0 {
            return None;
        }
        P::of_overflow(self).get(source, descriptor)?.value.trace(point.attributes())
    }

    /// Forgets who was folded long ago, and sooner where more than so many were since the last time; but for those who
    /// came again and are in `held`.
    pub(crate) fn forget(&mut self, held: &mut Latest, most: usize) {
        let recent = |overflow: &Self| {
            let numbers: usize = overflow.numbers.iter().map(|family| family.value.recent.len()).sum();
            numbers + overflow.histograms.iter().map(|family| family.value.recent.len()).sum::<usize>()
        };
        if self.now.saturating_sub(self.turned) < FORGET_AFTER && recent(self) <= most {
            return;
        }
        self.turned = self.now;
        self.renew::<Point>(held);
        self.renew::<HistogramPoint>(held);
        let forgotten: usize = self.numbers.iter_mut().map(|family| family.value.turn()).sum();
        let forgotten = forgotten + self.histograms.iter_mut().map(|family| family.value.turn()).sum::<usize>();
        self.traces = self.traces.saturating_sub(forgotten);
    }

    /// Has those who are in `held` be remembered as if they had been folded just now.
    fn renew<P: Kind>(&mut self, held: &mut Latest) {
        for family in P::of_latest(held).iter() {
            let origin = Origin::new(&family.resource, &family.scope);
            if P::of_overflow(self).get(origin, &family.descriptor).is_none() {
                continue;
            }
            let Spill { recent, older, .. } = P::of_overflow_mut(self).of(origin, &family.descriptor);
            for hash in family.value.points().iter().map(|point| point.attributes().stored_hash()) {
                if let Some(trace) = older.remove(&hash) {
                    recent.insert(hash, trace);
                }
            }
        }
    }

    fn concerns(&self, batch: &Batch) -> bool {
        fn any<P: Kind>(overflow: &Overflow, source: Origin<'_>, metrics: &[Metric<P>]) -> bool {
            metrics.iter().any(|Metric { descriptor, points }| {
                let family = P::of_overflow(overflow).get(source, descriptor);
                family.is_some_and(|family| points.iter().any(|point| family.value.trace(point.attributes()).is_some()))
            })
        }
        batch.resources.iter().any(|ResourceMetrics { resource, scopes }| {
            scopes.iter().any(|ScopeMetrics { scope, metrics, histograms }| {
                let source = Origin::new(resource, scope);
                any(self, source, metrics) || any(self, source, histograms)
            })
        })
    }

    fn reclaim<P: Kind>(&mut self, source: Origin<'_>, scope: &mut ScopeMetrics) {
        for Metric { descriptor, points } in P::of_scope(scope) {
            let Some(family) = P::of_overflow(self).get(source, descriptor) else { continue };
            if family.value.recent.is_empty() && family.value.older.is_empty() {
                continue;
            }
            let (again, others): (Vec<P>, Vec<P>) =
                std::mem::take(points).into_iter().partition(|point| family.value.trace(point.attributes()).is_some());
            *points = others.into();
            for point in again {
                let trace = self.trace(source, descriptor, &point).cloned();
                self.fold(source, descriptor, &point, trace.as_ref());
            }
        }
    }

    fn collect<P: Kind>(&self, batch: &mut Assembly) {
        for family in P::of_overflow(self).iter().filter(|family| family.value.changed > self.acknowledged) {
            let points = family.value.totals.points().to_vec().into();
            P::of_scope(batch.scope_of(family)).push(Metric { descriptor: family.descriptor.clone(), points });
        }
    }
}

impl<P: Sample> Spill<P> {
    fn trace(&self, stream: &Attributes) -> Option<&P> {
        let hash = stream.stored_hash();
        self.recent.get(&hash).or_else(|| self.older.get(&hash))
    }

    /// The attributes of the total that a stream goes to; beyond `most` it is the one without labels.
    fn total_of(&self, stream: &Attributes, most: usize) -> Arc<Attributes> {
        let roomy = self.totals.points().len() < most;
        Arc::new(if roomy { folded(stream) } else { marked(Vec::new()) })
    }

    /// Forgets the older ones, tells how many they were, and has the recent ones be the older.
    fn turn(&mut self) -> usize {
        std::mem::replace(&mut self.older, std::mem::take(&mut self.recent)).len()
    }
}

/// What a stream is called with the others that have no place: one about a process keeps all but who it is, any other
/// keeps nothing.
pub(crate) fn folded(stream: &Attributes) -> Attributes {
    let own = if stream.process().is_some() { stream.to_vec() } else { Vec::new() };
    let identity = [Attributes::PID, Attributes::COMM, Attributes::OVERFLOW, FOLDED_BY];
    marked(own.into_iter().filter(|(key, _)| !identity.contains(&key.as_str())).collect())
}

fn marked(mut own: Vec<(Key, AttributeValue)>) -> Attributes {
    own.push((Key::Static(Attributes::OVERFLOW), AttributeValue::Bool(true)));
    own.push((Key::Static(FOLDED_BY), AttributeValue::Static("exporter")));
    Attributes::of(own)
}

/// Whether folding `instrument` keeps a total. A sum of gauges means nothing, and what was there when a process ended
/// is not there any more.
pub(crate) fn is_total(instrument: Instrument) -> bool {
    matches!(instrument, Instrument::Counter | Instrument::ExponentialHistogram | Instrument::Histogram)
}

/// Receivers have overflow streams of their own; two totals under one name would be one too few.
pub(crate) const FOLDED_BY: &str = "tfo.folded_by";
