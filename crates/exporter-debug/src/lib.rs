//! The `debug` exporter: writes what passes to the log, for people who try a pipeline out.
#![forbid(unsafe_code)]

use std::fmt;
use std::sync::Arc;

use component::config::{Configuration, Section};
use component::{
    Accepted, BoxFuture, BuiltExporter, ComponentId, Delivery, ExportError, Exporter, ExporterFactory, Stability,
};
use pdata::{Attributes, Batch, Metric, NumberKind, Point};

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
                let (resources, metrics, points) = (batch.resources.len(), batch.metrics().count(), batch.items());
                tracing::info!(otelcol.component.id = %self.id, resources, metrics, points, "batch");
            }
            Verbosity::Normal => batch.metrics().for_each(|metric| self.write_metric(metric)),
            Verbosity::Detailed => {
                for metric in batch.metrics() {
                    metric.points.iter().for_each(|point| self.write_point(metric, point));
                }
            }
        }
    }

    fn write_metric(&self, metric: &Metric) {
        let (name, unit, points) = (&*metric.descriptor.name, &*metric.descriptor.unit, metric.points.len());
        tracing::info!(otelcol.component.id = %self.id, name, unit, points, "metric");
    }

    fn write_point(&self, metric: &Metric, point: &Point) {
        let (name, unit, start, time) = (&*metric.descriptor.name, &*metric.descriptor.unit, point.start, point.time);
        let (value, attributes) = (Value(metric.descriptor.number, point), Set(&point.attributes));
        tracing::info!(otelcol.component.id = %self.id, name, unit, %value, %attributes, start, time, "point");
    }
}

impl Exporter for Debug {
    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        self.write(&batch);
        Box::pin(std::future::ready(Ok(Accepted::default())))
    }
}

/// A value as it leaves the agent, whole numbers exactly.
struct Value<'a>(NumberKind, &'a Point);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            NumberKind::Unsigned => write!(f, "{}", self.1.bits),
            number => write!(f, "{}", self.1.as_f64(number)),
        }
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
