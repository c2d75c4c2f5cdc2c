//! The streams of a page, of which there are never too many: those that ended first are added up in one.

use std::sync::Arc;

use pdata::{Acknowledged, Batch, Known, Latest, Overflow, Room, UnixNanos};

/// The last points, and the totals of streams that found no room.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) latest: Latest,
    overflow: Overflow,
    max_streams: usize,
    /// A page is read by anybody: nobody has anything already.
    known: Known,
    full: bool,
}

impl Series {
    pub(super) fn new(max_streams: usize) -> Self {
        let (latest, overflow) = (Latest::default(), Overflow::default());
        Self { latest, overflow, max_streams, known: Known::new(Acknowledged::Until(0)), full: false }
    }

    /// Takes `batch` in, forgets what was read before `oldest`, and makes room if need be.
    pub(super) fn merge(&mut self, batch: Arc<Batch>, oldest: UnixNanos) {
        self.latest.merge(&self.overflow.pass(batch));
        self.latest.expire(oldest);
        let room = Room { streams: self.max_streams, bytes: usize::MAX };
        let shrunk = self.overflow.shrink(&mut self.latest, room, &self.known);
        if shrunk.folded + shrunk.dropped > 0 && !std::mem::replace(&mut self.full, true) {
            tracing::warn!(
                max_streams = self.max_streams,
                "more streams than the page has room for: those read longest ago are added up under \
                 otel.metric.overflow=true; gauges among them are dropped"
            );
        }
        if let Some(totals) = self.overflow.take_changed() {
            self.latest.merge(&totals);
            self.overflow.delivered();
        }
    }
}

#[cfg(test)]
mod tests {
    use pdata::{
        AttributeValue, Attributes, Descriptor, Instrument, Metric, OwnAttributes, Point, Process, Resource, Scope,
    };

    use super::*;

    const SECOND: UnixNanos = 1_000_000_000;

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
        let mut series = Series::new(500);
        let (mut counted, mut alive, mut last) = (0, Vec::<(u32, u64)>::new(), 0);
        for second in 2..202 {
            // A hundred new processes a second, each of which lives for three.
            let born = u32::try_from(second).unwrap() * 100;
            alive.extend((born..born + 100).map(|pid| (pid, 0)));
            for (_, value) in &mut alive {
                *value += 7;
                counted += 7;
            }
            series.merge(batch(second * SECOND, &alive), 0);
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
        let mut series = Series::new(8);
        series.merge(batch(2 * SECOND, &[(1, 10), (2, 20)]), 0);
        let others: Vec<_> = (10..20).map(|pid| (pid, 1)).collect();
        series.merge(batch(3 * SECOND, &others), 0);
        assert_eq!(total(&series).0, 40);
        series.merge(batch(4 * SECOND, &[(1, 15)]), 0);
        assert_eq!(total(&series).0, 45);
    }
}
