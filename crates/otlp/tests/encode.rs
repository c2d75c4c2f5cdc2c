//! Our bytes, read back by prost, are the batch.

mod reference;

use std::borrow::Cow;
use std::sync::Arc;

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use pdata::{
    Attribute, AttributeValue, Attributes, Batch, Descriptor, ExponentialHistogram, HistogramMetric, HistogramPoint,
    Instrument, Metric, Metrics, NumberKind, OwnAttributes, Point, Process, Resource, ResourceMetrics, Scope,
    ScopeMetrics,
};
use prost::Message;

#[test]
fn random_batches_read_back_as_they_were() {
    let mut rng = Rng::with_seed(1);
    for round in 0..500 {
        let batch = batch(&mut rng);
        let expected = reference::request(&batch);
        // The second time finds the attributes encoded already.
        for _ in 0..2 {
            let decoded = ExportMetricsServiceRequest::decode(otlp::encode(&batch)).unwrap();
            assert_eq!(decoded, expected, "round {round}");
        }
        let json = otlp::encode_json(&batch);
        assert_eq!(json.len(), otlp::encoded_json_len(&batch));
        let decoded: ExportMetricsServiceRequest = serde_json::from_slice(&json).unwrap();
        assert_eq!(decoded, expected, "round {round}");
    }
}

#[test]
fn an_empty_batch_is_an_empty_request() {
    assert!(otlp::encode(&Batch::default()).is_empty());
}

#[test]
fn whole_numbers_beyond_the_wire_are_clamped_and_nanoseconds_become_seconds() {
    let one = |number, bits| {
        let point = Point { attributes: Arc::new(Attributes::new(vec![])), start: 1, time: 2, bits };
        let descriptor = descriptor("m".into(), Instrument::Counter, number);
        let metric = Metric { descriptor: Arc::new(descriptor), points: vec![point] };
        let batch = Batch::of(Arc::new(Resource { attributes: vec![] }), Arc::new(scope()), vec![metric]);
        format!("{:?}", ExportMetricsServiceRequest::decode(otlp::encode(&batch)).unwrap())
    };
    assert!(one(NumberKind::Unsigned, u64::MAX).contains("AsInt(9223372036854775807)"));
    assert!(one(NumberKind::Nanoseconds, 1_500_000_000).contains("AsDouble(1.5)"));
}

#[test]
fn a_distribution_and_a_number_share_one_encoded_set() {
    let attributes = Arc::new(Attributes::new(vec![
        ("a", AttributeValue::Text("x".repeat(300).into())),
        ("b", AttributeValue::Int(-1)),
    ]));
    let histogram = ExponentialHistogram { scale: 0, zero_count: 1, offset: -30, counts: [0, 2].into(), sum: 1 };
    let histograms = vec![HistogramMetric {
        descriptor: Arc::new(descriptor("d".into(), Instrument::ExponentialHistogram, NumberKind::Nanoseconds)),
        points: vec![HistogramPoint {
            attributes: attributes.clone(),
            start: 1,
            time: 2,
            histogram: Arc::new(histogram),
        }],
    }];
    let numbers = vec![Metric {
        descriptor: Arc::new(descriptor("n".into(), Instrument::Counter, NumberKind::Unsigned)),
        points: vec![Point { attributes, start: 1, time: 2, bits: 3 }],
    }];
    let resource = Arc::new(Resource { attributes: vec![] });
    let batch = Batch::of(resource, Arc::new(scope()), Metrics { numbers, histograms });
    let bytes = otlp::encode(&batch);
    assert_eq!(ExportMetricsServiceRequest::decode(bytes.clone()).unwrap(), reference::request(&batch));
    assert_eq!((batch.items(), bytes.len()), (2, otlp::encode(&batch).len()));
    assert!(format!("{:?}", ExportMetricsServiceRequest::decode(bytes).unwrap()).contains("sum: Some(1e-9)"));
}

fn scope() -> Scope {
    Scope { name: "ebpf_syscalls", version: "0.1.0" }
}

fn descriptor(name: Cow<'static, str>, instrument: Instrument, number: NumberKind) -> Descriptor {
    Descriptor { name, unit: "s".into(), description: "".into(), instrument, number, seeds: &[] }
}

fn batch(rng: &mut Rng) -> Batch {
    let resources = repeat(rng, 3, |rng| ResourceMetrics {
        resource: Arc::new(Resource { attributes: attributes(rng) }),
        scopes: repeat(rng, 3, |rng| ScopeMetrics {
            scope: Arc::new(if rng.bool() { scope() } else { Scope { name: "", version: "" } }),
            metrics: repeat(rng, 4, metric),
            histograms: repeat(rng, 2, histogram_metric),
        }),
    });
    Batch { resources }
}

fn metric(rng: &mut Rng) -> Metric {
    let instruments = [Instrument::Counter, Instrument::UpDownCounter, Instrument::Gauge];
    let instrument = instruments[rng.usize(..3)];
    let descriptor = random_descriptor(rng, instrument);
    let number = descriptor.number;
    Metric { descriptor: Arc::new(descriptor), points: repeat(rng, 8, |rng| point(rng, number)) }
}

fn histogram_metric(rng: &mut Rng) -> HistogramMetric {
    let descriptor = random_descriptor(rng, Instrument::ExponentialHistogram);
    let number = descriptor.number;
    HistogramMetric { descriptor: Arc::new(descriptor), points: repeat(rng, 8, |rng| histogram_point(rng, number)) }
}

fn random_descriptor(rng: &mut Rng, instrument: Instrument) -> Descriptor {
    let numbers = [NumberKind::Unsigned, NumberKind::Nanoseconds, NumberKind::Double];
    let mut descriptor = descriptor(text(rng).into(), instrument, numbers[rng.usize(..3)]);
    descriptor.description = text(rng).into();
    descriptor.unit = text(rng).into();
    descriptor
}

fn point(rng: &mut Rng, number: NumberKind) -> Point {
    Point { attributes: stream(rng), start: rng.u64(..), time: rng.u64(..), bits: bits(rng, number) }
}

/// Buckets are often empty, also at the ends and all of them; counts and offsets take one byte to many.
fn histogram_point(rng: &mut Rng, number: NumberKind) -> HistogramPoint {
    let count = |rng: &mut Rng| if rng.bool() { 0 } else { rng.u64(..) >> rng.u32(8..64) };
    let histogram = ExponentialHistogram {
        scale: rng.i32(-10..=20),
        zero_count: count(rng),
        offset: rng.i32(..1 << 30) >> rng.u32(..32),
        counts: repeat(rng, 160, count).into(),
        sum: bits(rng, number),
    };
    HistogramPoint { attributes: stream(rng), start: rng.u64(..), time: rng.u64(..), histogram: Arc::new(histogram) }
}

fn bits(rng: &mut Rng, number: NumberKind) -> u64 {
    // A NaN would not equal itself.
    if number == NumberKind::Double { rng.f64().to_bits() } else { rng.u64(..) >> rng.u32(..64) }
}

fn stream(rng: &mut Rng) -> Arc<Attributes> {
    let own = attributes(rng);
    Arc::new(if rng.bool() {
        let (pid, comm) = (rng.u32(..), text(rng).into());
        Attributes::of_process(
            Arc::new(Process { pid, start_boottime: 0, comm, uid: 0, cgroup: None, is_agent: false }),
            OwnAttributes::new(own),
        )
    } else {
        Attributes::new(own)
    })
}

fn attributes(rng: &mut Rng) -> Vec<Attribute> {
    let keys = ["", "a", "ebpf.syscall.name", Attributes::OVERFLOW];
    keys.into_iter().filter(|_| rng.bool()).collect::<Vec<_>>().into_iter().map(|key| (key, value(rng))).collect()
}

fn value(rng: &mut Rng) -> AttributeValue {
    match rng.u8(..4) {
        0 => AttributeValue::Static("getppid"),
        1 => AttributeValue::Text(text(rng).into()),
        2 => AttributeValue::Int(rng.i64(..) >> rng.u32(..64)),
        _ => AttributeValue::Bool(rng.bool()),
    }
}

/// Often empty, seldom so long that its length takes three bytes.
fn text(rng: &mut Rng) -> String {
    let longest = [1, 10, 300, 20_000][rng.usize(..16).saturating_sub(12)];
    (0..rng.usize(..longest)).map(|_| rng.char(..)).collect()
}

fn repeat<T>(rng: &mut Rng, most: usize, mut make: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(..=most)).map(|_| make(rng)).collect()
}
