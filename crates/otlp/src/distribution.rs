//! A point of a histogram or a summary, measured and written by the same code.

use pdata::{Distribution, ExplicitHistogram, ExponentialHistogram, HistogramPoint, Instrument, NumberKind, Summary};

use crate::measure;
use crate::wire::{put_fixed, put_retagged, put_varint, varint_len, zigzag};

/// Where fields go: bytes, or the number of them.
pub(crate) trait Out {
    /// A field of 64 fixed bits.
    fn fixed(&mut self, tag: u8, bits: u64);
    /// A number as a field.
    fn varint(&mut self, tag: u8, value: u64);
    /// Tag and length of a field whose `length` bytes come next.
    fn open(&mut self, tag: u8, length: usize);
    /// A number of a packed list.
    fn packed_varint(&mut self, value: u64);
    /// 64 fixed bits of a packed list.
    fn packed_fixed(&mut self, bits: u64);
    /// Attributes as they stand in a point of a number, under another tag.
    fn attributes(&mut self, tag: u8, fields: &[u8]);
}

impl Out for Vec<u8> {
    fn fixed(&mut self, tag: u8, bits: u64) {
        put_fixed(self, tag, bits);
    }

    fn varint(&mut self, tag: u8, value: u64) {
        self.push(tag);
        put_varint(self, value);
    }

    fn open(&mut self, tag: u8, length: usize) {
        self.varint(tag, length as u64);
    }

    fn packed_varint(&mut self, value: u64) {
        put_varint(self, value);
    }

    fn packed_fixed(&mut self, bits: u64) {
        self.extend_from_slice(&bits.to_le_bytes());
    }

    fn attributes(&mut self, tag: u8, fields: &[u8]) {
        put_retagged(self, tag, fields);
    }
}

/// Counts.
#[derive(Default)]
pub(crate) struct Length(pub(crate) usize);

impl Out for Length {
    fn fixed(&mut self, _: u8, _: u64) {
        self.0 += 9;
    }

    fn varint(&mut self, _: u8, value: u64) {
        self.0 += 1 + varint_len(value);
    }

    fn open(&mut self, _: u8, length: usize) {
        self.0 += 1 + varint_len(length as u64);
    }

    fn packed_varint(&mut self, value: u64) {
        self.0 += varint_len(value);
    }

    fn packed_fixed(&mut self, _: u64) {
        self.0 += 8;
    }

    fn attributes(&mut self, _: u8, fields: &[u8]) {
        self.0 += fields.len();
    }
}

/// Whether a point is of the kind that its metric says it is; others cannot be written.
pub(crate) fn fits(point: &HistogramPoint, instrument: Instrument) -> bool {
    matches!(
        (&*point.histogram, instrument),
        (Distribution::Exponential(_), Instrument::ExponentialHistogram)
            | (Distribution::Explicit(_), Instrument::Histogram)
            | (Distribution::Summary(_), Instrument::Summary)
    )
}

/// The fields of `point`.
pub(crate) fn put(out: &mut impl Out, point: &HistogramPoint, number: NumberKind) {
    let distribution = &*point.histogram;
    let tag = match distribution {
        Distribution::Exponential(_) => 0x0a,
        Distribution::Explicit(_) => 0x4a,
        Distribution::Summary(_) => 0x3a,
    };
    // A set is kept as the field that it is in a point of a number, where its field has another number.
    out.attributes(tag, measure::attributes(&point.attributes));
    out.fixed(0x11, point.start);
    out.fixed(0x19, point.time);
    out.fixed(0x21, distribution.count());
    if let Some(sum) = distribution.sum_as_f64(number) {
        out.fixed(0x29, sum.to_bits());
    }
    match distribution {
        Distribution::Exponential(histogram) => exponential(out, histogram),
        Distribution::Explicit(histogram) => explicit(out, histogram),
        Distribution::Summary(summary) => quantiles(out, summary),
    }
    if distribution.is_missing() {
        out.varint(if matches!(distribution, Distribution::Summary(_)) { 0x40 } else { 0x50 }, 1);
    }
}

fn exponential(out: &mut impl Out, histogram: &ExponentialHistogram) {
    out.varint(0x30, zigzag(histogram.scale));
    out.fixed(0x39, histogram.zero_count);
    buckets(out, 0x42, histogram.used());
    let Some(extras) = &histogram.extras else { return };
    buckets(out, 0x4a, histogram.used_negative());
    for (tag, value) in [(0x61, extras.min), (0x69, extras.max)] {
        if let Some(value) = value {
            out.fixed(tag, value.to_bits());
        }
    }
    if extras.zero_threshold.to_bits() != 0 {
        out.fixed(0x71, extras.zero_threshold.to_bits());
    }
}

fn buckets(out: &mut impl Out, tag: u8, (offset, counts): (i32, &[u64])) {
    if counts.is_empty() {
        return;
    }
    let packed: usize = counts.iter().map(|count| varint_len(*count)).sum();
    let offset = zigzag(offset);
    out.open(tag, 1 + varint_len(offset) + 1 + varint_len(packed as u64) + packed);
    out.varint(0x08, offset);
    out.open(0x12, packed);
    for count in counts {
        out.packed_varint(*count);
    }
}

fn explicit(out: &mut impl Out, histogram: &ExplicitHistogram) {
    if !histogram.counts.is_empty() {
        out.open(0x32, 8 * histogram.counts.len());
        histogram.counts.iter().for_each(|count| out.packed_fixed(*count));
    }
    if !histogram.bounds.is_empty() {
        out.open(0x3a, 8 * histogram.bounds.len());
        histogram.bounds.iter().for_each(|bound| out.packed_fixed(bound.to_bits()));
    }
    for (tag, value) in [(0x59, histogram.min), (0x61, histogram.max)] {
        if let Some(value) = value {
            out.fixed(tag, value.to_bits());
        }
    }
}

fn quantiles(out: &mut impl Out, summary: &Summary) {
    for (quantile, value) in &summary.quantiles {
        out.open(0x32, 18);
        out.fixed(0x09, quantile.to_bits());
        out.fixed(0x11, value.to_bits());
    }
}
