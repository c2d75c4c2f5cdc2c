//! The `debug` exporter: writes what passes to the log, for people who try a pipeline out.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use component::config::{Configuration, Section};
use component::{
    Accepted, BoxFuture, BuiltExporter, ComponentId, Delivery, ExportError, Exporter, ExporterFactory, Stability,
};
use pdata::{Attributes, Batch, Descriptor, ExponentialHistogram, HistogramPoint, NumberKind, Point};

/// The `debug` exporter type.
pub static FACTORY: ExporterFactory = ExporterFactory {
    component_type: "debug",
    alias: None,
    stability: Stability::Alpha,
    summary: "writes batches, metrics or points to the log",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |context| {
            let exporter = Debug::new(context.id, &config);
            Ok(BuiltExporter { exporter: Box::new(exporter), delivery: Delivery::Direct })
        })
    },
};

/// Keys of `debug`.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much is written.
    pub verbosity: Verbosity,
}

/// What gets a line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// A batch.
    Basic,
    /// A metric.
    Normal,
    /// A point.
    Detailed,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let choices = [("basic", Verbosity::Basic), ("normal", Verbosity::Normal), ("detailed", Verbosity::Detailed)];
        Self { verbosity: section.choice("verbosity", "one line per batch, per metric or per point", &choices) }
    }
}

/// Writes to the log.
#[derive(Debug)]
pub struct Debug {
    id: ComponentId,
    verbosity: Verbosity,
}

impl Debug {
    /// Writes under the name `id`.
    #[must_use]
    pub fn new(id: &ComponentId, config: &Config) -> Self {
        Self { id: id.clone(), verbosity: config.verbosity }
    }

    fn write(&self, batch: &Batch) {
        match self.verbosity {
            Verbosity::Basic => {
                let metrics = batch.metrics().count() + batch.histograms().count();
                let (resources, points) = (batch.resources.len(), batch.items());
                tracing::info!(otelcol.component.id = %self.id, resources, metrics, points, "batch");
            }
            Verbosity::Normal => {
                batch.metrics().for_each(|metric| self.write_metric(&metric.descriptor, metric.points.len()));
                batch.histograms().for_each(|metric| self.write_metric(&metric.descriptor, metric.points.len()));
            }
            Verbosity::Detailed => {
                for metric in batch.metrics() {
                    metric.points.iter().for_each(|point| self.write_point(&metric.descriptor, point));
                }
                for metric in batch.histograms() {
                    metric.points.iter().for_each(|point| self.write_histogram(&metric.descriptor, point));
                }
            }
        }
    }

    fn write_metric(&self, descriptor: &Descriptor, points: usize) {
        let (name, unit) = (&*descriptor.name, &*descriptor.unit);
        tracing::info!(otelcol.component.id = %self.id, name, unit, points, "metric");
    }

    fn write_point(&self, descriptor: &Descriptor, point: &Point) {
        let (name, unit, start, time) = (&*descriptor.name, &*descriptor.unit, point.start, point.time);
        let (value, attributes) =
            (Value(descriptor.number, point.bits, point.as_f64(descriptor.number)), Set(&point.attributes));
        tracing::info!(otelcol.component.id = %self.id, name, unit, %value, %attributes, start, time, "point");
    }

    fn write_histogram(&self, descriptor: &Descriptor, point: &HistogramPoint) {
        let (name, unit, start, time) = (&*descriptor.name, &*descriptor.unit, point.start, point.time);
        let HistogramPoint { attributes, histogram, .. } = point;
        let sum = Value(descriptor.number, histogram.sum, histogram.sum_as_f64(descriptor.number));
        let (count, buckets, attributes) = (histogram.count(), Buckets(histogram), Set(attributes));
        tracing::info!(
            otelcol.component.id = %self.id, name, unit, count, %sum, %buckets, %attributes, start, time, "histogram"
        );
    }
}

impl Exporter for Debug {
    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        self.write(&batch);
        Box::pin(std::future::ready(Ok(Accepted::default())))
    }
}

/// A value as it leaves the agent, whole numbers exactly: kind, bits, and the bits read as that kind.
struct Value(NumberKind, u64, f64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NumberKind::Unsigned => write!(f, "{}", self.1),
            NumberKind::Double | NumberKind::Nanoseconds => write!(f, "{}", self.2),
        }
    }
}

/// Buckets that are not empty, each as `upper edge:count`, with zero before them.
struct Buckets<'a>(&'a ExponentialHistogram);

impl fmt::Display for Buckets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (offset, counts) = self.0.used();
        let edges = (i64::from(offset)..)
            .map(|index| ExponentialHistogram::upper_edge(self.0.scale, i32::try_from(index).unwrap_or(i32::MAX)));
        let zero = std::iter::once((0.0, &self.0.zero_count));
        f.write_str("[")?;
        let filled = zero.chain(edges.zip(counts)).filter(|(_, count)| **count > 0);
        for (place, (edge, count)) in filled.enumerate() {
            write!(f, "{}{edge:?}:{count}", if place == 0 { "" } else { " " })?;
        }
        f.write_str("]")
    }
}

/// Attributes as `{key=value, ...}`.
struct Set<'a>(&'a Attributes);

impl fmt::Display for Set<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (key, value)) in self.0.iter().enumerate() {
            write!(f, "{}{key}={value}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests;
