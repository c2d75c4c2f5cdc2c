//! The `debug` exporter: writes what passes to the log, for people who try a pipeline out.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use component::config::{Configuration, Section};
use component::{
    Accepted, BoxFuture, BuiltExporter, ComponentId, Delivery, ExportError, Exporter, ExporterFactory, Stability,
};
use pdata::{Attributes, Batch, Descriptor, Distribution, ExponentialHistogram, HistogramPoint, NumberKind, Point};

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
    /// Batches that are written in each second, whatever comes.
    pub sampling_initial: u64,
    /// Of those that come on top of it, every so many is written; of zero, none.
    pub sampling_thereafter: u64,
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
        Self {
            verbosity: section.choice("verbosity", "one line per batch, per metric or per point", &choices),
            sampling_initial: section.field("sampling_initial", "batches written in each second", 2),
            sampling_thereafter: section.field(
                "sampling_thereafter",
                "of the batches beyond them every so many is written; 0 means none",
                1,
            ),
        }
    }
}

/// Writes to the log.
#[derive(Debug)]
pub struct Debug {
    id: ComponentId,
    config: Config,
    /// When the second began that is counted in, and the batches in it.
    second: Option<Instant>,
    batches: u64,
}

impl Debug {
    /// Writes under the name `id`.
    #[must_use]
    pub fn new(id: &ComponentId, config: &Config) -> Self {
        Self { id: id.clone(), config: config.clone(), second: None, batches: 0 }
    }

    /// Whether a batch that comes at `now` is one to write.
    fn is_sampled(&mut self, now: Instant) -> bool {
        if self.second.is_none_or(|second| now.duration_since(second) >= Duration::from_secs(1)) {
            (self.second, self.batches) = (Some(now), 0);
        }
        self.batches += 1;
        let Config { sampling_initial, sampling_thereafter, .. } = self.config;
        let beyond = self.batches.saturating_sub(sampling_initial);
        beyond == 0 || (sampling_thereafter > 0 && beyond.is_multiple_of(sampling_thereafter))
    }

    fn write(&self, batch: &Batch) {
        match self.config.verbosity {
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
        let sum = Sum(descriptor.number, histogram);
        let (count, buckets, attributes) = (histogram.count(), Buckets(histogram), Set(attributes));
        tracing::info!(
            otelcol.component.id = %self.id, name, unit, count, %sum, %buckets, %attributes, start, time, "histogram"
        );
    }
}

impl Exporter for Debug {
    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        if self.is_sampled(Instant::now()) {
            self.write(&batch);
        }
        Box::pin(std::future::ready(Ok(Accepted::default())))
    }
}

/// A value as it leaves the agent, whole numbers exactly: kind, bits, and the bits read as that kind.
struct Value(NumberKind, u64, f64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NumberKind::Unsigned => write!(f, "{}", self.1),
            NumberKind::Signed => write!(f, "{}", self.1.cast_signed()),
            NumberKind::Double | NumberKind::Nanoseconds => write!(f, "{}", self.2),
            NumberKind::Missing => f.write_str("none"),
        }
    }
}

/// The sum of a distribution, where it is known.
struct Sum<'a>(NumberKind, &'a Distribution);

impl fmt::Display for Sum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.1.exponential(), self.1.sum_as_f64(self.0)) {
            (_, None) => f.write_str("none"),
            (Some(histogram), Some(sum)) => Value(self.0, histogram.sum, sum).fmt(f),
            (None, Some(sum)) => sum.fmt(f),
        }
    }
}

/// Buckets that are not empty, each as `upper edge:count` and those of one side after the other; quantiles with their values.
struct Buckets<'a>(&'a Distribution);

impl fmt::Display for Buckets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Box<dyn Iterator<Item = (f64, String)>> = match self.0 {
            Distribution::Exponential(histogram) => {
                Box::new(exponential(histogram).map(|(edge, count)| (edge, count.to_string())))
            }
            Distribution::Explicit(histogram) => {
                let edges = histogram.bounds.iter().copied().chain(std::iter::once(f64::INFINITY));
                let filled = edges.zip(&histogram.counts).filter(|(_, count)| **count > 0);
                Box::new(filled.map(|(edge, count)| (edge, count.to_string())))
            }
            Distribution::Summary(summary) => {
                Box::new(summary.quantiles.iter().map(|(quantile, value)| (*quantile, format!("{value:?}"))))
            }
        };
        f.write_str("[")?;
        for (place, (edge, text)) in pairs.enumerate() {
            write!(f, "{}{edge:?}:{text}", if place == 0 { "" } else { " " })?;
        }
        f.write_str("]")
    }
}

/// Edges from the lowest to the highest, with zero between them.
fn exponential(histogram: &ExponentialHistogram) -> impl Iterator<Item = (f64, u64)> {
    let edge = |index: i64| ExponentialHistogram::upper_edge(histogram.scale, i32::try_from(index).unwrap_or(i32::MAX));
    let (offset, counts) = histogram.used_negative();
    let below: Vec<_> = (i64::from(offset) - 1..).map(|index| -edge(index)).zip(counts).collect();
    let (offset, counts) = histogram.used();
    let above = (i64::from(offset)..).map(edge).zip(counts);
    let all = below.into_iter().rev().chain(std::iter::once((0.0, &histogram.zero_count))).chain(above);
    all.map(|(edge, count)| (edge, *count)).filter(|(_, count)| *count > 0)
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
