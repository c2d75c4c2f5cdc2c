//! `io.prometheus.client.MetricFamily`, each after its length, with native histograms.
//!
//! Tags are `field number << 3 | wire type`; the numbers are those of client_model's metrics.proto.
//! The few messages are written by hand: general protobuf code would hold a page's labels as owned strings.

use pdata::{Distribution, Summary};

use super::buckets;
use super::options::Options;
use super::plan::{Family, Kind};
use super::samples::{Samples, Span};
use super::value::{Number, Observed};

/// A `LabelPair`, as a field of `Metric`.
pub(super) fn label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(0x0a);
    put_varint(out, (field_len(name.len()) + field_len(value.len())) as u64);
    put_bytes(out, 0x0a, name.as_bytes());
    put_bytes(out, 0x12, value.as_bytes());
}

/// A family of numbers.
pub(super) fn numbers(options: &Options, family: &Family, samples: &Samples<Number>) -> Vec<u8> {
    let counter = family.kind == Kind::Counter;
    let (kind, tag) = if counter { (COUNTER, 0x1a) } else { (GAUGE, 0x12) };
    let mut out = head(family, kind);
    let mut number = Vec::new();
    for (labels, span, value) in samples.iter() {
        number.clear();
        put_double(&mut number, 0x09, value.as_f64());
        if counter {
            put_created(&mut number, 0x1a, span);
        }
        metric(&mut out, options, labels, (tag, &number), span);
    }
    delimited(out)
}

/// A family of histograms, each in both shapes where it can be: who does not know native ones still gets the edges.
/// Or one of summaries.
pub(super) fn histograms(options: &Options, family: &Family, samples: &Samples<Observed>) -> Vec<u8> {
    let summaries = family.kind == Kind::Summary;
    let (kind, tag, created) = if summaries { (SUMMARY, 0x22, 0x22) } else { (HISTOGRAM, 0x3a, 0x7a) };
    let mut out = head(family, kind);
    let mut histogram = Vec::new();
    for (labels, span, observed) in samples.iter() {
        histogram.clear();
        put_number(&mut histogram, 0x08, observed.distribution.count());
        if let Some(sum) = observed.sum {
            put_double(&mut histogram, 0x11, sum);
        }
        if let Distribution::Summary(summary) = &*observed.distribution {
            put_quantiles(&mut histogram, summary);
        } else {
            put_buckets(&mut histogram, &observed.distribution);
        }
        put_created(&mut histogram, created, span);
        metric(&mut out, options, labels, (tag, &histogram), span);
    }
    delimited(out)
}

/// When the total began, which scrapers keep no series of here.
fn put_created(out: &mut Vec<u8>, tag: u8, span: Span) {
    if span.start > 0 {
        let mut timestamp = Vec::new();
        put_number(&mut timestamp, 0x08, span.start / 1_000_000_000);
        put_number(&mut timestamp, 0x10, span.start % 1_000_000_000);
        put_bytes(out, tag, &timestamp);
    }
}

fn put_quantiles(out: &mut Vec<u8>, summary: &Summary) {
    for (quantile, value) in buckets::quantiles(summary) {
        out.extend([0x1a, 18]);
        put_double(out, 0x09, quantile);
        put_double(out, 0x11, value);
    }
}

fn put_buckets(out: &mut Vec<u8>, distribution: &Distribution) {
    for (edge, below) in buckets::of(distribution) {
        out.push(0x1a);
        put_varint(out, (1 + varint_len(below) + 9) as u64);
        put_number(out, 0x08, below);
        put_double(out, 0x11, edge);
    }
    let Distribution::Exponential(histogram) = distribution else { return };
    let Some(native) = buckets::native(histogram) else { return };
    put_number(out, 0x28, zigzag(native.schema.into()));
    // Above zero, even where there is not one observation yet: it is what tells a native histogram from others.
    let threshold = histogram.extras.as_ref().map_or(0.0, |extras| extras.zero_threshold);
    put_double(out, 0x31, if threshold > 0.0 { threshold } else { ZERO_THRESHOLD });
    put_number(out, 0x38, histogram.zero_count);
    for (side, spans, deltas) in [(native.negative, 0x4a, 0x52), (native.positive, 0x62, 0x6a)] {
        put_side(out, side, spans, deltas);
    }
}

fn put_side(out: &mut Vec<u8>, side: buckets::Side, spans: u8, deltas: u8) {
    for (offset, length) in side.spans {
        let (offset, length) = (zigzag(offset.into()), length.into());
        out.push(spans);
        put_varint(out, (2 + varint_len(offset) + varint_len(length)) as u64);
        put_number(out, 0x08, offset);
        put_number(out, 0x10, length);
    }
    if !side.deltas.is_empty() {
        out.push(deltas);
        put_varint(out, side.deltas.iter().map(|delta| varint_len(zigzag(*delta)) as u64).sum());
        for delta in side.deltas {
            put_varint(out, zigzag(delta));
        }
    }
}

/// Name, help and type.
fn head(family: &Family, kind: u8) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, 0x0a, family.name.as_bytes());
    put_bytes(&mut out, 0x12, family.help.as_bytes());
    out.extend([0x18, kind]);
    out
}

/// A `Metric` of labels, the field that its value is, and a time where one is wanted.
fn metric(family: &mut Vec<u8>, options: &Options, labels: &[u8], (tag, value): (u8, &[u8]), span: Span) {
    let millis = if options.send_timestamps { span.time / 1_000_000 } else { 0 };
    let time = if millis > 0 { 1 + varint_len(millis) } else { 0 };
    family.push(0x22);
    put_varint(family, (labels.len() + field_len(value.len()) + time) as u64);
    family.extend_from_slice(labels);
    put_bytes(family, tag, value);
    if millis > 0 {
        put_number(family, 0x30, millis);
    }
}

fn delimited(mut family: Vec<u8>) -> Vec<u8> {
    let mut length = Vec::new();
    put_varint(&mut length, family.len() as u64);
    family.splice(..0, length);
    family
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_number(out: &mut Vec<u8>, tag: u8, number: u64) {
    out.push(tag);
    put_varint(out, number);
}

fn put_double(out: &mut Vec<u8>, tag: u8, double: f64) {
    out.push(tag);
    out.extend_from_slice(&double.to_le_bytes());
}

#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is asked for")]
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Size of a field of `len` bytes with its tag and its length.
fn field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

fn varint_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// A signed number as the varint that it is written as.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const COUNTER: u8 = 0;
const GAUGE: u8 = 1;
const SUMMARY: u8 = 2;
const HISTOGRAM: u8 = 4;
/// Two to the power of -128, as Prometheus' own clients have it.
const ZERO_THRESHOLD: f64 = f64::from_bits((1023 - 128) << 52);
