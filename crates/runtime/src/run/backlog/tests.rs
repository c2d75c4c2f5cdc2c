//! What waits stays within bounds, and none of its streams is forgotten.

use pdata::{
    Acknowledged, AttributeValue, Attributes, Descriptor, Distribution, ExponentialHistogram, HistogramMetric,
    HistogramPoint, Instrument, Metric, Metrics, OwnAttributes, Point, Process, Resource, Scope, Temporality,
};

use super::*;

fn backlog(bounds: Bounds) -> Backlog {
    Backlog::new(bounds, Known::new(Acknowledged::Until(0)), Arc::default())
}

fn requests(size: usize) -> Bounds {
    Bounds { size, sizer: Sizer::Requests, bytes: usize::MAX, streams: usize::MAX }
}

fn stream(id: i64) -> Arc<Attributes> {
    Arc::new(Attributes::new(vec![("stream", AttributeValue::Int(id))]))
}

fn batch_of(metrics: impl Into<Metrics>) -> Arc<Batch> {
    Arc::new(Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "0")), metrics))
}

fn number(instrument: Instrument, temporality: Temporality, id: i64, time: u64) -> Arc<Batch> {
    let descriptor = Arc::new(Descriptor { name: "calls".into(), instrument, temporality, ..Descriptor::default() });
    let points = vec![Point { attributes: stream(id), start: 1, time, bits: time }];
    batch_of(vec![Metric { descriptor, points: points.into() }])
}

fn batch(id: i64, time: u64) -> Arc<Batch> {
    number(Instrument::Counter, Temporality::Cumulative, id, time)
}

fn distribution(id: i64, time: u64) -> Arc<Batch> {
    let histogram = Arc::new(ExponentialHistogram { counts: [time].into(), ..Default::default() }.into());
    let instrument = Instrument::ExponentialHistogram;
    let descriptor = Arc::new(Descriptor { name: "times".into(), instrument, ..Descriptor::default() });
    let points = vec![HistogramPoint { attributes: stream(id), start: 1, time, histogram }];
    batch_of(Metrics { histograms: vec![HistogramMetric { descriptor, points: points.into() }], ..Metrics::default() })
}

fn bits(batch: &Batch) -> Vec<u64> {
    let mut bits: Vec<u64> = batch.metrics().flat_map(|metric| &metric.points).map(|point| point.bits).collect();
    bits.sort_unstable();
    bits
}

#[test]
fn a_full_queue_merges_its_oldest_and_keeps_every_stream() {
    let mut backlog = backlog(requests(2));
    for (id, time) in [(1, 1), (2, 2), (1, 3), (3, 4), (3, 5)] {
        backlog.push(batch(id, time));
    }
    assert_eq!((backlog.len(), backlog.counters.queue_size.load(std::sync::atomic::Ordering::Relaxed)), (2, 2));
    assert_eq!(bits(&backlog.next().unwrap()), [2, 3, 4]);
    assert_eq!(bits(&backlog.next().unwrap()), [5]);
    assert!(backlog.next().is_none());
    assert_eq!(backlog.counters.read().merged, 1);
}

#[test]
fn a_full_queue_keeps_the_last_distribution_of_every_stream() {
    let mut backlog = backlog(requests(1));
    for (id, time) in [(1, 1), (2, 2), (1, 3)] {
        backlog.push(distribution(id, time));
    }
    backlog.push(batch(1, 4));
    let merged = backlog.next().unwrap();
    let counts = merged.histograms().flat_map(|metric| &metric.points).map(|point| point.histogram.count());
    assert_eq!((counts.collect::<Vec<_>>(), bits(&merged)), (vec![3, 2], vec![4]));
    assert_eq!((backlog.counters.read().merged, backlog.len()), (1, 0));
}

#[test]
fn a_batch_that_nothing_waits_for_is_passed_on_without_a_copy() {
    let mut backlog = backlog(requests(5));
    let batch = batch(1, 1);
    assert!(Arc::ptr_eq(&backlog.join(batch.clone()), &batch));
    backlog.push(batch.clone());
    assert!(Arc::ptr_eq(&backlog.next().unwrap(), &batch));
    assert!(Arc::ptr_eq(&backlog.overflow.pass(batch.clone()), &batch));
}

#[test]
fn what_was_given_up_goes_with_the_next_and_deltas_are_added_up() {
    let mut backlog = backlog(requests(5));
    let delta = |id, time| number(Instrument::Counter, Temporality::Delta, id, time);
    backlog.give_up(&batch(1, 1));
    backlog.give_up(&delta(1, 1));
    assert!(backlog.next().is_none(), "it waits for the next");
    backlog.push(delta(1, 10));
    backlog.push(batch(2, 20));
    backlog.give_up(&batch(1, 3));
    assert_eq!(bits(&backlog.next().unwrap()), [3, 11]);
    assert_eq!(bits(&backlog.next().unwrap()), [20]);
    backlog.give_up(&batch(1, 4));
    assert_eq!(bits(&backlog.join(batch(1, 5))), [5]);
    assert_eq!((backlog.len(), backlog.counters.read().merged), (0, 3));
}

#[test]
fn gauges_that_find_no_room_are_dropped_and_counted_and_deltas_are_folded_at_once() {
    let mut backlog = backlog(Bounds { streams: 8, ..requests(1) });
    for id in 0..20 {
        backlog.push(number(Instrument::Gauge, Temporality::Cumulative, id, 100));
    }
    let counted = backlog.counters.read();
    assert!(backlog.held.streams() <= 8 && counted.lost == 20 - backlog.held.streams() as u64, "{counted:?}");
    backlog.take_held();
    for id in 0..20 {
        backlog.push(number(Instrument::Counter, Temporality::Delta, id, 100));
    }
    let held = backlog.take_held().unwrap();
    assert!(held.items() <= 8 && bits(&held).iter().sum::<u64>() == 2000, "{:?}", bits(&held));
    assert!(backlog.overflow.is_empty());
}

/// A read of `living` processes and of a hundred new ones that end at once, each with a number and a distribution.
fn read(time: u64, living: u32) -> (Arc<Batch>, u64) {
    let pids = (0..living).chain((0..100).map(|new| living + 100 * u32::try_from(time).unwrap() + new));
    let descriptor = |name: &'static str, instrument| {
        Arc::new(Descriptor { name: name.into(), instrument, ..Descriptor::default() })
    };
    let histogram: Arc<Distribution> =
        Arc::new(ExponentialHistogram { counts: vec![1; 100].into(), ..Default::default() }.into());
    let (mut points, mut distributions) = (vec![], vec![]);
    for pid in pids {
        let (start_boottime, comm) = (time, "short".into());
        let process = Process { pid, start_boottime, comm, uid: 0, cgroup: None, is_agent: false };
        let own = OwnAttributes::new(vec![("call", AttributeValue::Int(i64::from(pid % 50)))]);
        let attributes = Arc::new(Attributes::of_process(Arc::new(process), own));
        let start = if pid < living { 1 } else { time };
        points.push(Point { attributes: attributes.clone(), start, time, bits: 1 });
        distributions.push(HistogramPoint { attributes, start, time, histogram: histogram.clone() });
    }
    let metrics = Metrics {
        numbers: vec![Metric { descriptor: descriptor("calls", Instrument::Counter), points: points.into() }],
        histograms: vec![Metric {
            descriptor: descriptor("times", Instrument::ExponentialHistogram),
            points: distributions.into(),
        }],
    };
    (batch_of(metrics), 100)
}

#[test]
fn memory_does_not_grow_with_the_length_of_an_outage() {
    let (streams, bytes) = (5_000, 3_000_000);
    let mut backlog = backlog(Bounds { size: 10, sizer: Sizer::Requests, bytes, streams });
    let (mut most, mut born) = ((0, 0, 0), 0);
    for time in 1..=600 {
        let (batch, new) = read(time, 200);
        born += new;
        backlog.push(batch);
        assert!(backlog.len() <= 10 && backlog.held.streams() <= streams && backlog.bytes() <= bytes);
        if time == 60 {
            most = (backlog.items(), backlog.bytes(), backlog.overflow.remembered());
        }
    }
    // Sixty seconds are as much as ten minutes.
    assert!(backlog.items() <= most.0 * 5 / 4 && backlog.bytes() <= most.1 * 5 / 4, "{most:?} {}", backlog.bytes());
    assert!(backlog.overflow.remembered() <= 4 * streams, "{}", backlog.overflow.remembered());
    backlog.merge_all();
    let folded = backlog.overflow.take_changed().unwrap();
    let held = backlog.take_held().unwrap();
    assert!(folded.items() <= 100);
    assert_eq!(bits(&held).iter().sum::<u64>() + bits(&folded).iter().sum::<u64>(), born + 200);
    let count = |batch: &Batch| -> u64 {
        batch.histograms().flat_map(|metric| &metric.points).map(|point| point.histogram.count()).sum()
    };
    assert_eq!(count(&held) + count(&folded), 100 * (born + 200));
}
