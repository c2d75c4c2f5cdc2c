//! Batches and configuration for the tests of the processors.

use std::sync::Arc;

use component::config::{Entry, Faults, Node, Position, Section, Value};
use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, Distribution, ExponentialHistogram, HistogramMetric, HistogramPoint,
    Instrument, Metric, Metrics, NumberKind, OwnAttributes, Point, Process, Resource, Scope, Temporality, UnixNanos,
};

pub(crate) fn process(pid: u32, comm: &str) -> Arc<Process> {
    Arc::new(Process { pid, start_boottime: 1, comm: comm.into(), uid: 0, cgroup: None, is_agent: false })
}

/// A point of the stream `id` of `process`.
pub(crate) fn point(process: Option<&Arc<Process>>, id: i64, time: UnixNanos) -> Point {
    let own = vec![("id", AttributeValue::Int(id))];
    let attributes = match process {
        Some(process) => Attributes::of_process(process.clone(), OwnAttributes::new(own)),
        None => Attributes::new(own),
    };
    Point { attributes: Arc::new(attributes), start: 1, time, bits: 1 }
}

/// The same stream's point of a distribution, whose one bucket has as many observations as `time` says.
pub(crate) fn histogram(process: Option<&Arc<Process>>, id: i64, time: UnixNanos) -> HistogramPoint {
    let Point { attributes, start, time, .. } = point(process, id, time);
    let histogram = ExponentialHistogram { counts: [time].into(), ..Default::default() };
    let histogram: Arc<Distribution> = Arc::new(histogram.into());
    HistogramPoint { attributes, start, time, histogram }
}

pub(crate) fn batch(points: Vec<Point>) -> Batch {
    batch_of(points, vec![])
}

pub(crate) fn batch_of(points: Vec<Point>, distributions: Vec<HistogramPoint>) -> Batch {
    let descriptor = |name: &'static str, instrument| {
        Arc::new(Descriptor {
            name: name.into(),
            unit: "{call}".into(),
            description: "".into(),
            instrument,
            number: NumberKind::Unsigned,
            ..Default::default()
        })
    };
    let metrics = Metrics {
        numbers: vec![Metric { descriptor: descriptor("calls", Instrument::Counter), points: points.into() }],
        histograms: vec![HistogramMetric {
            descriptor: descriptor("sizes", Instrument::ExponentialHistogram),
            points: distributions.into(),
        }],
    };
    let (resource, scope) = (Resource::default(), Scope::new("test", "0"));
    Batch::of(Arc::new(resource), Arc::new(scope), metrics)
}

/// Points of another kind of metric than counters.
pub(crate) fn batch_as(instrument: Instrument, points: Vec<Point>) -> Batch {
    let mut batch = batch(points);
    let metric = &mut batch.resources[0].scopes[0].metrics[0];
    metric.descriptor = Arc::new(Descriptor { instrument, ..(*metric.descriptor).clone() });
    batch
}

/// The same, each number being what came since the one before.
pub(crate) fn as_delta(mut batch: Batch) -> Batch {
    let metric = &mut batch.resources[0].scopes[0].metrics[0];
    let temporality = Temporality::Delta;
    metric.descriptor = Arc::new(Descriptor { temporality, ..(*metric.descriptor).clone() });
    batch
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// A map, all of it in line 1.
pub(crate) fn map(entries: Vec<(&str, Value)>) -> Value {
    let entries = entries.into_iter().map(|(key, value)| {
        let node = at(1, value);
        Entry { key: key.into(), position: node.position.clone(), node }
    });
    Value::Map(entries.collect())
}

/// A list whose items stand in line 1, 2 and so on.
pub(crate) fn list(items: Vec<Value>) -> Value {
    Value::List(items.into_iter().zip(1..).map(|(value, line)| at(line, value)).collect())
}

/// What `read` makes of `entries`, and the faults that it notes.
pub(crate) fn read<T>(entries: Vec<(&str, Value)>, read: impl FnOnce(&mut Section<'_>) -> T) -> (T, Vec<String>) {
    let mut faults = Faults::default();
    let config = Section::read_node(Some(&at(1, map(entries))), &mut faults, read);
    (config, faults.into_sorted().iter().map(ToString::to_string).collect())
}

fn at(line: usize, value: Value) -> Node {
    Node::new(Position { file: "f".into(), line, column: 1 }, value)
}
