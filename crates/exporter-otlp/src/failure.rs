//! Which failures of a call are worth another attempt, and how they read.

use std::error::Error;

use component::ExportError;
use tonic::{Code, Status};

/// OTLP's list of retryable codes, and whatever happened below gRPC: the far side has not judged the batch then. A message that is
/// too large for it remains so, whatever the code.
pub(crate) fn of_status(endpoint: &str, status: &Status) -> ExportError {
    let judged = status.source().is_none();
    let reason = format!("{endpoint}: {:?}: {}", status.code(), with_causes(status.message(), status.source()));
    let after = otlp::decode_retry_delay(status.details());
    let again = |reason| ExportError::Retryable { reason, after };
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted if after.is_none() && is_too_large(status.message()) => {
            ExportError::Permanent(format!("{reason}; max_request_size must be what the far side takes, or less"))
        }
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

/// In the words of grpc-go, gRPC's core and our receiver, of tonic (two), of grpc-java, and of grpc-dotnet.
fn is_too_large(text: &str) -> bool {
    let words =
        ["larger than max", "length too large", "size limit, of", "exceeds maximum size", "exceeds the maximum"];
    text.contains("message") && words.iter().any(|words| text.contains(words))
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
