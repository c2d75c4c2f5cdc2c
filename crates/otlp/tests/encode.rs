//! Our bytes, read back by prost, are the batch.

mod reference;

use std::borrow::Cow;
use std::sync::Arc;

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use pdata::{
    Attribute, AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, NumberKind, OwnAttributes, Point,
    Process, Resource, ResourceMetrics, Scope, ScopeMetrics,
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

fn scope() -> Scope {
    Scope { name: "ebpf_syscalls", version: "0.1.0" }
}

fn descriptor(name: Cow<'static, str>, instrument: Instrument, number: NumberKind) -> Descriptor {
    Descriptor { name, unit: "s".into(), description: "".into(), instrument, number, seed: None }
}

fn batch(rng: &mut Rng) -> Batch {
    let resources = repeat(rng, 3, |rng| ResourceMetrics {
        resource: Arc::new(Resource { attributes: attributes(rng) }),
        scopes: repeat(rng, 3, |rng| ScopeMetrics {
            scope: Arc::new(if rng.bool() { scope() } else { Scope { name: "", version: "" } }),
            metrics: repeat(rng, 4, metric),
        }),
    });
    Batch { resources }
}

fn metric(rng: &mut Rng) -> Metric {
    let instruments = [Instrument::Counter, Instrument::UpDownCounter, Instrument::Gauge];
    let numbers = [NumberKind::Unsigned, NumberKind::Nanoseconds, NumberKind::Double];
    let mut descriptor = descriptor(text(rng).into(), instruments[rng.usize(..3)], numbers[rng.usize(..3)]);
    descriptor.description = text(rng).into();
    descriptor.unit = text(rng).into();
    let number = descriptor.number;
    Metric { descriptor: Arc::new(descriptor), points: repeat(rng, 8, |rng| point(rng, number)) }
}

fn point(rng: &mut Rng, number: NumberKind) -> Point {
    let own = attributes(rng);
    let attributes = if rng.bool() {
        let (pid, comm) = (rng.u32(..), text(rng).into());
        Attributes::of_process(
            Arc::new(Process { pid, start_boottime: 0, comm, uid: 0, cgroup: None, is_agent: false }),
            OwnAttributes::new(own),
        )
    } else {
        Attributes::new(own)
    };
    // A NaN would not equal itself.
    let bits = if number == NumberKind::Double { rng.f64().to_bits() } else { rng.u64(..) >> rng.u32(..64) };
    Point { attributes: Arc::new(attributes), start: rng.u64(..), time: rng.u64(..), bits }
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
