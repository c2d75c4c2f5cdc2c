//! The `debug` exporter: writes what passes to the log, for people who try a pipeline out, as the Collector's does.
#![forbid(unsafe_code)]

mod detailed;
mod normal;
mod value;

use std::sync::Arc;
use std::time::{Duration, Instant};

use component::config::{Configuration, Section};
use component::{
    Accepted, BoxFuture, BuiltExporter, ComponentId, Delivery, ExportError, Exporter, ExporterFactory, Stability,
};
use pdata::Batch;

/// The `debug` exporter type.
pub static FACTORY: ExporterFactory = ExporterFactory {
    component_type: "debug",
    alias: None,
    stability: Stability::Alpha,
    summary: "writes what passes to the log, as the Collector's does",
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

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// How much came.
    Basic,
    /// A line for every point, too.
    Normal,
    /// All that is known of it.
    Detailed,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let choices = [("basic", Verbosity::Basic), ("normal", Verbosity::Normal), ("detailed", Verbosity::Detailed)];
        Self {
            verbosity: section.choice(
                "verbosity",
                "a line per batch, with normal one per point as well, with detailed all that is known",
                &choices,
            ),
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
        let (resources, points) = (batch.resources.len(), batch.items());
        let metrics = batch.metrics().count() + batch.histograms().count();
        tracing::info!(
            otelcol.component.id = %self.id, "resource metrics" = resources, metrics, "data points" = points, "Metrics"
        );
        let text = match self.config.verbosity {
            Verbosity::Basic => return,
            Verbosity::Normal => normal::text(batch),
            Verbosity::Detailed => detailed::text(batch),
        };
        tracing::info!(otelcol.component.id = %self.id, "{text}");
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

#[cfg(test)]
mod tests;
