//! Everything there is, as the Collector's debug exporter has it with `verbosity: detailed`.

use std::fmt::{Display, Write as _};

use component::go::time;
use pdata::{
    Attribute, Attributes, Batch, Descriptor, Distribution, ExplicitHistogram, ExponentialHistogram, Instrument,
    NumberKind, Temporality, UnixNanos, Value,
};

use crate::value::{fixed, number};

/// The lines of `batch`.
pub(crate) fn text(batch: &Batch) -> String {
    let mut lines = Lines::default();
    for (place, resource) in batch.resources.iter().enumerate() {
        lines.put(format_args!("ResourceMetrics #{place}"));
        lines.put(format_args!("Resource SchemaURL: {}", resource.resource.schema_url));
        lines.kept("Resource attributes", &resource.resource.attributes);
        for (place, scope) in resource.scopes.iter().enumerate() {
            lines.put(format_args!("ScopeMetrics #{place}"));
            lines.put(format_args!("ScopeMetrics SchemaURL: {}", scope.scope.schema_url));
            lines.put(format_args!("InstrumentationScope {} {}", scope.scope.name, scope.scope.version));
            lines.kept("InstrumentationScope attributes", &scope.scope.attributes);
            for (place, metric) in scope.metrics.iter().enumerate() {
                lines.descriptor(place, &metric.descriptor);
                for (place, point) in metric.points.iter().enumerate() {
                    lines.point("Number", place, &point.attributes, point.start, point.time);
                    let kind = metric.descriptor.number;
                    if kind != NumberKind::Missing {
                        let value = number(kind, point.bits, fixed(point.as_f64(kind)));
                        lines.put(format_args!("Value: {value}"));
                    }
                }
            }
            for (place, metric) in (scope.metrics.len()..).zip(&scope.histograms) {
                lines.descriptor(place, &metric.descriptor);
                for (place, point) in metric.points.iter().enumerate() {
                    let kind = match &*point.histogram {
                        Distribution::Explicit(_) => "Histogram",
                        Distribution::Exponential(_) => "ExponentialHistogram",
                        Distribution::Summary(_) => "Summary",
                    };
                    lines.point(kind, place, &point.attributes, point.start, point.time);
                    lines.distribution(&point.histogram, metric.descriptor.number);
                }
            }
        }
    }
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn put(&mut self, line: impl Display) {
        let _ = writeln!(self.0, "{line}");
    }

    fn kept(&mut self, header: &str, attributes: &[Attribute]) {
        self.attributes(header, attributes.iter().map(|(key, value)| (key.as_str(), value.borrow())));
    }

    fn attributes<'a>(&mut self, header: &str, attributes: impl Iterator<Item = (&'a str, Value<'a>)>) {
        let mut header = Some(header);
        for (key, value) in attributes {
            if let Some(header) = header.take() {
                self.put(format_args!("{header}:"));
            }
            let kind = match value {
                Value::Text(_) => "Str",
                Value::Int(_) => "Int",
                Value::Bool(_) => "Bool",
                Value::Double(_) => "Double",
                Value::Bytes(_) => "Bytes",
                Value::List(_) => "Slice",
                Value::Map(_) => "Map",
                Value::Empty => "Empty",
            };
            self.put(format_args!("     -> {key}: {kind}({value})"));
        }
    }

    fn descriptor(&mut self, place: usize, descriptor: &Descriptor) {
        let Descriptor { name, description, unit, instrument, temporality, .. } = descriptor;
        let kind = match instrument {
            Instrument::Counter | Instrument::UpDownCounter => "Sum",
            Instrument::Gauge => "Gauge",
            Instrument::ExponentialHistogram => "ExponentialHistogram",
            Instrument::Histogram => "Histogram",
            Instrument::Summary => "Summary",
        };
        self.put(format_args!("Metric #{place}"));
        self.put("Descriptor:");
        for (what, text) in [("Name", &**name), ("Description", description), ("Unit", unit), ("DataType", kind)] {
            self.put(format_args!("     -> {what}: {text}"));
        }
        if kind == "Sum" {
            self.put(format_args!("     -> IsMonotonic: {}", *instrument == Instrument::Counter));
        }
        if !matches!(instrument, Instrument::Gauge | Instrument::Summary) {
            let temporality = if *temporality == Temporality::Delta { "Delta" } else { "Cumulative" };
            self.put(format_args!("     -> AggregationTemporality: {temporality}"));
        }
    }

    fn point(&mut self, kind: &str, place: usize, attributes: &Attributes, start: UnixNanos, at: UnixNanos) {
        self.put(format_args!("{kind}DataPoints #{place}"));
        self.attributes("Data point attributes", attributes.iter());
        self.put(format_args!("StartTimestamp: {}", time(start)));
        self.put(format_args!("Timestamp: {}", time(at)));
    }

    fn distribution(&mut self, distribution: &Distribution, number: NumberKind) {
        self.put(format_args!("Count: {}", distribution.count()));
        match distribution {
            Distribution::Explicit(ExplicitHistogram { bounds, counts, sum, min, max, .. }) => {
                self.known([*sum, *min, *max]);
                for (place, edge) in bounds.iter().enumerate() {
                    self.put(format_args!("ExplicitBounds #{place}: {}", fixed(*edge)));
                }
                for (place, count) in counts.iter().enumerate() {
                    self.put(format_args!("Buckets #{place}, Count: {count}"));
                }
            }
            Distribution::Exponential(histogram) => {
                let extras = histogram.extras.as_ref();
                let (min, max) = extras.map_or((None, None), |extras| (extras.min, extras.max));
                self.known([distribution.sum_as_f64(number), min, max]);
                self.buckets(histogram);
            }
            Distribution::Summary(summary) => {
                self.put(format_args!("Sum: {}", fixed(summary.sum)));
                for (place, (quantile, value)) in summary.quantiles.iter().enumerate() {
                    let (quantile, value) = (fixed(*quantile), fixed(*value));
                    self.put(format_args!("QuantileValue #{place}: Quantile {quantile}, Value {value}"));
                }
            }
        }
    }

    fn known(&mut self, [sum, min, max]: [Option<f64>; 3]) {
        for (what, value) in [("Sum", sum), ("Min", min), ("Max", max)] {
            if let Some(value) = value {
                self.put(format_args!("{what}: {}", fixed(value)));
            }
        }
    }

    /// From the lowest to the highest, with zero between them.
    fn buckets(&mut self, histogram: &ExponentialHistogram) {
        let edges = |index: i32| {
            let edge = |index| ExponentialHistogram::upper_edge(histogram.scale, index);
            (edge(index.saturating_sub(1)), edge(index))
        };
        let (offset, counts) = histogram.used_negative();
        let below: Vec<_> = (offset..).zip(counts).collect();
        for (index, count) in below.into_iter().rev() {
            let (lower, upper) = edges(index);
            self.put(format_args!("Bucket [{}, {}), Count: {count}", fixed(-upper), fixed(-lower)));
        }
        if histogram.zero_count > 0 {
            self.put(format_args!("Bucket [0, 0], Count: {}", histogram.zero_count));
        }
        let (offset, counts) = histogram.used();
        for (index, count) in (offset..).zip(counts) {
            let (lower, upper) = edges(index);
            self.put(format_args!("Bucket ({}, {}], Count: {count}", fixed(lower), fixed(upper)));
        }
    }
}
