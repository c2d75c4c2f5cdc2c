//! Batch to OTLP/JSON: protobuf's JSON mapping with keys in camelCase, enumerations as numbers and whole
//! numbers of 64 bits as strings. The same fields as `encode` writes.

use std::fmt::{Result, Write};

use bytes::Bytes;
use pdata::{
    Attribute, AttributeValue, Batch, Descriptor, HistogramMetric, HistogramPoint, Instrument, Metric, NumberKind,
    Point, ResourceMetrics, ScopeMetrics,
};

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
    list(out, resource.attributes.iter().cloned(), attribute)?;
    out.write_str("},\"scopeMetrics\":")?;
    list(out, scopes, scope_metrics)?;
    out.write_char('}')
}

fn scope_metrics(out: &mut impl Write, ScopeMetrics { scope, metrics, histograms }: &ScopeMetrics) -> Result {
    out.write_str("{\"scope\":{\"name\":")?;
    text(out, scope.name)?;
    out.write_str(",\"version\":")?;
    text(out, scope.version)?;
    out.write_str("},\"metrics\":[")?;
    items(out, metrics, metric)?;
    if !metrics.is_empty() && !histograms.is_empty() {
        out.write_char(',')?;
    }
    items(out, histograms, histogram_metric)?;
    out.write_str("]}")
}

fn metric(out: &mut impl Write, Metric { descriptor, points }: &Metric) -> Result {
    let (kind, rest) = match descriptor.instrument {
        Instrument::Counter => ("sum", ",\"aggregationTemporality\":2,\"isMonotonic\":true}}"),
        Instrument::UpDownCounter => ("sum", ",\"aggregationTemporality\":2}}"),
        // Numbers under an instrument that has none stand for themselves.
        Instrument::Gauge | Instrument::ExponentialHistogram => ("gauge", "}}"),
    };
    open_metric(out, descriptor, kind)?;
    list(out, points, |out, each| point(out, each, descriptor.number))?;
    out.write_str(rest)
}

fn histogram_metric(out: &mut impl Write, HistogramMetric { descriptor, points }: &HistogramMetric) -> Result {
    open_metric(out, descriptor, "exponentialHistogram")?;
    list(out, points, |out, each| histogram_point(out, each, descriptor.number))?;
    out.write_str(",\"aggregationTemporality\":2}}")
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
        NumberKind::Double | NumberKind::Nanoseconds => {
            out.write_str("\"asDouble\":")?;
            double(out, point.as_f64(number))?;
            out.write_char('}')
        }
    }
}

fn histogram_point(out: &mut impl Write, point: &HistogramPoint, number: NumberKind) -> Result {
    let histogram = &point.histogram;
    out.write_str("{\"attributes\":")?;
    list(out, point.attributes.iter(), attribute)?;
    write!(out, ",\"startTimeUnixNano\":\"{}\",\"timeUnixNano\":\"{}\"", point.start, point.time)?;
    write!(out, ",\"count\":\"{}\",\"sum\":", histogram.count())?;
    double(out, histogram.sum_as_f64(number))?;
    write!(out, ",\"scale\":{},\"zeroCount\":\"{}\"", histogram.scale, histogram.zero_count)?;
    let (offset, counts) = histogram.used();
    if !counts.is_empty() {
        write!(out, ",\"positive\":{{\"offset\":{offset},\"bucketCounts\":")?;
        list(out, counts, |out, count| write!(out, "\"{count}\""))?;
        out.write_char('}')?;
    }
    out.write_char('}')
}

fn attribute(out: &mut impl Write, (key, value): Attribute) -> Result {
    out.write_str("{\"key\":")?;
    text(out, key)?;
    out.write_str(",\"value\":{")?;
    match value {
        AttributeValue::Static(value) => string_value(out, value)?,
        AttributeValue::Text(value) => string_value(out, &value)?,
        AttributeValue::Bool(truth) => write!(out, "\"boolValue\":{truth}")?,
        AttributeValue::Int(number) => write!(out, "\"intValue\":\"{number}\"")?,
    }
    out.write_str("}}")
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
