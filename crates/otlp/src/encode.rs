//! Batch to bytes.
//!
//! Tags are `field number << 3 | wire type`; the numbers are those of
//! opentelemetry-proto's metrics.proto and metrics_service.proto.

use bytes::Bytes;
use pdata::{
    Batch, Descriptor, HistogramMetric, HistogramPoint, Instrument, Metric, NumberKind, Point, ResourceMetrics,
    ScopeMetrics,
};

use crate::measure::{self, POINT_FIXED};
use crate::wire::{put_attribute, put_bytes, put_fixed, put_retagged, put_varint, zigzag};

/// `batch` as an `ExportMetricsServiceRequest`.
///
/// One allocation for the bytes, none per point; attribute sets are encoded on first sight and kept.
#[must_use]
pub fn encode(batch: &Batch) -> Bytes {
    let mut lengths = Vec::new();
    let total = measure::request(batch, &mut lengths);
    let mut writer = Writer { out: Vec::with_capacity(total), lengths: lengths.into_iter() };
    for resource in &batch.resources {
        writer.resource_metrics(resource);
    }
    debug_assert_eq!(writer.out.len(), total);
    writer.out.into()
}

/// Bytes that [`encode`] makes of `batch`, told without making them.
#[must_use]
pub fn encoded_len(batch: &Batch) -> usize {
    measure::request(batch, &mut Vec::new())
}

struct Writer {
    out: Vec<u8>,
    /// Of the messages that are still to come, as measured.
    lengths: std::vec::IntoIter<usize>,
}

impl Writer {
    fn resource_metrics(&mut self, resource: &ResourceMetrics) {
        self.open(0x0a);
        self.open(0x0a);
        for attribute in &resource.resource.attributes {
            put_attribute(&mut self.out, 0x0a, attribute);
        }
        for scope in &resource.scopes {
            self.scope_metrics(scope);
        }
    }

    fn scope_metrics(&mut self, scope: &ScopeMetrics) {
        self.open(0x12);
        self.open(0x0a);
        put_bytes(&mut self.out, 0x0a, scope.scope.name.as_bytes());
        put_bytes(&mut self.out, 0x12, scope.scope.version.as_bytes());
        for metric in &scope.metrics {
            self.metric(metric);
        }
        for metric in &scope.histograms {
            self.histogram_metric(metric);
        }
    }

    fn metric(&mut self, metric: &Metric) {
        let descriptor = &metric.descriptor;
        self.open_metric(descriptor);
        let is_sum = matches!(descriptor.instrument, Instrument::Counter | Instrument::UpDownCounter);
        self.open(if is_sum { SUM } else { GAUGE });
        for point in &metric.points {
            self.point(point, descriptor.number);
        }
        if is_sum {
            self.out.extend(CUMULATIVE);
        }
        if descriptor.instrument == Instrument::Counter {
            self.out.extend(MONOTONIC);
        }
    }

    fn histogram_metric(&mut self, metric: &HistogramMetric) {
        self.open_metric(&metric.descriptor);
        self.open(EXPONENTIAL_HISTOGRAM);
        for point in &metric.points {
            self.histogram_point(point, metric.descriptor.number);
        }
        self.out.extend(CUMULATIVE);
    }

    fn open_metric(&mut self, descriptor: &Descriptor) {
        self.open(0x12);
        put_bytes(&mut self.out, 0x0a, descriptor.name.as_bytes());
        put_bytes(&mut self.out, 0x12, descriptor.description.as_bytes());
        put_bytes(&mut self.out, 0x1a, descriptor.unit.as_bytes());
    }

    fn point(&mut self, point: &Point, number: NumberKind) {
        let attributes = measure::attributes(&point.attributes);
        let mut fixed = [0; POINT_FIXED];
        fixed[0] = 0x11;
        fixed[1..9].copy_from_slice(&point.start.to_le_bytes());
        fixed[9] = 0x19;
        fixed[10..18].copy_from_slice(&point.time.to_le_bytes());
        let (tag, bits) = match number {
            NumberKind::Unsigned => (AS_INT, point.bits.min(i64::MAX.cast_unsigned())),
            NumberKind::Double | NumberKind::Nanoseconds => (AS_DOUBLE, point.as_f64(number).to_bits()),
        };
        fixed[18] = tag;
        fixed[19..].copy_from_slice(&bits.to_le_bytes());

        self.out.push(0x0a);
        put_varint(&mut self.out, (POINT_FIXED + attributes.len()) as u64);
        self.out.extend_from_slice(&fixed);
        self.out.extend_from_slice(attributes);
    }

    fn histogram_point(&mut self, point: &HistogramPoint, number: NumberKind) {
        let histogram = &point.histogram;
        self.open(0x0a);
        // A set is kept as the field that it is in a point of a number, where its field has another number.
        put_retagged(&mut self.out, 0x0a, measure::attributes(&point.attributes));
        put_fixed(&mut self.out, 0x11, point.start);
        put_fixed(&mut self.out, 0x19, point.time);
        put_fixed(&mut self.out, 0x21, histogram.count());
        put_fixed(&mut self.out, 0x29, histogram.sum_as_f64(number).to_bits());
        self.out.push(0x30);
        put_varint(&mut self.out, zigzag(histogram.scale));
        put_fixed(&mut self.out, 0x39, histogram.zero_count);
        let (offset, counts) = histogram.used();
        if counts.is_empty() {
            return;
        }
        self.open(0x42);
        self.out.push(0x08);
        put_varint(&mut self.out, zigzag(offset));
        self.open(0x12);
        for count in counts {
            put_varint(&mut self.out, *count);
        }
    }

    /// Begins the next message, as the field that `tag` names.
    fn open(&mut self, tag: u8) {
        self.out.push(tag);
        put_varint(&mut self.out, self.lengths.next().unwrap_or_default() as u64);
    }
}

const GAUGE: u8 = 0x2a;
const SUM: u8 = 0x3a;
const EXPONENTIAL_HISTOGRAM: u8 = 0x52;
const AS_DOUBLE: u8 = 0x21;
const AS_INT: u8 = 0x31;
const CUMULATIVE: [u8; 2] = [0x10, 2];
const MONOTONIC: [u8; 2] = [0x18, 1];
