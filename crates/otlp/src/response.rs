//! The far side's answers, read with a protobuf reader that trusts nothing.

use std::time::Duration;

/// What an `ExportMetricsServiceResponse` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Points refused for good; zero means that all were taken.
    pub rejected: u64,
    /// The reason, or a warning where nothing was refused.
    pub message: String,
}

/// Bytes that are no protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResponse {
    /// The bytes end within a field.
    #[error("message ends within a field")]
    Truncated,
    /// A number of more than ten bytes.
    #[error("number is longer than 64 bits")]
    Overlong,
    /// A wire type that proto3 does not have.
    #[error("unknown wire type {0}")]
    WireType(u64),
}

/// Reads an `ExportMetricsServiceResponse`. Fields that it does not know are skipped.
///
/// # Errors
/// Where `bytes` are no protobuf message.
pub fn decode_response(bytes: &[u8]) -> Result<PartialSuccess, InvalidResponse> {
    let mut success = PartialSuccess::default();
    let mut response = Reader(bytes);
    while let Some(field) = response.field()? {
        let (1, Value::Bytes(inner)) = field else { continue };
        let mut inner = Reader(inner);
        while let Some(field) = inner.field()? {
            match field {
                // An int64, which a sane backend never makes negative.
                (1, Value::Number(rejected)) => {
                    success.rejected = u64::try_from(rejected.cast_signed()).unwrap_or_default();
                }
                (2, Value::Bytes(message)) => success.message = String::from_utf8_lossy(message).into_owned(),
                _ => {}
            }
        }
    }
    Ok(success)
}

/// How long to wait, as the `RetryInfo` among the details of a gRPC status (`google.rpc.Status`) says.
#[must_use]
pub fn decode_retry_delay(details: &[u8]) -> Option<Duration> {
    let mut details = Reader(details);
    while let Some(field) = details.field().ok()? {
        let (3, Value::Bytes(detail)) = field else { continue };
        if bytes_at(detail, 1)?.ends_with(b"/google.rpc.RetryInfo") {
            let delay = bytes_at(bytes_at(detail, 2)?, 1)?;
            let nanos = u32::try_from(number_at(delay, 2)).ok().filter(|nanos| *nanos < 1_000_000_000)?;
            let seconds = number_at(delay, 1);
            return i64::try_from(seconds).ok().map(|_| Duration::new(seconds, nanos));
        }
    }
    None
}

/// The message of a `google.rpc.Status`, as the body of a refusal over HTTP is one.
#[must_use]
pub fn decode_status_message(status: &[u8]) -> Option<String> {
    bytes_at(status, 2).map(|message| String::from_utf8_lossy(message).into_owned())
}

fn bytes_at(message: &[u8], number: u64) -> Option<&[u8]> {
    let mut message = Reader(message);
    while let Some(field) = message.field().ok()? {
        match field {
            (found, Value::Bytes(bytes)) if found == number => return Some(bytes),
            _ => {}
        }
    }
    None
}

/// Zero where it is not there, as proto3 has it.
fn number_at(message: &[u8], number: u64) -> u64 {
    let mut message = Reader(message);
    while let Ok(Some(field)) = message.field() {
        match field {
            (found, Value::Number(value)) if found == number => return value,
            _ => {}
        }
    }
    0
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// What is left of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next field and its number.
    fn field(&mut self) -> Result<Option<(u64, Value<'a>)>, InvalidResponse> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            unknown => return Err(InvalidResponse::WireType(unknown)),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn varint(&mut self) -> Result<u64, InvalidResponse> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(InvalidResponse::Truncated)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(value);
            }
        }
        Err(InvalidResponse::Overlong)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], InvalidResponse> {
        let len = usize::try_from(len).map_err(|_| InvalidResponse::Truncated)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(InvalidResponse::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
    };
    use prost::Message;

    use super::*;

    fn response(rejected: i64, message: &str) -> Vec<u8> {
        let partial = ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message: message.to_owned() };
        ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
    }

    #[test]
    fn reads_what_prost_writes() {
        let read = |rejected, message| {
            let success = decode_response(&response(rejected, message)).unwrap();
            (success.rejected, success.message)
        };
        assert_eq!(decode_response(&[]), Ok(PartialSuccess::default()));
        assert_eq!(read(0, ""), (0, String::new()));
        assert_eq!(read(i64::MAX, "too old"), (i64::MAX.cast_unsigned(), "too old".to_owned()));
        assert_eq!(read(-1, "x"), (0, "x".to_owned()));
    }

    #[test]
    fn skips_fields_that_it_does_not_know() {
        let unknown = [0x10, 1, 0x19, 0, 0, 0, 0, 0, 0, 0, 0, 0x25, 0, 0, 0, 0, 0x2a, 1, 9];
        let bytes = [&unknown[..], &response(3, "m"), &unknown].concat();
        assert_eq!(decode_response(&bytes), Ok(PartialSuccess { rejected: 3, message: "m".to_owned() }));
    }

    #[test]
    fn a_retry_delay_is_found_among_other_details() {
        let message = |fields: &[(u8, &[u8])]| {
            let mut out = vec![0x08, 14];
            fields.iter().for_each(|(tag, bytes)| crate::wire::put_bytes(&mut out, *tag, bytes));
            out
        };
        let detail = |name: &[u8], value: &[u8]| message(&[(0x0a, name), (0x12, value)]);
        let info = |delay: &[u8]| detail(b"type.googleapis.com/google.rpc.RetryInfo", &[&[0x0a, 4], delay].concat());
        let other = detail(b"type.googleapis.com/google.rpc.Help", &[]);
        let delay =
            |delay: &[u8]| decode_retry_delay(&message(&[(0x12, b"text"), (0x1a, &other), (0x1a, &info(delay))]));
        assert_eq!(delay(&[0x08, 3, 0x10, 5]), Some(Duration::new(3, 5)));
        assert_eq!(delay(&[0x08, 3, 0x18, 5]), Some(Duration::from_secs(3)));
        assert_eq!(delay(&[0xff, 0xff, 0xff, 0xff]), Some(Duration::ZERO), "no number can be read");
        assert_eq!(decode_retry_delay(&message(&[(0x1a, &other)])), None);
    }

    #[test]
    fn survives_any_input_and_agrees_with_prost_where_that_reads_it() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..100_000 {
            let mut bytes = response(random.i64(..), &"m".repeat(random.usize(..40)));
            for _ in 0..random.usize(..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(..=bytes.len()));
            let ours = decode_response(&bytes);
            let theirs = ExportMetricsServiceResponse::decode(&*bytes).map(|it| it.partial_success.unwrap_or_default());
            if let (Ok(ours), Ok(theirs)) = (ours, theirs) {
                assert_eq!(ours.message, theirs.error_message, "{bytes:?}");
                assert_eq!(ours.rejected, u64::try_from(theirs.rejected_data_points).unwrap_or(0), "{bytes:?}");
            }
            let noise: Vec<u8> = (0..random.usize(..64)).map(|_| random.u8(..)).collect();
            let _ = (decode_response(&noise), decode_retry_delay(&noise));
        }
    }
}
