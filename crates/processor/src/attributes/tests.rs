//! What becomes of streams, most of all of those that become one.

use std::sync::Arc;

use component::config::Value;
use pdata::{AttributeValue, Attributes, Instrument, OwnAttributes, Process, UnixNanos};

use super::*;
use crate::tests::{as_delta, batch, batch_as, batch_of, histogram, list, map, point, process, read, text};

fn processor(actions: Vec<Value>) -> AttributesProcessor {
    let (config, faults) = read(vec![("actions", list(actions))], Config::read);
    assert!(faults.is_empty(), "{faults:?}");
    AttributesProcessor::new(config)
}

fn delete(keys: &[&str]) -> AttributesProcessor {
    processor(keys.iter().map(|key| map(vec![("key", text(key)), ("action", text("delete"))])).collect())
}

fn histogram_of(process: &Arc<Process>) -> HistogramPoint {
    histogram(Some(process), 1, 1)
}

fn at(process: &Arc<Process>, id: i64, time: UnixNanos, bits: u64) -> Point {
    Point { bits, ..point(Some(process), id, time) }
}

fn pass(processor: &mut AttributesProcessor, batch: Batch) -> Batch {
    let mut output = Vec::new();
    processor.process(batch, &mut output);
    assert_eq!(output.len(), 1);
    output.remove(0)
}

/// Id, value and start of each point that goes on when `points` come.
fn totals(processor: &mut AttributesProcessor, points: Vec<Point>) -> Vec<(String, u64, UnixNanos)> {
    let batch = pass(processor, batch(points));
    let id = |point: &Point| point.attributes.get("id").map_or_else(String::new, |id| id.to_string());
    batch.metrics().flat_map(|metric| &metric.points).map(|point| (id(point), point.bits, point.start)).collect()
}

#[test]
fn streams_that_become_one_are_added_up_and_one_that_ends_stays_in_the_total() {
    let mut processor = delete(&["process.pid", "ebpf.comm"]);
    let (a, b, c) = (process(1, "a"), process(2, "b"), process(3, "c"));
    let early = Point { start: 0, ..at(&b, 1, 10, 7) };
    assert_eq!(
        totals(&mut processor, vec![at(&a, 1, 10, 5), early, at(&a, 2, 10, 1)]),
        [("1".into(), 12, 0), ("2".into(), 1, 1)],
        "the earliest start"
    );
    assert_eq!(totals(&mut processor, vec![at(&a, 1, 20, 6)]), [("1".into(), 13, 0)], "b has ended, id 2 is not there");
    assert_eq!(totals(&mut processor, vec![at(&a, 1, 30, 6), at(&c, 1, 30, 100)]), [("1".into(), 113, 0)]);
    assert_eq!(totals(&mut processor, vec![at(&a, 2, 40, 3)]), [("2".into(), 3, 1)]);
}

#[test]
fn a_process_that_changes_its_name_back_and_forth_is_one_stream_without_it() {
    let mut processor = delete(&["ebpf.comm"]);
    let (old, new) = (process(1, "old"), process(1, "new"));
    let mut sent = |who, time, bits| totals(&mut processor, vec![at(who, 1, time, bits)])[0].1;
    assert_eq!(
        (sent(&old, 10, 100), sent(&new, 20, 50), sent(&old, 30, 130), sent(&new, 40, 51)),
        (100, 150, 180, 181)
    );
}

#[test]
fn counting_that_begins_anew_adds_to_what_was_and_a_late_point_adds_nothing() {
    let mut processor = delete(&["ebpf.comm"]);
    let who = process(1, "a");
    let mut sent = |start, time, bits| totals(&mut processor, vec![Point { start, ..at(&who, 1, time, bits) }])[0].1;
    assert_eq!((sent(1, 10, 100), sent(20, 30, 120), sent(20, 40, 125)), (100, 220, 225), "a later start");
    assert_eq!((sent(20, 50, 5), sent(20, 60, 6)), (230, 231), "a smaller value");
    assert_eq!((sent(20, 55, 5), sent(20, 70, 8)), (231, 233), "out of order");
}

#[test]
fn gauges_keep_the_latest_and_up_down_counters_what_is_there_now() {
    let mut processor = delete(&["process.pid", "ebpf.comm"]);
    let (a, b) = (process(1, "a"), process(2, "b"));
    let points = || vec![at(&a, 1, 10, 5), at(&b, 1, 12, 7), at(&a, 1, 11, 6)];
    let mut values = |instrument, points| {
        let batch = pass(&mut processor, batch_as(instrument, points));
        batch.metrics().flat_map(|metric| &metric.points).map(|point| (point.bits, point.time)).collect::<Vec<_>>()
    };
    assert_eq!(values(Instrument::Gauge, points()), [(7, 12)]);
    assert_eq!(values(Instrument::UpDownCounter, points()), [(13, 12)], "of two points of one stream the later");
    assert_eq!(values(Instrument::UpDownCounter, vec![at(&b, 1, 20, 3)]), [(3, 20)]);
}

#[test]
fn deltas_that_fall_together_are_added_up_within_a_batch_and_no_further() {
    let mut processor = delete(&["process.pid", "ebpf.comm"]);
    let (a, b) = (process(1, "a"), process(2, "b"));
    let mut sent = |points| {
        let batch = as_delta(batch(points));
        pass(&mut processor, batch).metrics().map(|metric| metric.points[0].bits).collect::<Vec<_>>()
    };
    assert_eq!(sent(vec![at(&a, 1, 10, 5), at(&b, 1, 12, 7), at(&a, 1, 11, 6)]), [18]);
    assert_eq!(sent(vec![at(&a, 1, 20, 2)]), [2]);
}

#[test]
fn distributions_that_cannot_be_told_as_one_go_on_as_they_came() {
    let mut processor = delete(&["process.pid", "ebpf.comm"]);
    let (a, b) = (process(1, "a"), process(2, "b"));
    let explicit = |who, bound: f64, count| {
        let counts = [0, count].into();
        let histogram = pdata::ExplicitHistogram { bounds: [bound].into(), counts, count, ..Default::default() };
        HistogramPoint { histogram: Arc::new(histogram.into()), ..histogram_of(who) }
    };
    let mut sent = |points| {
        let mut batch = batch_of(vec![], points);
        let descriptor = &mut batch.resources[0].scopes[0].histograms[0].descriptor;
        *descriptor = Arc::new(pdata::Descriptor { instrument: Instrument::Histogram, ..(**descriptor).clone() });
        let batch = pass(&mut processor, batch);
        let points = batch.histograms().flat_map(|metric| &metric.points);
        points.map(|point| (point.attributes.process().is_some(), point.histogram.count())).collect::<Vec<_>>()
    };
    assert_eq!(sent(vec![explicit(&a, 1.0, 3), explicit(&b, 1.0, 4)]), [(false, 7)]);
    assert_eq!(sent(vec![explicit(&a, 1.0, 5), explicit(&b, 2.0, 4)]), [(false, 9), (true, 4)]);
}

#[test]
fn distributions_are_added_up_bucket_by_bucket() {
    let mut processor = delete(&["process.pid", "ebpf.comm"]);
    let (a, b) = (process(1, "a"), process(2, "b"));
    let shifted = |mut point: HistogramPoint| {
        let histogram = point.histogram.exponential().unwrap().clone();
        point.histogram = Arc::new(pdata::ExponentialHistogram { offset: 1, sum: 9, ..histogram }.into());
        point
    };
    let mut sent = |points| {
        let batch = pass(&mut processor, batch_of(vec![], points));
        let points: Vec<_> = batch.histograms().flat_map(|metric| metric.points.clone()).collect();
        assert_eq!(points.len(), 1);
        let histogram = points[0].histogram.exponential().unwrap();
        (histogram.counts.to_vec(), histogram.sum)
    };
    assert_eq!(sent(vec![histogram(Some(&a), 1, 10), shifted(histogram(Some(&b), 1, 20))]), (vec![10, 20], 9));
    assert_eq!(sent(vec![histogram(Some(&a), 1, 15)]), (vec![15, 20], 9), "b has ended");
    assert_eq!(sent(vec![histogram(Some(&a), 1, 15), shifted(histogram(Some(&b), 1, 22))]), (vec![15, 22], 9));
}

#[test]
fn a_set_is_made_once_and_stays_the_process_s_while_it_has_pid_and_comm() {
    let mut processor = processor(vec![
        map(vec![("key", text("id")), ("new_key", text("number")), ("action", text("rename"))]),
        map(vec![("key", text("number")), ("value", text("minus")), ("action", text("update"))]),
    ]);
    let (a, b) = (at(&process(1, "a"), 1, 10, 5), at(&process(2, "b"), 2, 10, 5));
    let plain = Point { attributes: Arc::new(Attributes::new(vec![])), ..a.clone() };
    let points = vec![a.clone(), b, plain.clone()];
    let [first, second] = [(); 2].map(|()| {
        let batch = pass(&mut processor, batch(points.clone()));
        batch.metrics().flat_map(|metric| &metric.points).map(|point| point.attributes.clone()).collect::<Vec<_>>()
    });
    assert!(first.iter().zip(&second).all(|(first, second)| Arc::ptr_eq(first, second)) && first.len() == 3);
    let own = OwnAttributes::new(vec![("number", AttributeValue::Text("minus".into()))]);
    assert_eq!(*first[0], Attributes::of_process(process(1, "a"), own));
    assert!(Arc::ptr_eq(&first[2], &plain.attributes), "what no action concerns stays as it is");
}

#[test]
fn what_is_remembered_ends_with_the_streams() {
    const MINUTE: UnixNanos = 60_000_000_000;
    let mut processor = delete(&["ebpf.comm"]);
    for minute in 1..=40 {
        let points =
            (0..500).map(|pid| point(Some(&process(minute * 500 + pid, "short")), 1, u64::from(minute) * MINUTE));
        pass(&mut processor, batch(points.collect()));
        assert!(processor.sets.len() <= 2 * 3500, "{}", processor.sets.len());
    }
}

#[test]
fn a_choice_of_points_is_refused() {
    let action = map(vec![("key", text("a")), ("action", text("delete"))]);
    let faults = read(vec![("actions", list(vec![action])), ("include", map(vec![]))], Config::read).1;
    assert_eq!(faults, ["f:1:1: \"include\" is not supported: actions are done to all points"]);
}
