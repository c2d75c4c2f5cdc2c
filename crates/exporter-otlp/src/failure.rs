//! Which failures of a call are worth another attempt, and how they read.

use std::error::Error;

use component::ExportError;
use tonic::{Code, Status};

/// OTLP's list of retryable codes, and whatever happened below gRPC: the far side has not judged the batch then.
pub(crate) fn of_status(endpoint: &str, status: &Status) -> ExportError {
    let judged = status.source().is_none();
    let reason = format!("{endpoint}: {:?}: {}", status.code(), with_causes(status.message(), status.source()));
    let again = |reason| ExportError::Retryable { reason, after: otlp::decode_retry_delay(status.details()) };
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        | Code::ResourceExhausted => again(reason),
        Code::Unknown if !judged => again(reason),
        _ => ExportError::Permanent(reason),
    }
}

/// `text` and those of its causes that it does not tell already, down to that of the operating system.
pub(crate) fn with_causes(text: &str, mut cause: Option<&(dyn Error + 'static)>) -> String {
    let mut text = text.to_owned();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = if text.is_empty() { words } else { format!("{text}: {words}") };
        }
        cause = error.source();
    }
    text
}
