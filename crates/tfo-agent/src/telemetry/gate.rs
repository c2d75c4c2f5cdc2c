//! Spans wait here until the threads that send them may exist.

use std::mem;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};

/// Most spans that wait: a start has a handful.
const MOST_HELD: usize = 256;

/// Keeps spans until it is opened, and lets them pass then.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: OnceLock<Vec<BatchSpanProcessor>>,
    held: Mutex<Vec<SpanData>>,
}

impl Gate {
    /// Hands all spans to each of `processors`, first those that wait.
    pub(super) fn open(&self, processors: Vec<BatchSpanProcessor>) {
        if self.0.open.set(processors).is_ok() {
            let held = mem::take(&mut *self.0.held.lock().unwrap_or_else(PoisonError::into_inner));
            held.into_iter().for_each(|span| self.on_end(span));
        }
    }

    /// What `act` comes to with every processor, the last fault if there is one.
    fn each(&self, act: impl Fn(&BatchSpanProcessor) -> OTelSdkResult) -> OTelSdkResult {
        let processors = self.0.open.get().into_iter().flatten();
        processors.map(act).fold(Ok(()), Result::and)
    }
}

impl SpanProcessor for Gate {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        let Some(processors) = self.0.open.get() else {
            let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
            if held.len() < MOST_HELD {
                held.push(span);
            }
            return;
        };
        let Some((last, others)) = processors.split_last() else { return };
        others.iter().for_each(|processor| processor.on_end(span.clone()));
        last.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.each(SpanProcessor::force_flush)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.each(|processor| processor.shutdown_with_timeout(timeout))
    }
}
