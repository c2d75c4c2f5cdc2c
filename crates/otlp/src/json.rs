//! Batch to OTLP/JSON: protobuf's JSON mapping with keys in camelCase, enumerations as numbers and whole
//! numbers of 64 bits as strings. The same fields as `encode` writes.

use std::fmt::{Result, Write};

use bytes::Bytes;
use pdata::{
    Attribute, AttributeValue, Batch, Descriptor, Distribution, HistogramMetric, HistogramPoint, Instrument, Metric,
    NumberKind, Point, ResourceMetrics, ScopeMetrics, Temporality, Value, base64,
};

use crate::distribution::fits;

/// `batch` as an `ExportMetricsServiceRequest` in JSON.
#[must_use]
pub fn encode_json(batch: &Batch) -> Bytes {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = request(&mut out, batch);
    out.into()
}

/// Bytes that [`encode_json`] makes of `batch`, told without keeping them.
#[must_use]
pub fn encoded_json_len(batch: &Batch) -> usize {
    let mut length = Length(0);
    let _ = request(&mut length, batch);
    length.0
}

struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> Result {
        self.0 += text.len();
        Ok(())
    }
}

fn request(out: &mut impl Write, batch: &Batch) -> Result {
    out.write_str("{\"resourceMetrics\":")?;
    list(out, &batch.resources, resource_metrics)?;
    out.write_char('}')
}

fn resource_metrics(out: &mut impl Write, ResourceMetrics { resource, scopes }: &ResourceMetrics) -> Result {
    out.write_str("{\"resource\":{\"attributes\":")?;
    list(out, &resource.attributes, kept)?;
    out.write_str("},\"scopeMetrics\":")?;
    list(out, scopes, scope_metrics)?;
    schema_url(out, &resource.schema_url)?;
    out.write_char('}')
}

fn scope_metrics(out: &mut impl Write, ScopeMetrics { scope, metrics, histograms }: &ScopeMetrics) -> Result {
    out.write_str("{\"scope\":{\"name\":")?;
    text(out, &scope.name)?;
    out.write_str(",\"version\":")?;
    text(out, &scope.version)?;
    if !scope.attributes.is_empty() {
        out.write_str(",\"attributes\":")?;
        list(out, &scope.attributes, kept)?;
    }
    out.write_str("},\"metrics\":[")?;
    items(out, metrics, metric)?;
    if !metrics.is_empty() && !histograms.is_empty() {
        out.write_char(',')?;
    }
    items(out, histograms, histogram_metric)?;
    out.write_char(']')?;
    schema_url(out, &scope.schema_url)?;
    out.write_char('}')
}

fn schema_url(out: &mut impl Write, url: &str) -> Result {
    if url.is_empty() {
        return Ok(());
    }
    out.write_str(",\"schemaUrl\":")?;
    text(out, url)
}

fn metric(out: &mut impl Write, Metric { descriptor, points }: &Metric) -> Result {
    let is_sum = matches!(descriptor.instrument, Instrument::Counter | Instrument::UpDownCounter);
    open_metric(out, descriptor, if is_sum { "sum" } else { "gauge" })?;
    list(out, points, |out, each| point(out, each, descriptor.number))?;
    if is_sum {
        temporality(out, descriptor)?;
    }
    if descriptor.instrument == Instrument::Counter {
        out.write_str(",\"isMonotonic\":true")?;
    }
    out.write_str("}}")
}

fn histogram_metric(out: &mut impl Write, HistogramMetric { descriptor, points }: &HistogramMetric) -> Result {
    let kind = match descriptor.instrument {
        Instrument::Histogram => "histogram",
        Instrument::Summary => "summary",
        _ => "exponentialHistogram",
    };
    open_metric(out, descriptor, kind)?;
    let points = points.iter().filter(|point| fits(point, descriptor.instrument));
    list(out, points, |out, each| histogram_point(out, each, descriptor.number))?;
    if descriptor.instrument != Instrument::Summary {
        temporality(out, descriptor)?;
    }
    out.write_str("}}")
}

fn temporality(out: &mut impl Write, descriptor: &Descriptor) -> Result {
    let number = match descriptor.temporality {
        Temporality::Delta => 1,
        Temporality::Cumulative => 2,
    };
    write!(out, ",\"aggregationTemporality\":{number}")
}

fn open_metric(out: &mut impl Write, descriptor: &Descriptor, kind: &str) -> Result {
    out.write_str("{\"name\":")?;
    text(out, &descriptor.name)?;
    out.write_str(",\"description\":")?;
    text(out, &descriptor.description)?;
    out.write_str(",\"unit\":")?;
    text(out, &descriptor.unit)?;
    write!(out, ",\"{kind}\":{{\"dataPoints\":")
}

fn point(out: &mut impl Write, point: &Point, number: NumberKind) -> Result {
    out.write_str("{\"attributes\":")?;
    list(out, point.attributes.iter(), attribute)?;
    write!(out, ",\"startTimeUnixNano\":\"{}\",\"timeUnixNano\":\"{}\",", point.start, point.time)?;
    match number {
        NumberKind::Unsigned => write!(out, "\"asInt\":\"{}\"}}", point.bits.min(i64::MAX.cast_unsigned())),
        NumberKind::Signed => write!(out, "\"asInt\":\"{}\"}}", point.bits.cast_signed()),
        NumberKind::Missing => out.write_str("\"flags\":1}"),
        NumberKind::Double | NumberKind::Nanoseconds => {
            out.write_str("\"asDouble\":")?;
            double(out, point.as_f64(number))?;
            out.write_char('}')
        }
    }
}

fn histogram_point(out: &mut impl Write, point: &HistogramPoint, number: NumberKind) -> Result {
    let distribution = &*point.histogram;
    out.write_str("{\"attributes\":")?;
    list(out, point.attributes.iter(), attribute)?;
    write!(out, ",\"startTimeUnixNano\":\"{}\",\"timeUnixNano\":\"{}\"", point.start, point.time)?;
    write!(out, ",\"count\":\"{}\"", distribution.count())?;
    optional(out, "sum", distribution.sum_as_f64(number))?;
    match distribution {
        Distribution::Exponential(histogram) => {
            write!(out, ",\"scale\":{},\"zeroCount\":\"{}\"", histogram.scale, histogram.zero_count)?;
            buckets(out, "positive", histogram.used())?;
            if let Some(extras) = &histogram.extras {
                buckets(out, "negative", histogram.used_negative())?;
                optional(out, "min", extras.min)?;
                optional(out, "max", extras.max)?;
                optional(out, "zeroThreshold", Some(extras.zero_threshold).filter(|width| width.to_bits() != 0))?;
            }
        }
        Distribution::Explicit(histogram) => {
            out.write_str(",\"bucketCounts\":")?;
            list(out, &histogram.counts, |out, count| write!(out, "\"{count}\""))?;
            out.write_str(",\"explicitBounds\":")?;
            list(out, histogram.bounds.iter(), |out, bound| double(out, *bound))?;
            optional(out, "min", histogram.min)?;
            optional(out, "max", histogram.max)?;
        }
        Distribution::Summary(summary) => {
            out.write_str(",\"quantileValues\":")?;
            list(out, &summary.quantiles, |out, (quantile, value)| {
                out.write_str("{\"quantile\":")?;
                double(out, *quantile)?;
                out.write_str(",\"value\":")?;
                double(out, *value)?;
                out.write_char('}')
            })?;
        }
    }
    if distribution.is_missing() {
        out.write_str(",\"flags\":1")?;
    }
    out.write_char('}')
}

fn buckets(out: &mut impl Write, name: &str, (offset, counts): (i32, &[u64])) -> Result {
    if counts.is_empty() {
        return Ok(());
    }
    write!(out, ",\"{name}\":{{\"offset\":{offset},\"bucketCounts\":")?;
    list(out, counts, |out, count| write!(out, "\"{count}\""))?;
    out.write_char('}')
}

fn optional(out: &mut impl Write, name: &str, value: Option<f64>) -> Result {
    let Some(value) = value else { return Ok(()) };
    write!(out, ",\"{name}\":")?;
    double(out, value)
}

fn kept(out: &mut impl Write, (key, value): &Attribute) -> Result {
    attribute(out, (key, value.borrow()))
}

fn attribute(out: &mut impl Write, (key, value): (&str, Value<'_>)) -> Result {
    out.write_str("{\"key\":")?;
    text(out, key)?;
    out.write_str(",\"value\":")?;
    any_value(out, &value)?;
    out.write_char('}')
}

fn any_value(out: &mut impl Write, value: &Value<'_>) -> Result {
    out.write_char('{')?;
    match value {
        Value::Text(value) => string_value(out, value)?,
        Value::Bool(truth) => write!(out, "\"boolValue\":{truth}")?,
        Value::Int(number) => write!(out, "\"intValue\":\"{number}\"")?,
        Value::Double(number) => {
            out.write_str("\"doubleValue\":")?;
            double(out, *number)?;
        }
        Value::Bytes(bytes) => {
            out.write_str("\"bytesValue\":\"")?;
            base64(bytes, out)?;
            out.write_char('"')?;
        }
        Value::List(values) => {
            out.write_str("\"arrayValue\":{\"values\":[")?;
            for (place, value) in values.iter().map(AttributeValue::borrow).enumerate() {
                if place > 0 {
                    out.write_char(',')?;
                }
                any_value(out, &value)?;
            }
            out.write_str("]}")?;
        }
        Value::Map(entries) => {
            out.write_str("\"kvlistValue\":{\"values\":[")?;
            for (place, (key, value)) in entries.iter().enumerate() {
                if place > 0 {
                    out.write_char(',')?;
                }
                attribute(out, (key, value.borrow()))?;
            }
            out.write_str("]}")?;
        }
        Value::Empty => {}
    }
    out.write_char('}')
}

fn string_value(out: &mut impl Write, value: &str) -> Result {
    out.write_str("\"stringValue\":")?;
    text(out, value)
}

fn list<W: Write, T>(out: &mut W, all: impl IntoIterator<Item = T>, each: impl FnMut(&mut W, T) -> Result) -> Result {
    out.write_char('[')?;
    items(out, all, each)?;
    out.write_char(']')
}

fn items<W: Write, T>(
    out: &mut W,
    all: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut W, T) -> Result,
) -> Result {
    for (index, item) in all.into_iter().enumerate() {
        if index > 0 {
            out.write_char(',')?;
        }
        each(out, item)?;
    }
    Ok(())
}

/// JSON has no words for what is not finite; protobuf's mapping makes them strings.
fn double(out: &mut impl Write, number: f64) -> Result {
    match number {
        _ if number.is_nan() => out.write_str("\"NaN\""),
        f64::INFINITY => out.write_str("\"Infinity\""),
        f64::NEG_INFINITY => out.write_str("\"-Infinity\""),
        // The shortest digits that read back as the same number.
        _ => write!(out, "{number:?}"),
    }
}

fn text(out: &mut impl Write, text: &str) -> Result {
    out.write_char('"')?;
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
        let (plain, special) = rest.split_at(at);
        out.write_str(plain)?;
        // All of them are one byte.
        write!(out, "\\u{:04x}", special.as_bytes()[0])?;
        rest = &special[1..];
    }
    out.write_str(rest)?;
    out.write_char('"')
}
