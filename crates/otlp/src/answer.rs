//! What a server answers: what it took of a request, or why it took nothing.

use std::time::Duration;

use bytes::Bytes;

use crate::wire::{put_bytes, put_varint};

/// An `ExportMetricsServiceResponse`; with nothing rejected and nothing to say it is empty.
#[must_use]
pub fn encode_response(rejected: u64, reason: &str) -> Bytes {
    let mut partial = Vec::new();
    if rejected > 0 {
        partial.push(0x08);
        put_varint(&mut partial, rejected.min(i64::MAX.cast_unsigned()));
    }
    if !reason.is_empty() {
        put_bytes(&mut partial, 0x12, reason.as_bytes());
    }
    let mut out = Vec::new();
    if !partial.is_empty() {
        put_bytes(&mut out, 0x0a, &partial);
    }
    out.into()
}

/// The same in JSON.
#[must_use]
pub fn encode_json_response(rejected: u64, reason: &str) -> Bytes {
    if rejected == 0 && reason.is_empty() {
        return Bytes::from_static(b"{}");
    }
    let partial = serde_json::json!({"rejectedDataPoints": rejected.to_string(), "errorMessage": reason});
    serde_json::json!({ "partialSuccess": partial }).to_string().into()
}

/// A `google.rpc.Status`, with a `RetryInfo` where there is a time to wait.
#[must_use]
pub fn encode_status(code: i32, message: &str, retry_after: Option<Duration>) -> Bytes {
    let mut out = Vec::new();
    out.push(0x08);
    put_varint(&mut out, i64::from(code).cast_unsigned());
    put_bytes(&mut out, 0x12, message.as_bytes());
    if let Some(delay) = retry_after {
        let mut duration = vec![0x08];
        put_varint(&mut duration, delay.as_secs());
        duration.push(0x10);
        put_varint(&mut duration, delay.subsec_nanos().into());
        let mut retry_info = Vec::new();
        put_bytes(&mut retry_info, 0x0a, &duration);
        let mut any = Vec::new();
        put_bytes(&mut any, 0x0a, b"type.googleapis.com/google.rpc.RetryInfo");
        put_bytes(&mut any, 0x12, &retry_info);
        put_bytes(&mut out, 0x1a, &any);
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartialSuccess, decode_json_response, decode_response, decode_retry_delay, decode_status_message};

    #[test]
    fn our_exporters_read_what_our_receiver_answers() {
        let partial = |rejected, message: &str| PartialSuccess { rejected, message: message.to_owned() };
        for (rejected, reason) in [(0, ""), (3, "bad"), (0, "a warning"), (u64::MAX >> 1, "")] {
            assert_eq!(decode_response(&encode_response(rejected, reason)), Ok(partial(rejected, reason)));
            assert_eq!(
                decode_json_response(&encode_json_response(rejected, reason)).ok(),
                Some(partial(rejected, reason))
            );
        }
        assert!(encode_response(0, "").is_empty());
        for delay in [Duration::from_secs(1), Duration::from_millis(2500)] {
            let status = encode_status(8, "full", Some(delay));
            assert_eq!(
                (decode_retry_delay(&status), decode_status_message(&status).as_deref()),
                (Some(delay), Some("full"))
            );
        }
        assert_eq!(decode_retry_delay(&encode_status(3, "x", None)), None);
    }
}
