//! The streams of a page, of which there are never too many: those that ended first are added up in one.

use std::sync::Arc;
use std::time::Duration;

use pdata::{Acknowledged, Batch, Known, Latest, Overflow, Room};

/// The last points, and the totals of streams that found no room.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) latest: Latest,
    overflow: Overflow,
    max_streams: usize,
    /// How long a stream stays after its last point came, in nanoseconds.
    expiration: u64,
    /// When they were all looked at last.
    tidied: u64,
    /// A page is read by anybody: nobody has anything already.
    known: Known,
    full: bool,
}

impl Series {
    pub(super) fn new(max_streams: usize, expiration: Duration) -> Self {
        let (latest, overflow) = (Latest::default(), Overflow::default());
        let expiration = expiration.as_nanos().try_into().unwrap_or(u64::MAX);
        let known = Known::new(Acknowledged::Until(0));
        Self { latest, overflow, max_streams, expiration, tidied: 0, known, full: false }
    }

    /// Takes `batch` in, which came `now` by a clock that never goes back, and makes room if need be.
    pub(super) fn merge(&mut self, batch: Arc<Batch>, now: u64) {
        self.latest.merge_at(&self.overflow.pass(batch), now);
        // To look at every stream for every batch, however small, would cost more than to take it in.
        if now.saturating_sub(self.tidied) >= TIDY_AFTER || self.latest.streams() > self.max_streams {
            self.tidied = now;
            self.expire(now);
            self.make_room();
        }
        if let Some(totals) = self.overflow.take_changed() {
            self.latest.merge_at(&totals, now);
            self.overflow.delivered();
        }
    }

    /// Forgets the streams whose last point came too long ago.
    pub(super) fn expire(&mut self, now: u64) {
        self.latest.expire(now.saturating_sub(self.expiration));
    }

    fn make_room(&mut self) {
        let room = Room { streams: self.max_streams, bytes: usize::MAX };
        let shrunk = self.overflow.shrink(&mut self.latest, room, &self.known);
        if shrunk.folded + shrunk.dropped > 0 && !std::mem::replace(&mut self.full, true) {
            tracing::warn!(
                max_streams = self.max_streams,
                "more streams than the page has room for: those read longest ago are added up under \
                 otel.metric.overflow=true; gauges among them are dropped"
            );
        }
    }
}

/// So many nanoseconds after they were all looked at they are again, and sooner where there is no room.
const TIDY_AFTER: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use pdata::{
        AttributeValue, Attributes, Descriptor, Instrument, Metric, OwnAttributes, Point, Process, Resource, Scope,
        Temporality, UnixNanos,
    };

    use super::*;

    const SECOND: UnixNanos = 1_000_000_000;
    const HOUR: Duration = Duration::from_secs(3600);

    /// A counter with a stream for each process, and what it has come to.
    fn batch(time: UnixNanos, processes: &[(u32, u64)]) -> Arc<Batch> {
        let descriptor = Descriptor { name: "calls".into(), instrument: Instrument::Counter, ..Default::default() };
        let point = |(pid, bits): &(u32, u64)| {
            let process =
                Process { pid: *pid, start_boottime: 0, comm: "sh".into(), uid: 0, cgroup: None, is_agent: false };
            let own = OwnAttributes::new(vec![("name", AttributeValue::Static("read"))]);
            let attributes = Arc::new(Attributes::of_process(Arc::new(process), own));
            Point { attributes, start: SECOND, time, bits: *bits }
        };
        let points = processes.iter().map(point).collect();
        let metric = Metric { descriptor: Arc::new(descriptor), points };
        Arc::new(Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "")), vec![metric]))
    }

    fn total(series: &Series) -> (u64, Vec<u64>) {
        let (mut sum, mut overflow) = (0, Vec::new());
        series.latest.for_each(|_, points| {
            for point in points {
                sum += point.bits;
                if point.attributes.get(Attributes::OVERFLOW).is_some() {
                    overflow.push(point.bits);
                }
            }
        });
        (sum, overflow)
    }

    #[test]
    fn a_scraper_that_never_comes_costs_no_memory_and_no_count() {
        let mut series = Series::new(500, HOUR);
        let (mut counted, mut alive, mut last) = (0, Vec::<(u32, u64)>::new(), 0);
        for second in 2..202 {
            // A hundred new processes a second, each of which lives for three.
            let born = u32::try_from(second).unwrap() * 100;
            alive.extend((born..born + 100).map(|pid| (pid, 0)));
            for (_, value) in &mut alive {
                *value += 7;
                counted += 7;
            }
            series.merge(batch(second * SECOND, &alive), second * SECOND);
            alive.retain(|(pid, _)| *pid >= born - 100);
            assert!(series.latest.streams() <= 502, "{}", series.latest.streams());
            let (sum, overflow) = total(&series);
            assert_eq!(sum, counted, "second {second}");
            let now = overflow.iter().sum();
            assert!(last <= now, "the total of the others went back from {last} to {now}");
            last = now;
        }
        assert!(last > counted / 2 && series.overflow.remembered() < 200 * 100, "{last} of {counted}");
    }

    #[test]
    fn who_was_folded_and_goes_on_counting_is_counted_once() {
        let mut series = Series::new(8, HOUR);
        series.merge(batch(2 * SECOND, &[(1, 10), (2, 20)]), 0);
        let others: Vec<_> = (10..20).map(|pid| (pid, 1)).collect();
        series.merge(batch(3 * SECOND, &others), 0);
        assert_eq!(total(&series).0, 40);
        series.merge(batch(4 * SECOND, &[(1, 15)]), 0);
        assert_eq!(total(&series).0, 45);
    }

    #[test]
    fn who_expired_leaves_room_for_those_who_come_whenever_all_were_looked_at_last() {
        let mut series = Series::new(8, Duration::from_millis(100));
        series.merge(batch(SECOND, &[(1, 10), (2, 20)]), SECOND);
        let others: Vec<_> = (10..18).map(|pid| (pid, 1)).collect();
        series.merge(batch(SECOND, &others), SECOND + SECOND / 2);
        assert_eq!((total(&series), series.latest.streams()), ((8, vec![]), 8), "none of them was folded");
    }

    #[test]
    fn deltas_that_found_no_room_stay_as_long_as_others() {
        let mut series = Series::new(8, HOUR);
        let many: Vec<_> = (0..20).map(|pid| (pid, 1)).collect();
        let mut deltas = Arc::unwrap_or_clone(batch(2 * SECOND, &many));
        let descriptor = &mut deltas.resources[0].scopes[0].metrics[0].descriptor;
        *descriptor = Arc::new(Descriptor { temporality: Temporality::Delta, ..(**descriptor).clone() });
        series.merge(Arc::new(deltas), 2 * SECOND);
        series.merge(Arc::default(), 3602 * SECOND);
        assert_eq!(total(&series), (20, vec![13]));
        series.merge(Arc::default(), 3604 * SECOND);
        assert_eq!(series.latest.streams(), 0);
    }

    /// A hundred thousand streams, each looked at for every batch: minutes.
    #[test]
    fn a_small_batch_costs_little_whatever_is_held() {
        let mut series = Series::new(500_000, HOUR);
        let many: Vec<_> = (0..100_000).map(|pid| (pid, 1)).collect();
        series.merge(batch(SECOND, &many), SECOND);
        for step in 0..100_000 {
            series.merge(batch(SECOND + step, &[(7, step + 1)]), SECOND + step);
        }
        assert_eq!(total(&series).0, 99_999 + 100_000);
    }
}
