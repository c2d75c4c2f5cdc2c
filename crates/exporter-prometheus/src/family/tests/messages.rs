//! Our protobuf, read back by prost with client_model's messages.

use pdata::ExponentialHistogram;
use prost::Message;

use super::histograms::{latency, of_syscall, point, put_histograms};
use super::*;

#[derive(Clone, PartialEq, Message)]
struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Single>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Single>,
    #[prost(int64, optional, tag = "6")]
    timestamp_ms: Option<i64>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Single {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
    #[prost(message, optional, tag = "3")]
    created: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, optional, tag = "1")]
    seconds: Option<i64>,
    #[prost(int32, optional, tag = "2")]
    nanos: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    positive_delta: Vec<i64>,
    #[prost(message, optional, tag = "15")]
    created: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    upper_bound: Option<f64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct BucketSpan {
    #[prost(sint32, optional, tag = "1")]
    offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    length: Option<u32>,
}

const PROTOBUF: Format = Format { syntax: Syntax::Protobuf, latest: true, ..Format::TEXT };

/// The family called `name`, which must be the whole of what is written.
fn family(latest: &Latest, naming: Naming, name: &str) -> MetricFamily {
    let bytes = family_of(latest, &options(naming), PROTOBUF, name);
    let mut rest = bytes.as_slice();
    let family = MetricFamily::decode_length_delimited(&mut rest).unwrap();
    assert!(rest.is_empty());
    family
}

fn labels(sample: &Sample) -> Vec<(&str, &str)> {
    sample.label.iter().map(|pair| (pair.name(), pair.value())).collect()
}

#[test]
fn counters_and_gauges_are_one_double_and_text_is_not_escaped() {
    let mut latest = Latest::default();
    put(&mut latest, "test", calls(NumberKind::Unsigned), vec![of_process(7, "a\"\\\n", vec![syscall("read")], 5)]);
    let all = family(&latest, Naming::Otel, "ebpf_syscalls_total");
    assert_eq!((all.name(), all.help(), all.kind), ("ebpf_syscalls_total", "First \\ line.\nSecond.", Some(0)));
    let expected =
        [("process_pid", "7"), ("ebpf_comm", "a\"\\\n"), ("ebpf_syscall_name", "read"), ("otel_scope_name", "test")];
    assert_eq!(labels(&all.metric[0]), expected);
    let created = Some(Timestamp { seconds: Some(0), nanos: Some(1) });
    assert_eq!(all.metric[0].counter, Some(Single { value: Some(5.0), created }));

    for instrument in [Instrument::Gauge, Instrument::UpDownCounter] {
        let mut latest = Latest::default();
        let depth = Descriptor { instrument, ..descriptor("tfo.depth", "s", NumberKind::Nanoseconds) };
        put(&mut latest, "test", depth, vec![of_process(7, "sh", vec![], 2_500_000_000)]);
        let gauge = family(&latest, Naming::Otel, "tfo_depth_seconds");
        assert_eq!((gauge.kind, gauge.metric[0].gauge), (Some(1), Some(Single { value: Some(2.5), created: None })));
        assert_eq!((gauge.metric[0].counter, &gauge.metric[0].histogram), (None, &None));
    }
}

#[test]
fn a_histogram_has_its_buckets_in_both_shapes() {
    let mut latest = Latest::default();
    let histogram = ExponentialHistogram {
        scale: -1,
        zero_count: 300,
        offset: -4,
        counts: [0, 2, 0, 0, 0, 9, 1].into(),
        sum: 1_250_000_000,
        extras: None,
    };
    let streams =
        vec![point(&of_syscall("read"), 1, histogram), point(&of_syscall("write"), 1, ExponentialHistogram::default())];
    put_histograms(&mut latest, latency("Help."), streams);
    let all = family(&latest, Naming::Otel, "ebpf_syscall_duration_seconds");
    assert_eq!((all.kind, all.metric.len()), (Some(4), 2));
    let read = all.metric[0].histogram.clone().unwrap();
    assert_eq!((read.sample_count(), read.sample_sum(), read.zero_count()), (312, 1.25, 300));
    assert_eq!((read.schema, read.zero_threshold), (Some(-1), Some(2f64.powi(-128))));
    let spans: Vec<_> = read.positive_span.iter().map(|span| (span.offset(), span.length())).collect();
    assert_eq!((spans.as_slice(), read.positive_delta.as_slice()), (&[(-2, 1), (3, 2)][..], &[2, 7, -8][..]));
    let edges: Vec<_> = read.bucket.iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).collect();
    assert_eq!(edges, [(0.0625, 302), (0.25, 302), (1.0, 302), (4.0, 302), (16.0, 311), (64.0, 312)]);

    let empty = all.metric[1].histogram.clone().unwrap();
    assert_eq!((empty.sample_count, empty.schema, empty.positive_span.len()), (Some(0), Some(0), 0));
    assert!(empty.zero_threshold() > 0.0, "what makes it a native one");
}

#[test]
fn every_page_of_text_has_the_same_content_as_messages() {
    let mut rng = 1_u64;
    let mut next = || {
        rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        rng >> 33
    };
    for _ in 0..200 {
        let counts: Box<[u64]> = (0..next() % 40).map(|_| if next() % 3 == 0 { next() % 1000 } else { 0 }).collect();
        let offset = i32::try_from(next() % 100).unwrap() - 50;
        let scale = i32::try_from(next() % 12).unwrap() - 3;
        let histogram =
            ExponentialHistogram { scale, zero_count: next() % 3, offset, counts, sum: next(), extras: None };
        let mut latest = Latest::default();
        put_histograms(&mut latest, latency(""), vec![point(&of_syscall("read"), 1, histogram.clone())]);
        let name = "ebpf_syscall_duration_seconds";
        let text = String::from_utf8(family_of(&latest, &options(Naming::Otel), Format::TEXT, name)).unwrap();
        let message = family(&latest, Naming::Otel, name).metric[0].histogram.clone().unwrap();
        let value = |suffix: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("{name}{suffix}{{"))).unwrap();
            line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
        };
        assert_eq!(value("_sum").to_bits(), message.sample_sum().to_bits());
        assert_eq!(value("_count") as u64, message.sample_count());
        let edges: Vec<(f64, u64)> = text
            .lines()
            .filter_map(|line| line.split_once("le=\"")?.1.split_once("\"} "))
            .map(|(edge, below)| (edge.parse().unwrap(), below.parse().unwrap()))
            .filter(|(edge, _): &(f64, u64)| edge.is_finite())
            .collect();
        let bounds = message.bucket.iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
        assert_eq!(edges, bounds.collect::<Vec<_>>());
        assert_eq!(spelled_out(&message), of_buckets(&histogram), "{histogram:?}");
    }
}

/// Native buckets as Prometheus reads them: (number by upper edge, count) of those that are not empty.
fn spelled_out(message: &Histogram) -> Vec<(i32, i64)> {
    let (mut number, mut count, mut deltas) = (0, 0, message.positive_delta.iter());
    let mut buckets = Vec::new();
    for span in &message.positive_span {
        number += span.offset();
        for _ in 0..span.length() {
            count += deltas.next().unwrap();
            buckets.push((number, count));
            number += 1;
        }
    }
    assert!(deltas.next().is_none());
    buckets.retain(|(_, count)| *count > 0);
    buckets
}

fn of_buckets(histogram: &ExponentialHistogram) -> Vec<(i32, i64)> {
    let mut buckets: Vec<(i32, i64)> = Vec::new();
    for (index, count) in (histogram.offset..).zip(&histogram.counts).filter(|(_, count)| **count > 0) {
        // Of scales above 8, as many neighbours as it takes.
        let number = (index >> (histogram.scale - 8).max(0)) + 1;
        let count = i64::try_from(*count).unwrap();
        match buckets.last_mut() {
            Some((last, sum)) if *last == number => *sum += count,
            _ => buckets.push((number, count)),
        }
    }
    buckets
}
