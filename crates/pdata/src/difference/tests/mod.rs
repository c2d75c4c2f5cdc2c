//! Differences: what goes out, what waits for the next request, and what a next agent goes on from.

mod places;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::*;
use crate::{
    AttributeValue, Attributes, ExplicitHistogram, ExponentialHistogram, HistogramMetric, Instrument, Metrics,
    Resource, Scope,
};

const MINUTE: UnixNanos = 60_000_000_000;
const LIMITS: Limits = Limits { streams: 1000, fresh: 0, saved: true };

fn stream(id: i64) -> Arc<Attributes> {
    Arc::new(Attributes::new(vec![("id", AttributeValue::Int(id))]))
}

fn descriptor(instrument: Instrument) -> Arc<Descriptor> {
    Arc::new(Descriptor { name: "m".into(), instrument, ..Descriptor::default() })
}

fn batch(metrics: Metrics) -> Batch {
    Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "0")), metrics)
}

/// Points of `id`, start, time and value.
fn of(instrument: Instrument, points: &[(i64, u64, u64, u64)]) -> Batch {
    let point = |(id, start, time, bits): &(i64, u64, u64, u64)| Point {
        attributes: stream(*id),
        start: *start,
        time: *time,
        bits: *bits,
    };
    let points = points.iter().map(point).collect();
    batch(vec![Metric { descriptor: descriptor(instrument), points }].into())
}

fn counters(points: &[(i64, u64, u64, u64)]) -> Batch {
    of(Instrument::Counter, points)
}

/// The same form, of what goes out.
fn sent(since: &Since) -> Vec<(i64, u64, u64, u64)> {
    let points = since.batch.metrics().flat_map(|metric| &metric.points).map(|point| {
        let Some(AttributeValue::Int(id)) = point.attributes.get("id") else { panic!("{point:?}") };
        (id, point.start, point.time, point.bits)
    });
    points.collect()
}

/// They leave at the time of their points.
fn launch(differences: &mut Differences, parts: &[Batch]) {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let time = parts.iter().flat_map(Batch::metrics).map(|metric| metric.points.latest()).max();
    differences.launch(parts.iter(), *BEGAN + Duration::from_nanos(time.unwrap_or_default()));
}

fn deliver(differences: &mut Differences, batch: &Batch) -> Vec<(i64, u64, u64, u64)> {
    launch(differences, std::slice::from_ref(batch));
    let since = differences.since(batch);
    differences.commit(batch);
    sent(&since)
}

#[test]
fn what_a_failed_request_would_have_said_is_in_the_next_one() {
    let mut differences = Differences::new(LIMITS);
    let first = counters(&[(1, 10, 20, 5)]);
    assert_eq!(sent(&differences.since(&first)), [(1, 10, 20, 5)]);
    assert_eq!(deliver(&mut differences, &counters(&[(1, 10, 30, 7)])), [(1, 10, 30, 7)]);
    assert_eq!(sent(&differences.since(&counters(&[(1, 10, 40, 9)]))), [(1, 30, 40, 2)]);
    let last = differences.since(&counters(&[(1, 10, 50, 12)]));
    assert_eq!(sent(&last), [(1, 30, 50, 5)]);
    let descriptor = &last.batch.metrics().next().unwrap().descriptor;
    assert_eq!(descriptor.temporality, Temporality::Delta);
}

#[test]
fn a_stream_that_has_not_changed_is_left_out_and_its_next_difference_begins_where_the_last_ended() {
    let mut differences = Differences::new(LIMITS);
    deliver(&mut differences, &counters(&[(1, 10, 20, 5), (2, 10, 20, 0)]));
    let nothing = differences.since(&counters(&[(1, 10, 30, 5)]));
    assert!(nothing.batch.resources.is_empty());
    differences.commit(&counters(&[(1, 10, 30, 5)]));
    assert_eq!(
        deliver(&mut differences, &counters(&[(1, 10, 40, 6), (2, 10, 40, 3)])),
        [(1, 20, 40, 1), (2, 20, 40, 3)]
    );
}

#[test]
fn of_several_points_of_a_stream_in_one_batch_the_last_one_counts_once() {
    let mut differences = Differences::new(LIMITS);
    assert_eq!(deliver(&mut differences, &counters(&[(1, 10, 20, 5), (1, 10, 30, 8)])), [(1, 10, 30, 8)]);
    assert_eq!(deliver(&mut differences, &counters(&[(1, 10, 50, 12), (1, 10, 40, 9)])), [(1, 30, 50, 4)]);
}

#[test]
fn counting_that_began_anew_is_told_whole_and_a_late_point_not_at_all() {
    let mut differences = Differences::new(LIMITS);
    deliver(&mut differences, &counters(&[(1, 10, 20, 5), (2, 10, 20, 50)]));
    assert_eq!(
        deliver(&mut differences, &counters(&[(1, 25, 30, 8), (2, 10, 30, 4)])),
        [(1, 25, 30, 8), (2, 20, 30, 4)]
    );
    assert_eq!(deliver(&mut differences, &counters(&[(1, 25, 29, 7)])), []);
    assert_eq!(deliver(&mut differences, &counters(&[(1, 25, 40, 9)])), [(1, 30, 40, 1)]);
}

#[test]
fn gauges_sums_that_may_go_down_and_deltas_stay_as_they_are() {
    let mut differences = Differences::new(LIMITS);
    for instrument in [Instrument::Gauge, Instrument::UpDownCounter] {
        for _ in 0..2 {
            let since = differences.since(&of(instrument, &[(1, 10, 20, 5)]));
            assert_eq!(sent(&since), [(1, 10, 20, 5)]);
            let descriptor = &since.batch.metrics().next().unwrap().descriptor;
            assert_eq!(descriptor.temporality, Temporality::Cumulative);
        }
    }
    let mut deltas = counters(&[(1, 10, 20, 5)]);
    let metric = &mut deltas.resources[0].scopes[0].metrics[0];
    metric.descriptor = Arc::new(Descriptor { temporality: Temporality::Delta, ..(*metric.descriptor).clone() });
    for _ in 0..2 {
        assert_eq!(deliver(&mut differences, &deltas), [(1, 10, 20, 5)]);
    }
    assert_eq!(differences.streams(), 0);
}

fn distributions(time: u64, exponential: &[u64], explicit: &[u64], bound: f64) -> Batch {
    let exponential = ExponentialHistogram { counts: exponential.into(), sum: time, ..Default::default() };
    let explicit = ExplicitHistogram {
        bounds: [bound].into(),
        counts: explicit.into(),
        count: explicit.iter().sum(),
        sum: Some(0.5),
        ..Default::default()
    };
    let metric = |instrument, histogram| HistogramMetric {
        descriptor: descriptor(instrument),
        points: vec![HistogramPoint { attributes: stream(1), start: 10, time, histogram: Arc::new(histogram) }].into(),
    };
    let histograms = vec![
        metric(Instrument::ExponentialHistogram, exponential.into()),
        metric(Instrument::Histogram, explicit.into()),
    ];
    batch(Metrics { histograms, ..Metrics::default() })
}

fn buckets(since: &Since) -> Vec<Vec<u64>> {
    let points = since.batch.histograms().flat_map(|metric| &metric.points);
    let counts = points.map(|point| match &*point.histogram {
        crate::Distribution::Exponential(histogram) => histogram.used().1.to_vec(),
        crate::Distribution::Explicit(histogram) => histogram.counts.to_vec(),
        crate::Distribution::Summary(_) => panic!("{point:?}"),
    });
    counts.collect()
}

#[test]
fn histograms_are_subtracted_bucket_by_bucket_and_with_other_edges_they_began_anew() {
    let mut differences = Differences::new(LIMITS);
    let first = distributions(20, &[1, 2], &[3, 4], 1.0);
    assert_eq!(buckets(&differences.since(&first)), [vec![1, 2], vec![3, 4]]);
    differences.commit(&first);
    let second = differences.since(&distributions(30, &[1, 5], &[4, 4], 1.0));
    assert_eq!(buckets(&second), [vec![3], vec![1, 0]]);
    let other = distributions(30, &[1, 5], &[9, 9], 2.0);
    let since = differences.since(&other);
    assert_eq!((buckets(&since), since.left_out), (vec![vec![3], vec![9, 9]], 0));
    differences.commit(&other);
    assert_eq!(buckets(&differences.since(&distributions(40, &[1, 5], &[9, 10], 2.0))), [vec![0, 1]]);
}

#[test]
fn the_next_agent_goes_on_where_the_last_one_s_backend_was() {
    let mut differences = Differences::new(LIMITS);
    let all = [counters(&[(1, 10, 20, 5), (2, 10, 20, 9)]), distributions(20, &[1, 2], &[3, 4], 1.0)];
    all.iter().for_each(|batch| drop(deliver(&mut differences, batch)));
    let mut next = Differences::new(Limits { fresh: 1000, ..LIMITS });
    assert!(next.restore(&differences.save()));
    assert_eq!(next.streams(), 4);
    // Counting went on meanwhile, one stream has ended and one was born.
    assert_eq!(
        deliver(&mut next, &counters(&[(1, 10, 2000, 6), (3, 30, 2000, 4)])),
        [(1, 20, 2000, 1), (3, 30, 2000, 4)]
    );
    let since = next.since(&distributions(2000, &[1, 3], &[3, 5], 1.0));
    assert_eq!(buckets(&since), [vec![1], vec![0, 1]]);
    // Who has not come yet is known to the next but one as well.
    let mut third = Differences::new(LIMITS);
    assert!(third.restore(&next.save()));
    assert_eq!(sent(&third.since(&counters(&[(1, 10, 2000, 6), (2, 10, 2000, 10)]))), [(2, 20, 2000, 1)]);
}

#[test]
fn after_a_restart_a_start_may_be_a_little_off_much_later_is_anew_and_earlier_is_not_known() {
    const S: u64 = 1_000_000_000;
    let mut differences = Differences::new(LIMITS);
    deliver(&mut differences, &counters(&[(1, 10 * S, 20 * S, 5), (2, 10 * S, 20 * S, 5), (3, 10 * S, 20 * S, 5)]));
    let mut next = Differences::new(LIMITS);
    assert!(next.restore(&differences.save()));
    let off = counters(&[(1, 10 * S + 300, 30 * S, 6), (2, 25 * S, 30 * S, 7), (3, 2 * S, 30 * S, 100)]);
    assert_eq!(deliver(&mut next, &off), [(1, 20 * S, 30 * S, 1), (2, 25 * S, 30 * S, 7)]);
    assert_eq!(deliver(&mut next, &counters(&[(3, 2 * S, 40 * S, 101)])), [(3, 30 * S, 40 * S, 1)]);
}

#[test]
fn saved_state_that_was_cut_or_is_of_another_kind_is_refused() {
    let mut differences = Differences::new(LIMITS);
    deliver(&mut differences, &counters(&[(1, 10, 20, 5)]));
    deliver(&mut differences, &distributions(20, &[1, 2], &[3, 4], 1.0));
    let saved = differences.save();
    let whole = |length: &usize| Differences::new(LIMITS).restore(&saved[..*length]);
    assert_eq!((0..saved.len()).filter(whole).count(), 3, "nothing but the head, and after each stream but the last");
    for at in 0..saved.len() {
        // Whatever it says, it is read within bounds.
        let mut damaged = saved.clone();
        damaged[at] ^= 0xff;
        let _ = Differences::new(LIMITS).restore(&damaged);
    }
    assert!(!Differences::new(LIMITS).restore(&[2]));
}

#[test]
fn without_saved_state_nothing_from_before_is_told_twice() {
    let mut differences = Differences::new(Limits { fresh: 100, ..LIMITS });
    assert_eq!(deliver(&mut differences, &counters(&[(1, 10, 120, 5), (2, 110, 120, 7)])), [(2, 110, 120, 7)]);
    assert_eq!(deliver(&mut differences, &counters(&[(1, 10, 130, 6)])), [(1, 120, 130, 1)]);
}

#[test]
fn a_stream_beyond_the_limit_is_told_once_and_goes_on_when_it_finds_a_place() {
    let mut differences = Differences::new(Limits { streams: 2, ..LIMITS });
    let three = counters(&[(1, 10, 20, 5), (2, 10, 20, 6), (3, 10, 20, 7)]);
    assert_eq!(deliver(&mut differences, &three).len(), 3);
    assert_eq!(differences.streams(), 2);
    // Nobody knows what was sent of the third.
    let again = counters(&[(1, 10, 30, 6), (2, 10, 30, 7), (3, 10, 30, 8)]);
    launch(&mut differences, std::slice::from_ref(&again));
    let since = differences.since(&again);
    assert_eq!((sent(&since), since.left_out), (vec![(1, 20, 30, 1), (2, 20, 30, 1)], 1));
    differences.commit(&again);
    // The first has ended: its place goes to the third, which is known from then on.
    for (time, news, left_out) in [(40, vec![], 1), (50, vec![(3, 40, 50, 1)], 0), (60, vec![(3, 50, 60, 1)], 0)] {
        let two = counters(&[(2, 10, time, 7), (3, 10, time, 8 + time / 10)]);
        launch(&mut differences, std::slice::from_ref(&two));
        let since = differences.since(&two);
        differences.commit(&two);
        assert_eq!((sent(&since), since.left_out), (news, left_out), "{time}");
    }
    // Who left is not taken for new, and who is new is.
    let since = differences.since(&counters(&[(1, 10, 70, 9), (4, 65, 70, 3)]));
    assert_eq!((sent(&since), since.left_out), (vec![(4, 65, 70, 3)], 1));
    assert_eq!(differences.streams(), 2);
}

#[test]
fn who_has_not_come_for_long_is_forgotten() {
    let mut differences = Differences::new(LIMITS);
    deliver(&mut differences, &counters(&[(1, 1, MINUTE, 5), (2, 1, MINUTE, 5)]));
    for minute in 2..8 {
        deliver(&mut differences, &counters(&[(1, 1, minute * MINUTE, 5 + minute)]));
    }
    assert_eq!(differences.streams(), 1);
}
