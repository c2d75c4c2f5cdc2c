//! Who keeps a place among the streams that are known, and who gives way.

use std::collections::HashMap;
use std::time::Instant;

use super::clock::Tick;
use super::evicted::Evicted;
use super::streams::Age;
use super::{Differences, converts};
use crate::families::Origin;
use crate::kind::Kind;
use crate::{Batch, HistogramPoint, Metric, Point, ResourceMetrics, ScopeMetrics};

/// A stream is forgotten that was in none of the last three batches of its metric, and for so long.
const FORGET_AFTER: Tick = 300_000_000_000;
/// A source of which nothing came for so long has gone; until then it may be cut off, and go on where it stopped.
const GONE_AFTER: Tick = 24 * 3600 * 1_000_000_000;

impl Age {
    fn is_old(self, now: Tick) -> bool {
        now - self.seen >= FORGET_AFTER
    }

    fn is_forgotten(self, now: Tick) -> bool {
        let [last, _, third] = self.batches;
        now - last >= GONE_AFTER || (!self.folded && self.seen < third && self.is_old(now))
    }

    /// Whether it may be forgotten where places are few.
    fn gives_way(self, now: Tick) -> bool {
        !self.folded && (self.seen < self.batches[0] || self.is_old(now))
    }
}

impl Differences {
    /// That a batch leaves `at` that time, in `parts`; to be called once for all of them, before the first is sent.
    ///
    /// Who is in it lives, whether or not the far side takes it.
    pub fn launch<'a>(&mut self, parts: impl Iterator<Item = &'a Batch>, at: Instant) {
        self.clock.step(at);
        if self.resumed.is_some_and(|resumed| self.committed - resumed >= FORGET_AFTER) {
            self.restored = HashMap::new();
        }
        for ResourceMetrics { resource, scopes } in parts.flat_map(|part| &part.resources) {
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                let source = Origin::new(resource, scope);
                metrics.iter().for_each(|metric| self.see(source, metric));
                histograms.iter().for_each(|metric| self.see(source, metric));
            }
        }
        if self.clock.is_due() {
            let now = self.clock.now;
            self.evict(&mut |age| age.is_forgotten(now));
        }
    }

    fn see<P: Kind>(&mut self, source: Origin<'_>, Metric { descriptor, points }: &Metric<P>) {
        let now = self.clock.now;
        if converts(descriptor)
            && let Some(known) = P::of_differences_mut(self).get_mut(source, descriptor)
        {
            known.see(points, now);
        }
    }

    /// Finds places for those of `batch` that have none; says no where there are fewer than that.
    pub(super) fn make_room(&mut self, batch: &Batch) -> bool {
        let (now, most) = (self.clock.now, self.limits.streams);
        if self.streams() + batch.items() <= most {
            return true;
        }
        let over = (self.streams() + self.strangers(batch)).saturating_sub(most);
        if over == 0 || self.full == Some(now) {
            return over == 0;
        }
        let numbers = self.numbers.iter().flat_map(|family| family.value.ages());
        let ages = numbers.chain(self.histograms.iter().flat_map(|family| family.value.ages()));
        let ages: Vec<Age> = ages.filter(|age| age.gives_way(now)).collect();
        // Some more than are needed, so that the search is not for every one that comes.
        let old = ages.iter().filter(|age| age.is_old(now)).count();
        let mut going = old.min(over + most / 16).max(over).min(ages.len());
        let enough = going >= over;
        if !enough {
            self.full = Some(now);
        }
        let Some(last) = going.checked_sub(1) else { return enough };
        let mut seen: Vec<Tick> = ages.iter().map(|age| age.seen).collect();
        let oldest = *seen.select_nth_unstable(last).1;
        self.evict(&mut |age| {
            let goes = going > 0 && age.seen <= oldest && age.gives_way(now);
            going -= usize::from(goes);
            goes
        });
        enough
    }

    /// How many points of `batch` are of streams that have no place.
    fn strangers(&self, batch: &Batch) -> usize {
        fn of<P: Kind>(differences: &Differences, source: Origin<'_>, metric: &Metric<P>) -> usize {
            let Metric { descriptor, points } = metric;
            if !converts(descriptor) {
                return 0;
            }
            let known = P::of_differences(differences).get(source, descriptor).map(|family| &family.value);
            let stranger = |point: &&P| known.is_none_or(|known| known.entry(point.attributes()).is_none());
            points.iter().filter(|point| !point.is_missing(descriptor.number)).filter(stranger).count()
        }
        let scopes = batch.resources.iter().flat_map(|of| of.scopes.iter().map(move |scope| (&of.resource, scope)));
        let strangers = scopes.map(|(resource, ScopeMetrics { scope, metrics, histograms })| {
            let source = Origin::new(resource, scope);
            let numbers: usize = metrics.iter().map(|metric| of(self, source, metric)).sum();
            numbers + histograms.iter().map(|metric| of(self, source, metric)).sum::<usize>()
        });
        strangers.sum()
    }

    /// Forgets those who are `gone`, but for who they were, and metrics of which nobody is left.
    fn evict(&mut self, gone: &mut dyn FnMut(Age) -> bool) {
        fn of<P: Kind>(
            differences: &mut Differences,
            evicted: &mut Evicted,
            gone: &mut dyn FnMut(Age) -> bool,
        ) -> usize {
            let families = P::of_differences_mut(differences);
            let left = families.iter_mut().map(|family| family.value.evict(family.hash, evicted, gone)).sum();
            families.retain(|family| !family.value.entries.is_empty());
            left
        }
        let mut evicted = std::mem::replace(&mut self.evicted, Evicted::new(0));
        self.streams -= of::<Point>(self, &mut evicted, gone) + of::<HistogramPoint>(self, &mut evicted, gone);
        self.evicted = evicted;
    }
}
