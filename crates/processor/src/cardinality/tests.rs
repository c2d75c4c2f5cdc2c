//! Totals stay what they are, whatever comes and goes.

use std::collections::HashMap;

use component::config::Value;
use pdata::{Instrument, UnixNanos};

use super::*;
use crate::tests::{as_delta, batch, batch_as, batch_of, histogram, point, read};

const MINUTE: UnixNanos = 60_000_000_000;

fn processor(max_streams: u64) -> Cardinality {
    Cardinality::new(&Config { max_streams })
}

fn of(time: UnixNanos, values: &[(i64, u64)]) -> Vec<Point> {
    values.iter().map(|(id, bits)| Point { bits: *bits, ..point(None, *id, time) }).collect()
}

/// What goes on: id, or -1 for the other stream, and value, in the order of ids.
fn pass(processor: &mut Cardinality, batch: Batch) -> Vec<(i64, u64)> {
    let mut output = Vec::new();
    processor.process(batch, &mut output);
    let id = |set: &Attributes| match set.get("id") {
        Some(AttributeValue::Int(id)) => id,
        _ => {
            assert_eq!(set.get("otel.metric.overflow"), Some(AttributeValue::Bool(true)));
            -1
        }
    };
    let numbers = output.iter().flat_map(Batch::metrics).flat_map(|metric| &metric.points);
    let distributions = output.iter().flat_map(Batch::histograms).flat_map(|metric| &metric.points);
    let mut points: Vec<_> = numbers.map(|point| (id(&point.attributes), point.bits)).collect();
    points.extend(distributions.map(|point| (id(&point.attributes), point.histogram.count())));
    points.sort_unstable();
    points
}

#[test]
fn the_largest_stay_and_the_others_are_one_with_the_same_total() {
    let mut processor = processor(2);
    let first = pass(&mut processor, batch(of(10, &[(1, 5), (2, 50), (3, 7), (4, 20)])));
    assert_eq!(first, [(-1, 12), (2, 50), (4, 20)]);
    let second = pass(&mut processor, batch(of(20, &[(1, 500), (2, 51), (3, 8), (4, 20), (5, 9000)])));
    assert_eq!(second, [(-1, 9508), (2, 51), (4, 20)], "who has a place keeps it");
    let third = pass(&mut processor, batch(of(30, &[(1, 501), (2, 51)])));
    assert_eq!(third, [(-1, 9509), (2, 51)], "what has ended stays in the total");
    assert_eq!(pass(&mut processor, batch(of(40, &[(2, 52)]))), [(-1, 9509), (2, 52)]);
}

#[test]
fn few_enough_streams_pass_as_they_are() {
    let mut processor = processor(3);
    assert_eq!(pass(&mut processor, batch(of(10, &[(1, 5), (2, 6), (3, 7)]))), [(1, 5), (2, 6), (3, 7)]);
}

#[test]
fn a_place_that_is_free_again_goes_to_a_new_stream_never_to_a_folded_one() {
    let mut processor = processor(1);
    assert_eq!(pass(&mut processor, batch(of(1, &[(1, 5), (2, 4)]))), [(-1, 4), (1, 5)]);
    for minute in 1..8 {
        pass(&mut processor, batch(of(minute * MINUTE, &[(2, 4 + minute)])));
    }
    assert_eq!(pass(&mut processor, batch(of(9 * MINUTE, &[(2, 99), (3, 1)]))), [(-1, 99), (3, 1)]);
}

#[test]
fn every_series_only_grows_and_nothing_is_lost_under_churn() {
    let (mut processor, mut random) = (processor(8), 7u64);
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (mut alive, mut counted, mut born) = (Vec::<(i64, u64)>::new(), 0, 0);
    let (mut before, mut last) = (HashMap::new(), HashMap::new());
    for round in 1..400 {
        for _ in 0..next(4) {
            alive.push((born, 0));
            born += 1;
        }
        for (_, value) in &mut alive {
            let more = next(100);
            *value += more;
            counted += more;
        }
        let sent = pass(&mut processor, batch(of(round * MINUTE, &alive)));
        assert!(sent.len() <= 9, "{sent:?}");
        for (id, value) in sent {
            assert!(before.insert(id, value).is_none_or(|before| before <= value), "{id} went back");
            last.insert(id, value);
        }
        // All that was ever counted is in what was last said of each series.
        assert_eq!(last.values().sum::<u64>(), counted, "round {round}");
        alive.retain(|_| next(10) > 0);
    }
    assert!(born > 300);
}

#[test]
fn distributions_are_ranked_by_their_count_and_folded_bucket_by_bucket() {
    let mut processor = processor(1);
    let points = |time: [u64; 3]| (0..).zip(time).map(|(id, time)| histogram(None, id, time)).collect();
    assert_eq!(pass(&mut processor, batch_of(vec![], points([3, 10, 4]))), [(-1, 7), (1, 10)]);
    assert_eq!(pass(&mut processor, batch_of(vec![], points([30, 11, 5]))), [(-1, 35), (1, 11)]);
}

#[test]
fn of_gauges_the_largest_stay_and_what_is_dropped_is_counted() {
    let mut processor = processor(2);
    let mut sent = |values: &[(i64, u64)]| pass(&mut processor, batch_as(Instrument::Gauge, of(1, values)));
    assert_eq!(sent(&[(1, 5), (2, 50), (3, 7)]), [(2, 50), (3, 7)]);
    assert_eq!(sent(&[(1, 500), (2, 5), (3, 7), (4, 1000)]), [(2, 5), (3, 7)]);
    assert_eq!(processor.limit.dropped, 3);
}

#[test]
fn of_up_down_counters_the_other_stream_is_what_is_there_now() {
    let mut processor = processor(1);
    let mut sent = |values: &[(i64, u64)]| pass(&mut processor, batch_as(Instrument::UpDownCounter, of(1, values)));
    assert_eq!(sent(&[(1, 5), (2, 50), (3, 7)]), [(-1, 12), (2, 50)]);
    assert_eq!(sent(&[(1, 4), (2, 50)]), [(-1, 4), (2, 50)]);
    assert_eq!(sent(&[(2, 50)]), [(2, 50)]);
}

#[test]
fn a_stream_that_comes_with_the_mark_is_part_of_the_other() {
    let mut processor = processor(1);
    let marked = |time, bits| {
        let set = Attributes::new(vec![(Attributes::OVERFLOW, AttributeValue::Bool(true))]);
        Point { attributes: Arc::new(set), bits, ..point(None, 0, time) }
    };
    assert_eq!(pass(&mut processor, batch(vec![marked(10, 100)])), [(-1, 100)]);
    let points = [of(20, &[(1, 5), (2, 4)]), vec![marked(20, 101)]].concat();
    assert_eq!(pass(&mut processor, batch(points)), [(-1, 105), (1, 5)]);
}

#[test]
fn of_deltas_the_other_stream_has_what_came_in_the_batch() {
    let mut processor = processor(1);
    let mut sent = |values: &[(i64, u64)]| pass(&mut processor, as_delta(batch(of(1, values))));
    assert_eq!(sent(&[(1, 5), (2, 50), (3, 7)]), [(-1, 12), (2, 50)]);
    assert_eq!(sent(&[(1, 4), (2, 1)]), [(-1, 4), (2, 1)]);
    assert_eq!(sent(&[(2, 2)]), [(2, 2)]);
}

#[test]
fn no_streams_at_all_are_a_fault() {
    let (_, faults) = read(vec![("max_streams", Value::Int(0))], Config::read);
    assert_eq!(faults, ["f:1:1: must be greater than 0"]);
}
