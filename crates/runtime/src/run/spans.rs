//! Spans of the agent's own traces. Nothing is made of them where nobody wants any.
//!
//! They are below every level that the log can have, so that they cost a comparison there.

use component::{Accepted, ComponentId, ExportError};
use tracing::field::Empty;
use tracing::{Span, trace_span};

/// The target of all spans, by which they are told from those of libraries.
pub const SPANS: &str = "tfo_agent::spans";

/// One attempt to hand `points` to the far side of the exporter `id`.
pub(super) fn of_export(id: &ComponentId, points: usize) -> Span {
    trace_span!(
        target: SPANS, parent: None, "export", otel.name = %format_args!("exporter/{id}/metrics"), otel.kind = "client",
        otelcol.component.id = %id, otelcol.component.kind = "exporter", points,
        outcome = Empty, points.rejected = Empty, otel.status_code = Empty, otel.status_description = Empty,
    )
}

/// How it went.
pub(super) fn end_of_export(span: &Span, answer: &Result<Accepted, ExportError>) {
    let (outcome, reason) = match answer {
        Ok(Accepted { rejected: 0, .. }) => {
            span.record("outcome", "accepted");
            return;
        }
        Ok(Accepted { rejected, message }) => {
            span.record("points.rejected", rejected);
            ("partially rejected", message)
        }
        Err(ExportError::Retryable { reason, .. }) => ("failed, to be tried again", reason),
        Err(ExportError::Permanent(reason)) => ("refused", reason),
    };
    span.record("outcome", outcome);
    fail(span, reason);
}

/// Of `span`, that it ended with an error.
pub(super) fn fail(span: &Span, reason: &str) {
    span.record("otel.status_code", "ERROR");
    span.record("otel.status_description", reason);
}

/// The configuration is read anew.
pub(super) fn of_reload() -> Span {
    trace_span!(target: SPANS, parent: None, "reload", otel.status_code = Empty, otel.status_description = Empty)
}

/// Extensions and exporters start, as a part of `start`.
pub(super) fn of_components(start: &Span) -> Span {
    trace_span!(target: SPANS, parent: start, "start components", otel.status_code = Empty, otel.status_description = Empty)
}
