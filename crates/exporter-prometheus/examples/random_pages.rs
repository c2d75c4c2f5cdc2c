//! Writes random batches as OTLP/JSON, and beside each its pages, for `tests/e2e/pages`, which reads both with parsers
//! of others.
//!
//!     random_pages DIRECTORY COUNT
#![allow(clippy::unwrap_used, reason = "a tool of tests fails as a test does")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs};

use component::config::{Configuration, Faults, Section};
use exporter_prometheus::{Config, Naming};
use fastrand::Rng;
use pdata::{
    Attribute, AttributeValue, Attributes, Batch, Descriptor, Distribution, ExplicitHistogram, ExponentialHistogram,
    HistogramMetric, HistogramPoint, Instrument, Metric, NumberKind, Point, Resource, ResourceMetrics, Scope,
    ScopeMetrics, Summary,
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (directory, count) = (PathBuf::from(&arguments[0]), arguments[1].parse::<u64>().unwrap());
    let config = Config {
        naming: Naming::Otel,
        send_created_timestamps: true,
        ..Section::read_node(None, &mut Faults::default(), Config::read)
    };
    for seed in 0..count {
        let batch = batch(&mut Rng::with_seed(seed));
        let write = |kind: &str, bytes: &[u8]| fs::write(directory.join(format!("{seed}.{kind}")), bytes).unwrap();
        write("json", &otlp::encode_json(&batch));
        write("text", &exporter_prometheus::page_of(&batch, &config, "text/plain;version=0.0.4"));
        let open_metrics = "application/openmetrics-text;version=1.0.0";
        write("openmetrics", &exporter_prometheus::page_of(&batch, &config, open_metrics));
    }
}

/// Every name of a metric once, with every kind of them.
fn batch(rng: &mut Rng) -> Batch {
    let mut names = BTreeSet::new();
    let resources = (0..=rng.usize(..2)).map(|number| {
        let name = AttributeValue::Text(format!("app-{number}").into());
        let mut attributes = vec![("service.name".into(), name)];
        attributes.extend(labels(rng));
        let scopes = (0..=rng.usize(..2)).map(|_| ScopeMetrics {
            scope: Arc::new(Scope::new(text(rng), text(rng))),
            metrics: (0..rng.usize(..5)).map(|_| metric(rng, &mut names)).collect(),
            histograms: (0..rng.usize(..4)).map(|_| histograms(rng, &mut names)).collect(),
        });
        ResourceMetrics { resource: Arc::new(Resource::of(attributes)), scopes: scopes.collect() }
    });
    Batch { resources: resources.collect() }
}

fn descriptor(rng: &mut Rng, names: &mut BTreeSet<String>, instrument: Instrument, number: NumberKind) -> Descriptor {
    let words = ["http", "server", "request", "queue", "cpu_time", "state"];
    let name = loop {
        let words: Vec<_> = (0..3).map(|_| words[rng.usize(..words.len())]).collect();
        // A number at the end keeps any from being another with a suffix.
        let name = format!("{}.{}", words.join("."), rng.u32(..1_000_000));
        if names.insert(name.clone()) {
            break name;
        }
    };
    let unit = ["", "1", "s", "By", "{item}", "By/s", "ms"][rng.usize(..7)];
    let description = text(rng).into();
    Descriptor { name: name.into(), unit: unit.into(), description, instrument, number, ..Default::default() }
}

fn metric(rng: &mut Rng, names: &mut BTreeSet<String>) -> Metric {
    let instrument = [Instrument::Counter, Instrument::UpDownCounter, Instrument::Gauge][rng.usize(..3)];
    let numbers = [NumberKind::Unsigned, NumberKind::Signed, NumberKind::Nanoseconds, NumberKind::Double];
    let number = numbers[rng.usize(..4)];
    let descriptor = Arc::new(descriptor(rng, names, instrument, number));
    let positive = instrument == Instrument::Counter;
    let points = streams(rng).into_iter().map(|attributes| {
        let bits = match number {
            NumberKind::Double => (rng.f64() * 10f64.powi(rng.i32(-9..20)) * sign(rng, positive)).to_bits(),
            NumberKind::Signed => (rng.i64(0..=i64::MAX) >> rng.u32(..63)).cast_unsigned(),
            _ => rng.u64(..1 << 63) >> rng.u32(..63),
        };
        Point { attributes, start: start(rng), time: TIME, bits }
    });
    Metric { points: points.collect(), descriptor }
}

fn histograms(rng: &mut Rng, names: &mut BTreeSet<String>) -> HistogramMetric {
    let instruments = [Instrument::ExponentialHistogram, Instrument::Histogram, Instrument::Summary];
    let instrument = instruments[rng.usize(..3)];
    let descriptor = Arc::new(descriptor(rng, names, instrument, NumberKind::Double));
    let points = streams(rng).into_iter().map(|attributes| {
        let histogram: Distribution = match instrument {
            Instrument::Histogram => explicit(rng).into(),
            Instrument::Summary => {
                let quantiles = [0.0, 0.5, 0.99, 1.0].map(|quantile| (quantile, rng.f64()));
                Summary { count: rng.u64(..1 << 40), sum: rng.f64(), quantiles: quantiles.into(), missing: false }
                    .into()
            }
            _ => ExponentialHistogram {
                scale: rng.i32(-2..=6),
                zero_count: rng.u64(..5),
                offset: rng.i32(-20..20),
                counts: (0..rng.usize(..40)).map(|_| rng.u64(..1 << 40)).collect(),
                sum: rng.f64().to_bits(),
                ..Default::default()
            }
            .into(),
        };
        HistogramPoint { attributes, start: start(rng), time: TIME, histogram: Arc::new(histogram) }
    });
    HistogramMetric { points: points.collect(), descriptor }
}

fn explicit(rng: &mut Rng) -> ExplicitHistogram {
    let mut bounds: Vec<f64> = (0..rng.usize(..12)).map(|_| rng.f64() * 10f64.powi(rng.i32(-9..20))).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    let counts: Box<[u64]> = (0..=bounds.len()).map(|_| rng.u64(..1 << 40)).collect();
    let count = counts.iter().sum();
    ExplicitHistogram { bounds: bounds.into(), counts, count, sum: Some(rng.f64()), ..Default::default() }
}

/// Attributes of some streams, each with one that no other has.
fn streams(rng: &mut Rng) -> Vec<Arc<Attributes>> {
    let stream = |number: i64| {
        let mut attributes = vec![("stream".into(), AttributeValue::Int(number))];
        attributes.extend(labels(rng));
        Arc::new(Attributes::of(attributes))
    };
    (0..5).map(stream).collect()
}

fn labels(rng: &mut Rng) -> Vec<Attribute> {
    let keys = ["http.method", "9lives", "_hidden", "has space", "plain", "d\u{e9}j\u{e0}"];
    let keys: Vec<&str> = keys.into_iter().filter(|_| rng.bool()).collect();
    keys.into_iter().map(|key| (key.to_owned().into(), value(rng))).collect()
}

fn value(rng: &mut Rng) -> AttributeValue {
    match rng.u8(..4) {
        0 => AttributeValue::Int(rng.i64(..)),
        1 => AttributeValue::Bool(rng.bool()),
        _ => AttributeValue::Text(text(rng).into()),
    }
}

/// Of what has to be escaped there is much.
fn text(rng: &mut Rng) -> String {
    let special = ['"', '\\', '\n', '{', '}', ',', '=', ' ', '#', 'n', '\u{fc}', '\u{1f980}'];
    let length = rng.usize(1..12);
    (0..length).map(|_| if rng.bool() { special[rng.usize(..special.len())] } else { rng.alphanumeric() }).collect()
}

fn sign(rng: &mut Rng, positive: bool) -> f64 {
    if positive || rng.bool() { 1.0 } else { -1.0 }
}

fn start(rng: &mut Rng) -> u64 {
    TIME - rng.u64(1..1_000_000_000_000)
}

const TIME: u64 = 1_700_000_000_000_000_000;
