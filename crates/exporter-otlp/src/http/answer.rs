//! What a status, its headers and the body behind them say about a request.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use component::ExportError;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use otlp::PartialSuccess;

/// What came back; the body is `None` where it was longer than anybody has to read.
pub(super) struct Answer {
    pub(super) head: Parts,
    pub(super) body: Option<Bytes>,
}

impl Answer {
    /// By OTLP's list of statuses; of a success, what was refused. A token that is `renewed` may be good next time.
    pub(super) fn judge(&self, name: &str, renewed: bool) -> Result<PartialSuccess, ExportError> {
        let status = self.head.status;
        if status.is_success() {
            // The status said that all is well, which is what counts.
            return Ok(self.partial_success().unwrap_or_else(|error| PartialSuccess {
                rejected: 0,
                message: format!("{name}: unreadable answer: {error}"),
            }));
        }
        let reason = match self.message() {
            Some(message) => format!("{name}: {status}: {message}"),
            None => format!("{name}: {status}"),
        };
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => ExportError::Retryable { reason, after: retry_after(&self.head.headers) },
            StatusCode::UNAUTHORIZED if renewed => ExportError::Retryable { reason, after: None },
            _ => ExportError::Permanent(reason),
        })
    }

    fn partial_success(&self) -> Result<PartialSuccess, String> {
        match &self.body {
            None => Err("too long".to_owned()),
            Some(body) if body.is_empty() => Ok(PartialSuccess::default()),
            Some(body) if self.is("application/json") => {
                otlp::decode_json_response(body).map_err(|error| error.to_string())
            }
            Some(body) if self.is("application/x-protobuf") => {
                otlp::decode_response(body).map_err(|error| error.to_string())
            }
            // A proxy's page, or a backend that says "ok" in its own words.
            Some(_) => Ok(PartialSuccess::default()),
        }
    }

    /// What the far side says about a failure, as one short line.
    fn message(&self) -> Option<String> {
        let body = self.body.as_ref()?;
        let text = if self.is("application/x-protobuf") {
            otlp::decode_status_message(body)?
        } else {
            otlp::decode_json_status_message(body).unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
        };
        let line: String = text.lines().next().unwrap_or_default().chars().take(LONGEST_MESSAGE).collect();
        let line = line.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }

    fn is(&self, content_type: &str) -> bool {
        let value = self.head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.and_then(|value| value.split(';').next()).is_some_and(|it| it.trim().eq_ignore_ascii_case(content_type))
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok(),
    }
}

/// In characters; a log line is no place for a page.
const LONGEST_MESSAGE: usize = 200;
