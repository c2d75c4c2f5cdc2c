//! OTLP/JSON to protobuf: by tables of what each message has, so that a request is judged by one decoder.
//!
//! This is not the way of many points: who has them sends protobuf.

use pdata::wire::Malformed;
use serde_json::Value;

use crate::wire::{put_bytes, put_fixed, put_varint, zigzag};

/// The protobuf of the `ExportMetricsServiceRequest` that `json` is.
///
/// # Errors
/// If it is none.
pub fn transcode_json(json: &[u8]) -> Result<Vec<u8>, InvalidJson> {
    let value: Value = serde_json::from_slice(json)?;
    let mut out = Vec::new();
    message(&mut out, &value, &REQUEST)?;
    Ok(out)
}

/// Why a text is no OTLP/JSON.
#[derive(Debug, thiserror::Error)]
pub enum InvalidJson {
    /// It is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is not what a field holds.
    #[error("{0:?} is not {1}")]
    Field(&'static str, &'static str),
    /// It is no request.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Name, number and what it holds.
type Entry = (&'static str, u8, Kind);

/// What a message has.
struct Schema(&'static [Entry]);

#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// In base 64.
    Bytes,
    Bool,
    /// As a varint.
    Int,
    Sint,
    Fixed,
    Double,
    Message(&'static Schema),
    Messages(&'static Schema),
    /// Packed, as all lists of numbers.
    Ints,
    Fixeds,
    Doubles,
}

use Kind::{Bool, Bytes, Double, Doubles, Fixed, Fixeds, Int, Ints, Message, Messages, Sint, Text};

static REQUEST: Schema = Schema(&[("resourceMetrics", 1, Messages(&RESOURCE_METRICS))]);
static RESOURCE_METRICS: Schema = Schema(&[
    ("resource", 1, Message(&RESOURCE)),
    ("scopeMetrics", 2, Messages(&SCOPE_METRICS)),
    ("schemaUrl", 3, Text),
]);
static RESOURCE: Schema = Schema(&[("attributes", 1, Messages(&KEY_VALUE))]);
static SCOPE_METRICS: Schema =
    Schema(&[("scope", 1, Message(&SCOPE)), ("metrics", 2, Messages(&METRIC)), ("schemaUrl", 3, Text)]);
static SCOPE: Schema = Schema(&[("name", 1, Text), ("version", 2, Text), ("attributes", 3, Messages(&KEY_VALUE))]);
static METRIC: Schema = Schema(&[
    ("name", 1, Text),
    ("description", 2, Text),
    ("unit", 3, Text),
    ("gauge", 5, Message(&SUM)),
    ("sum", 7, Message(&SUM)),
    ("histogram", 9, Message(&HISTOGRAM)),
    ("exponentialHistogram", 10, Message(&EXPONENTIAL)),
    ("summary", 11, Message(&SUMMARY)),
]);
static SUM: Schema =
    Schema(&[("dataPoints", 1, Messages(&NUMBER_POINT)), ("aggregationTemporality", 2, Int), ("isMonotonic", 3, Bool)]);
static HISTOGRAM: Schema = Schema(&[("dataPoints", 1, Messages(&HISTOGRAM_POINT)), ("aggregationTemporality", 2, Int)]);
static EXPONENTIAL: Schema =
    Schema(&[("dataPoints", 1, Messages(&EXPONENTIAL_POINT)), ("aggregationTemporality", 2, Int)]);
static SUMMARY: Schema = Schema(&[("dataPoints", 1, Messages(&SUMMARY_POINT))]);
static NUMBER_POINT: Schema = Schema(&[
    ("attributes", 7, Messages(&KEY_VALUE)),
    ("startTimeUnixNano", 2, Fixed),
    ("timeUnixNano", 3, Fixed),
    ("asDouble", 4, Double),
    ("asInt", 6, Fixed),
    ("flags", 8, Int),
]);
static HISTOGRAM_POINT: Schema = Schema(&[
    ("attributes", 9, Messages(&KEY_VALUE)),
    ("startTimeUnixNano", 2, Fixed),
    ("timeUnixNano", 3, Fixed),
    ("count", 4, Fixed),
    ("sum", 5, Double),
    ("bucketCounts", 6, Fixeds),
    ("explicitBounds", 7, Doubles),
    ("flags", 10, Int),
    ("min", 11, Double),
    ("max", 12, Double),
]);
static EXPONENTIAL_POINT: Schema = Schema(&[
    ("attributes", 1, Messages(&KEY_VALUE)),
    ("startTimeUnixNano", 2, Fixed),
    ("timeUnixNano", 3, Fixed),
    ("count", 4, Fixed),
    ("sum", 5, Double),
    ("scale", 6, Sint),
    ("zeroCount", 7, Fixed),
    ("positive", 8, Message(&BUCKETS)),
    ("negative", 9, Message(&BUCKETS)),
    ("flags", 10, Int),
    ("min", 12, Double),
    ("max", 13, Double),
    ("zeroThreshold", 14, Double),
]);
static BUCKETS: Schema = Schema(&[("offset", 1, Sint), ("bucketCounts", 2, Ints)]);
static SUMMARY_POINT: Schema = Schema(&[
    ("attributes", 7, Messages(&KEY_VALUE)),
    ("startTimeUnixNano", 2, Fixed),
    ("timeUnixNano", 3, Fixed),
    ("count", 4, Fixed),
    ("sum", 5, Double),
    ("quantileValues", 6, Messages(&QUANTILE)),
    ("flags", 8, Int),
]);
static QUANTILE: Schema = Schema(&[("quantile", 1, Double), ("value", 2, Double)]);
static KEY_VALUE: Schema = Schema(&[("key", 1, Text), ("value", 2, Message(&ANY_VALUE))]);
static ANY_VALUE: Schema = Schema(&[
    ("stringValue", 1, Text),
    ("boolValue", 2, Bool),
    ("intValue", 3, Int),
    ("doubleValue", 4, Double),
    ("arrayValue", 5, Message(&ARRAY)),
    ("kvlistValue", 6, Message(&MAP)),
    ("bytesValue", 7, Bytes),
]);
static ARRAY: Schema = Schema(&[("values", 1, Messages(&ANY_VALUE))]);
static MAP: Schema = Schema(&[("values", 1, Messages(&KEY_VALUE))]);

fn message(out: &mut Vec<u8>, value: &Value, Schema(entries): &Schema) -> Result<(), InvalidJson> {
    let Value::Object(fields) = value else { return Err(InvalidJson::Field("a message", "an object")) };
    for (name, number, kind) in *entries {
        // Null is a field that is not there.
        if let Some(value) = fields.get(*name).filter(|value| !value.is_null()) {
            field(out, name, *number, *kind, value)?;
        }
    }
    Ok(())
}

fn field(out: &mut Vec<u8>, name: &'static str, number: u8, kind: Kind, value: &Value) -> Result<(), InvalidJson> {
    let is = |what| InvalidJson::Field(name, what);
    let (varint, fixed, bytes) = (number << 3, number << 3 | 1, number << 3 | 2);
    match kind {
        Text => put_bytes(out, bytes, value.as_str().ok_or(is("a string"))?.as_bytes()),
        Bytes => put_bytes(out, bytes, &value.as_str().and_then(from_base64).ok_or(is("bytes in base 64"))?),
        Bool => out.extend([varint, value.as_bool().ok_or(is("true or false"))?.into()]),
        Int => {
            out.push(varint);
            put_varint(out, whole(value).ok_or(is("a whole number"))?);
        }
        Sint => {
            let number = whole(value).and_then(|number| i32::try_from(number.cast_signed()).ok());
            out.push(varint);
            put_varint(out, zigzag(number.ok_or(is("a whole number of 32 bits"))?));
        }
        Fixed => put_fixed(out, fixed, whole(value).ok_or(is("a whole number"))?),
        Double => put_fixed(out, fixed, double(value).ok_or(is("a number"))?.to_bits()),
        Message(schema) => {
            let mut inner = Vec::new();
            message(&mut inner, value, schema)?;
            put_bytes(out, bytes, &inner);
        }
        Messages(schema) => {
            for item in value.as_array().ok_or(is("a list"))? {
                field(out, name, number, Message(schema), item)?;
            }
        }
        Ints | Fixeds | Doubles => {
            let mut packed = Vec::new();
            for item in value.as_array().ok_or(is("a list"))? {
                let number = if matches!(kind, Doubles) { double(item).map(f64::to_bits) } else { whole(item) };
                let number = number.ok_or(is("a list of numbers"))?;
                if matches!(kind, Ints) {
                    put_varint(&mut packed, number);
                } else {
                    packed.extend_from_slice(&number.to_le_bytes());
                }
            }
            put_bytes(out, bytes, &packed);
        }
    }
    Ok(())
}

/// The 64 bits of a whole number, which may stand in a string.
fn whole(value: &Value) -> Option<u64> {
    let of_text = |text: &str| text.parse::<u64>().ok().or_else(|| text.parse().ok().map(i64::cast_unsigned));
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_i64().map(i64::cast_unsigned)),
        Value::String(text) => of_text(text),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        },
        _ => None,
    }
}

/// Either alphabet, padded or not, as protobuf's JSON mapping has it.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for chunk in digits.chunks(4) {
        let mut bits = 0_u32;
        for digit in chunk {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(..(chunk.len() * 6 / 8))?);
    }
    (digits.len() % 4 != 1).then_some(out)
}
