//! Batch to bytes.
//!
//! Tags are `field number << 3 | wire type`; the numbers are those of
//! opentelemetry-proto's metrics.proto and metrics_service.proto.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use pdata::{
    Batch, Descriptor, HistogramMetric, HistogramPoint, Instrument, Metric, NumberKind, Point, ResourceMetrics,
    ScopeMetrics, Temporality,
};

use crate::distribution;
use crate::measure::{self, MISSING_FIXED, POINT_FIXED};
use crate::wire::{put_attribute, put_bytes, put_varint};

/// `batch` as an `ExportMetricsServiceRequest`.
///
/// One allocation for the bytes, none per point; attribute sets are encoded on first sight and kept.
#[must_use]
pub fn encode(batch: &Batch) -> Bytes {
    let mut lengths = Vec::new();
    let total = measure::request(batch, &mut lengths);
    let mut writer = Writer { out: Vec::with_capacity(total), lengths: lengths.into_iter(), piece: |_: &mut _| {} };
    for resource in &batch.resources {
        writer.resource_metrics(resource);
    }
    debug_assert_eq!(writer.out.len(), total);
    writer.out.into()
}

/// A batch that has been measured, and is written where the bytes are wanted: no copy of a whole request is made.
#[derive(Debug)]
pub struct Measured {
    batch: Arc<Batch>,
    lengths: Vec<usize>,
    total: usize,
}

impl Measured {
    /// Of `batch`.
    #[must_use]
    pub fn new(batch: Arc<Batch>) -> Self {
        let mut lengths = Vec::new();
        let total = measure::request(&batch, &mut lengths);
        Self { batch, lengths, total }
    }

    /// Bytes that [`write`](Self::write) writes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.total
    }

    /// Writes what [`encode`] makes of the batch.
    pub fn write(self, to: &mut impl BufMut) {
        let piece = |out: &mut Vec<u8>| {
            to.put_slice(out);
            out.clear();
        };
        let mut writer = Writer { out: Vec::new(), lengths: self.lengths.into_iter(), piece };
        for resource in &self.batch.resources {
            writer.resource_metrics(resource);
            (writer.piece)(&mut writer.out);
        }
    }
}

/// Bytes that [`encode`] makes of `batch`, told without making them.
#[must_use]
pub fn encoded_len(batch: &Batch) -> usize {
    measure::request(batch, &mut Vec::new())
}

struct Writer<F> {
    out: Vec<u8>,
    /// Of the messages that are still to come, as measured.
    lengths: std::vec::IntoIter<usize>,
    /// Called now and then with what is written; may take it away.
    piece: F,
}

impl<F: FnMut(&mut Vec<u8>)> Writer<F> {
    fn resource_metrics(&mut self, ResourceMetrics { resource, scopes }: &ResourceMetrics) {
        self.open(0x0a);
        self.open(0x0a);
        for (key, value) in &resource.attributes {
            put_attribute(&mut self.out, 0x0a, key, &value.borrow());
        }
        for scope in scopes {
            self.scope_metrics(scope);
        }
        self.schema_url(&resource.schema_url);
    }

    fn scope_metrics(&mut self, ScopeMetrics { scope, metrics, histograms }: &ScopeMetrics) {
        self.open(0x12);
        self.open(0x0a);
        put_bytes(&mut self.out, 0x0a, scope.name.as_bytes());
        put_bytes(&mut self.out, 0x12, scope.version.as_bytes());
        for (key, value) in &scope.attributes {
            put_attribute(&mut self.out, 0x1a, key, &value.borrow());
        }
        for metric in metrics {
            self.metric(metric);
            (self.piece)(&mut self.out);
        }
        for metric in histograms {
            self.histogram_metric(metric);
            (self.piece)(&mut self.out);
        }
        self.schema_url(&scope.schema_url);
    }

    fn schema_url(&mut self, url: &str) {
        if !url.is_empty() {
            put_bytes(&mut self.out, 0x1a, url.as_bytes());
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
            self.temporality(descriptor);
        }
        if descriptor.instrument == Instrument::Counter {
            self.out.extend(MONOTONIC);
        }
    }

    fn histogram_metric(&mut self, HistogramMetric { descriptor, points }: &HistogramMetric) {
        self.open_metric(descriptor);
        self.open(match descriptor.instrument {
            Instrument::Histogram => HISTOGRAM,
            Instrument::Summary => SUMMARY,
            _ => EXPONENTIAL_HISTOGRAM,
        });
        for point in points.iter().filter(|point| distribution::fits(point, descriptor.instrument)) {
            self.histogram_point(point, descriptor.number);
        }
        if descriptor.instrument != Instrument::Summary {
            self.temporality(descriptor);
        }
    }

    fn temporality(&mut self, descriptor: &Descriptor) {
        let temporality = match descriptor.temporality {
            Temporality::Delta => 1,
            Temporality::Cumulative => 2,
        };
        self.out.extend([0x10, temporality]);
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
            NumberKind::Signed => (AS_INT, point.bits),
            NumberKind::Double | NumberKind::Nanoseconds => (AS_DOUBLE, point.as_f64(number).to_bits()),
            // Flags, of which the first is that there is none.
            NumberKind::Missing => (FLAGS, 1),
        };
        fixed[18] = tag;
        fixed[19..].copy_from_slice(&bits.to_le_bytes());
        let fixed = if number == NumberKind::Missing { &fixed[..MISSING_FIXED] } else { &fixed[..] };

        self.out.push(0x0a);
        put_varint(&mut self.out, (fixed.len() + attributes.len()) as u64);
        self.out.extend_from_slice(fixed);
        self.out.extend_from_slice(attributes);
    }

    fn histogram_point(&mut self, point: &HistogramPoint, number: NumberKind) {
        self.open(0x0a);
        distribution::put(&mut self.out, point, number);
    }

    /// Begins the next message, as the field that `tag` names.
    fn open(&mut self, tag: u8) {
        self.out.push(tag);
        put_varint(&mut self.out, self.lengths.next().unwrap_or_default() as u64);
    }
}

const GAUGE: u8 = 0x2a;
const SUM: u8 = 0x3a;
const HISTOGRAM: u8 = 0x4a;
const EXPONENTIAL_HISTOGRAM: u8 = 0x52;
const SUMMARY: u8 = 0x5a;
const AS_DOUBLE: u8 = 0x21;
const AS_INT: u8 = 0x31;
const FLAGS: u8 = 0x40;
const MONOTONIC: [u8; 2] = [0x18, 1];
