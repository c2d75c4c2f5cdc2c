//! What each stage takes of the fixed load of `make bench-peers`: a request is read, filtered, and stands on a page.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use component::Processor;
use component::config::{Configuration, Entry, Faults, Node, Position, Section, Value};
use criterion::{BatchSize, Criterion, Throughput};
use exporter_prometheus::{Config, Naming};
use otlp::Decoder;
use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, NumberKind, Point, Resource, ResourceMetrics,
    Scope, ScopeMetrics,
};
use processor::filter::{self, Filter};

fn main() {
    let mut criterion = Criterion::default().measurement_time(Duration::from_secs(8)).configure_from_args();
    let batch = load();
    let request = otlp::encode(&batch);
    let mut stages = criterion.benchmark_group("100,000 points");
    stages.sample_size(20).throughput(Throughput::Elements(batch.items() as u64));

    let mut decoder = Decoder::default();
    stages.bench_function("read", |bencher| bencher.iter_with_large_drop(|| decoder.decode(black_box(&request))));

    let mut filter = filter();
    let mut output = Vec::new();
    stages.bench_function("filter, of which one metric in ten goes", |bencher| {
        let passed = |batch| {
            filter.process(batch, &mut output);
            output.pop()
        };
        bencher.iter_batched(|| batch.clone(), passed, BatchSize::LargeInput);
    });

    let config = Config { naming: Naming::Otel, ..Section::read_node(None, &mut Faults::default(), Config::read) };
    for (what, accept) in
        [("page", "text/plain;version=0.0.4"), ("page, OpenMetrics", "application/openmetrics-text;version=1.0.0")]
    {
        stages.bench_function(what, |bencher| {
            bencher.iter_with_large_drop(|| exporter_prometheus::page_of(black_box(&batch), &config, accept));
        });
    }
    stages.finish();
    criterion.final_summary();
}

/// 100 resources x 100 metrics x 10 points with 6 attributes, all distinct streams.
fn load() -> Batch {
    let text = |text: String| AttributeValue::Text(text.as_str().into());
    let resources = (0..100).map(|host| {
        let metrics = (0..100).map(|number| {
            let descriptor = Descriptor {
                name: format!("load.metric.{number}").into(),
                unit: "By".into(),
                description: "One of a hundred.".into(),
                instrument: Instrument::Counter,
                number: NumberKind::Unsigned,
                ..Default::default()
            };
            let points = (0..10).map(|point| {
                let mut attributes: Vec<_> =
                    (0..5).map(|key| (KEYS[key], text(format!("value-{}", (point + key) % 7)))).collect();
                attributes.push((KEYS[5], AttributeValue::Int(i64::try_from(point).unwrap_or_default())));
                let time = 1_700_000_000_000_000_000;
                Point { attributes: Arc::new(Attributes::new(attributes)), start: 1, time, bits: 42 }
            });
            Metric { points: points.collect(), descriptor: Arc::new(descriptor) }
        });
        ResourceMetrics {
            resource: Arc::new(Resource::new(vec![("host.name", text(format!("host-{host}")))])),
            scopes: vec![ScopeMetrics {
                scope: Arc::new(Scope::new("load", "1")),
                metrics: metrics.collect(),
                histograms: Vec::new(),
            }],
        }
    });
    Batch { resources: resources.collect() }
}

const KEYS: [&str; 6] = ["http.request.method", "http.route", "server.address", "zone", "tenant", "stream"];

/// Drops the metrics whose number ends in 9.
fn filter() -> Filter {
    let position = Position { file: "bench".into(), line: 1, column: 1 };
    let node = |value| Node::new(position.clone(), value);
    let map = |entries: Vec<(&str, Node)>| {
        let entry = |(key, node): (&str, Node)| Entry { key: key.into(), position: position.clone(), node };
        node(Value::Map(entries.into_iter().map(entry).collect()))
    };
    let names = node(Value::List(vec![node(Value::Text("9$".into()))]));
    let exclude = map(vec![("match_type", node(Value::Text("regexp".into()))), ("metric_names", names)]);
    let keys = map(vec![("metrics", map(vec![("exclude", exclude)]))]);
    Filter::new(Section::read_node(Some(&keys), &mut Faults::default(), filter::Config::read))
}
