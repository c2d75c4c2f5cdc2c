//! The agent's own traces and metrics, on their way to OTLP backends through the OpenTelemetry SDK.
//!
//! Off unless `service::telemetry` names a backend: there is no layer, no thread and no connection then. The
//! figures of the scrape page are the runtime's and need nothing of this.

mod figures;
mod gate;
mod resource;
mod target;
mod told;

use std::sync::Arc;
use std::time::Duration;

use component::Observe;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanProcessor as _,
};
use runtime::{Batching, Periodic};
use tokio::sync::oneshot;
use tokio::time::timeout;

use gate::Gate;

/// What the last spans and figures may take to leave, after everything else has ended; as long as the SDK has it.
const FLUSH: Duration = Duration::from_secs(5);

/// Traces and metrics of the agent itself.
pub(crate) struct Telemetry {
    plan: runtime::Telemetry,
    resource: Resource,
    traces: Option<(SdkTracerProvider, Gate)>,
    metrics: Option<SdkMeterProvider>,
}

impl Telemetry {
    /// As `plan` says. Spans are kept until [`start`](Self::start): no thread is started and nothing is sent before.
    pub(crate) fn new(plan: &runtime::Telemetry) -> Self {
        let resource = resource::of_agent(&plan.resource);
        let traces = (!plan.traces.is_empty()).then(|| {
            let gate = Gate::default();
            let provider = SdkTracerProvider::builder()
                .with_resource(resource.clone())
                .with_sampler(Sampler::AlwaysOn)
                .with_span_processor(gate.clone());
            (provider.build(), gate)
        });
        Self { plan: plan.clone(), resource, traces, metrics: None }
    }

    /// By which spans are made; `None` where nobody wants any.
    pub(crate) fn tracer(&self) -> Option<SdkTracer> {
        self.traces.as_ref().map(|(provider, _)| provider.tracer("tfo-agent"))
    }

    /// Starts the threads that send. To be called inside tokio, and after rights were given up: threads inherit them.
    ///
    /// A backend that cannot be had is no reason not to run; a warning says so.
    pub(crate) fn start(&mut self, service: &Arc<dyn Observe>) {
        if let Some((_, gate)) = &self.traces {
            let processors = self.plan.traces.iter().filter_map(|batching| processor(batching, &self.resource));
            gate.open(processors.collect());
        }
        let readers: Vec<_> = self.plan.metrics.iter().filter_map(reader).collect();
        if !readers.is_empty() {
            let provider = SdkMeterProvider::builder().with_resource(self.resource.clone());
            let provider = readers.into_iter().fold(provider, |provider, reader| provider.with_reader(reader)).build();
            figures::register(&provider, service);
            self.metrics = Some(provider);
        }
    }

    /// Sends what is left, for a while, and ends the threads.
    pub(crate) async fn stop(self) {
        let Self { traces, metrics, .. } = self;
        let traces = traces.map(|(provider, _)| move || provider.shutdown_with_timeout(FLUSH));
        let metrics = metrics.map(|provider| move || provider.shutdown_with_timeout(FLUSH));
        tokio::join!(end("traces", traces), end("metrics", metrics));
    }
}

/// Runs `shutdown`, which blocks while this thread has to move its bytes.
async fn end(telemetry: &str, shutdown: Option<impl FnOnce() -> OTelSdkResult + Send + 'static>) {
    let Some(shutdown) = shutdown else { return };
    let (done, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("telemetry-end".to_owned());
    let spawned = thread.spawn(move || {
        // Nobody listens any more where it took too long.
        let _ = done.send(shutdown());
    });
    // The SDK watches the time too, not everywhere: who of the two gives up first is chance.
    let result = match timeout(FLUSH, ended).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(OTelSdkError::InternalFailure(spawned.map_or_else(|e| e.to_string(), |_| "it died".into()))),
        Err(_) => Err(OTelSdkError::Timeout(FLUSH)),
    };
    if let Err(error) = result {
        tracing::warn!(telemetry, %error, "the last of the agent's own telemetry could not be sent");
    }
}

fn processor(batching: &Batching, resource: &Resource) -> Option<BatchSpanProcessor> {
    let Batching { target, delay, queue_size, batch_size } = batching;
    let exporter = target::span_exporter(target).inspect_err(|error| unusable("traces", &target.url, error)).ok()?;
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(*queue_size)
        .with_max_export_batch_size(*batch_size)
        .with_scheduled_delay(*delay);
    let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(config.build()).build();
    processor.set_resource(resource);
    Some(processor)
}

fn reader(Periodic { target, interval, temporality }: &Periodic) -> Option<PeriodicReader<target::MetricExporter>> {
    let exporter = target::metric_exporter(target, *temporality);
    let exporter = exporter.inspect_err(|error| unusable("metrics", &target.url, error)).ok()?;
    Some(PeriodicReader::builder(exporter).with_interval(*interval).build())
}

fn unusable(telemetry: &str, url: &str, error: &str) {
    tracing::warn!(telemetry, url, error, "the agent's own telemetry has no way there, running on without");
}
