//! What each message of a request has: the names of its fields in JSON, and what they are in protobuf.

/// Name, number and what it holds.
pub(super) type Entry = (&'static str, u8, Kind);

/// What a message has.
pub(super) struct Schema(pub(super) &'static [Entry]);

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
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

pub(super) static REQUEST: Schema = Schema(&[("resourceMetrics", 1, Messages(&RESOURCE_METRICS))]);
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
