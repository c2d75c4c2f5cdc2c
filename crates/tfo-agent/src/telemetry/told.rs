//! An exporter of the SDK whose failures show in the log, once until it works again.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// The exporter, and whether its last attempt failed.
pub(crate) struct Told<E> {
    exporter: E,
    telemetry: &'static str,
    url: String,
    failing: AtomicBool,
}

impl<E> Told<E> {
    pub(super) fn new(exporter: E, telemetry: &'static str, url: &str) -> Self {
        Self { exporter, telemetry, url: url.to_owned(), failing: AtomicBool::new(false) }
    }

    fn tell(&self, outcome: OTelSdkResult) -> OTelSdkResult {
        let Self { telemetry, url, .. } = self;
        let failed = self.failing.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(error) if !failed => tracing::warn!(telemetry, url, %error, "the agent's own telemetry is not taken"),
            Ok(()) if failed => tracing::info!(telemetry, url, "the agent's own telemetry is taken again"),
            _ => {}
        }
        outcome
    }
}

impl<E> fmt::Debug for Told<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").field("telemetry", &self.telemetry).field("url", &self.url).finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.tell(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Told<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.tell(self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
