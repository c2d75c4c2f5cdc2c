//! The far side's answers in OTLP/JSON.

use serde_json::Value;

use crate::PartialSuccess;

/// Reads an `ExportMetricsServiceResponse` in JSON. Keys that it does not know are skipped.
///
/// # Errors
/// Where `bytes` are no JSON.
pub fn decode_json_response(bytes: &[u8]) -> Result<PartialSuccess, serde_json::Error> {
    let response: Value = serde_json::from_slice(bytes)?;
    let partial = &response["partialSuccess"];
    let rejected = match &partial["rejectedDataPoints"] {
        // Numbers of 64 bits are strings, and readers are to take numbers as well.
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    let message = partial["errorMessage"].as_str().unwrap_or_default().to_owned();
    Ok(PartialSuccess { rejected: rejected.unwrap_or_default(), message })
}

/// The message of a `google.rpc.Status` in JSON; `None` where `bytes` are none.
#[must_use]
pub fn decode_json_status_message(bytes: &[u8]) -> Option<String> {
    let status: Value = serde_json::from_slice(bytes).ok()?;
    status["message"].as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_success_is_read_with_numbers_of_either_form() {
        let read = |text: &str| decode_json_response(text.as_bytes()).map(|it| (it.rejected, it.message)).ok();
        let told = |rejected, message: &str| Some((rejected, message.to_owned()));
        assert_eq!(read("{}"), told(0, ""));
        assert_eq!(read(r#"{"partialSuccess":{}}"#), told(0, ""));
        let text = r#"{"new":[],"partialSuccess":{"rejectedDataPoints":"9007199254740993","errorMessage":"old"}}"#;
        assert_eq!(read(text), told(9_007_199_254_740_993, "old"));
        assert_eq!(read(r#"{"partialSuccess":{"rejectedDataPoints":7}}"#), told(7, ""));
        assert_eq!(read(r#"{"partialSuccess":{"rejectedDataPoints":"-1","errorMessage":1}}"#), told(0, ""));
        assert_eq!(read("[1]"), told(0, ""));
        assert_eq!((read(""), read("ok"), read(&"[".repeat(10_000))), (None, None, None));
    }

    #[test]
    fn a_status_tells_its_message() {
        let message = |text: &str| decode_json_status_message(text.as_bytes());
        assert_eq!(message(r#"{"code":3,"message":"no such field","details":[]}"#).as_deref(), Some("no such field"));
        assert_eq!((message("{}"), message("<html>")), (None, None));
    }
}
