//! The agent's own log: tracing to stderr, for people or as JSON; and beside it, where it is wanted, spans to the SDK.

use std::io::{self, IsTerminal as _};

use opentelemetry_sdk::trace::SdkTracer;
use runtime::{Encoding, Logs, SPANS};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, registry, reload};

use crate::cli::LogFormat;

/// Changes what is logged.
pub(crate) type SetLevel = Box<dyn Fn(Level)>;

/// Starts logging as configured; `format` from the command line wins. Spans go to `tracer`, where there is one.
pub(crate) fn start(logs: Logs, format: Option<LogFormat>, tracer: Option<SdkTracer>) -> SetLevel {
    let json = match format {
        Some(format) => format == LogFormat::Json,
        None => logs.encoding == Encoding::Json,
    };
    let lines = layer().with_writer(io::stderr);
    let lines = if json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_ansi(io::stderr().is_terminal()).with_target(false).boxed()
    };
    let level = LevelFilter::from_level(logs.level);
    let Some(tracer) = tracer else {
        // One level for all, so that a span is no more than a comparison.
        let (level, handle) = reload::Layer::new(level);
        registry().with(lines).with(level).init();
        return set_by(handle);
    };
    let (level, handle) = reload::Layer::new(level);
    let spans = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_filter(filter_fn(is_ours));
    registry().with(lines.with_filter(level)).with(spans).init();
    set_by(handle)
}

fn set_by<S: 'static>(handle: reload::Handle<LevelFilter, S>) -> SetLevel {
    Box::new(move |level| {
        // The log is gone only where everything is.
        let _ = handle.reload(LevelFilter::from_level(level));
    })
}

/// Spans of the agent, and the lines of its log that are written while one runs. Those of libraries stay out: what
/// sends spans would make more of them.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    let of_log = || metadata.is_event() && *metadata.level() <= Level::INFO;
    metadata.target() == SPANS || of_log()
}
