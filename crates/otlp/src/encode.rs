//! Batch to bytes.
//!
//! Tags are `field number << 3 | wire type`; the numbers are those of
//! opentelemetry-proto's metrics.proto and metrics_service.proto.

use std::sync::Arc;

use bytes::Bytes;
use pdata::{
    Batch, Descriptor, HistogramMetric, HistogramPoint, Instrument, Metric, NumberKind, Point, Resource, Scope,
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
    let mut out = Vec::with_capacity(total);
    let (mut lengths, mut place) = (lengths.into_iter(), Place::default());
    let mut writer = Writer { out: &mut out, lengths: &mut lengths };
    while writer.step(batch, &mut place) {}
    debug_assert_eq!(out.len(), total);
    out.into()
}

/// A batch that is written piece by piece, so that never is there a second copy of all of it.
#[derive(Debug)]
pub struct Pieces {
    batch: Arc<Batch>,
    lengths: std::vec::IntoIter<usize>,
    place: Place,
    total: usize,
}

/// A piece is hardly longer, unless one metric is.
const PIECE: usize = 32 << 10;

impl Pieces {
    /// Of `batch`.
    #[must_use]
    pub fn new(batch: Arc<Batch>) -> Self {
        let mut lengths = Vec::new();
        let total = measure::request(&batch, &mut lengths);
        Self { batch, lengths: lengths.into_iter(), place: Place::default(), total }
    }

    /// Bytes of all pieces, which together are what [`encode`] makes of the batch.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.total
    }

    /// Appends the next piece to `out`; says no where there is none.
    pub fn write(&mut self, out: &mut Vec<u8>) -> bool {
        let before = out.len();
        out.reserve(PIECE + PIECE / 4);
        let mut writer = Writer { out: &mut *out, lengths: &mut self.lengths };
        while writer.out.len() - before < PIECE && writer.step(&self.batch, &mut self.place) {}
        out.len() > before
    }
}

/// What is to be written next: of a resource and of a scope 0 is the head, and what is in it counts from 1.
#[derive(Debug, Default)]
struct Place {
    resource: usize,
    scope: usize,
    metric: usize,
}

/// Bytes that [`encode`] makes of `batch`, told without making them.
#[must_use]
pub fn encoded_len(batch: &Batch) -> usize {
    measure::request(batch, &mut Vec::new())
}

struct Writer<'w> {
    out: &'w mut Vec<u8>,
    /// Of the messages that are still to come, as measured.
    lengths: &'w mut std::vec::IntoIter<usize>,
}

impl Writer<'_> {
    /// Writes what stands at `place`, and moves it on; says no at the end.
    fn step(&mut self, batch: &Batch, place: &mut Place) -> bool {
        let Some(resource) = batch.resources.get(place.resource) else { return false };
        if place.scope == 0 {
            self.open_resource(&resource.resource);
            place.scope = 1;
            return true;
        }
        let Some(ScopeMetrics { scope, metrics, histograms }) = resource.scopes.get(place.scope - 1) else {
            self.schema_url(&resource.resource.schema_url);
            *place = Place { resource: place.resource + 1, ..Place::default() };
            return true;
        };
        let number = place.metric;
        place.metric += 1;
        if number == 0 {
            self.open_scope(scope);
        } else if let Some(metric) = metrics.get(number - 1) {
            self.metric(metric);
        } else if let Some(metric) = histograms.get(number - 1 - metrics.len()) {
            self.histogram_metric(metric);
        } else {
            self.schema_url(&scope.schema_url);
            (place.scope, place.metric) = (place.scope + 1, 0);
        }
        true
    }

    fn open_resource(&mut self, resource: &Resource) {
        self.open(0x0a);
        self.open(0x0a);
        for (key, value) in &resource.attributes {
            put_attribute(self.out, 0x0a, key, &value.borrow());
        }
    }

    fn open_scope(&mut self, scope: &Scope) {
        self.open(0x12);
        self.open(0x0a);
        put_bytes(self.out, 0x0a, scope.name.as_bytes());
        put_bytes(self.out, 0x12, scope.version.as_bytes());
        for (key, value) in &scope.attributes {
            put_attribute(self.out, 0x1a, key, &value.borrow());
        }
    }

    fn schema_url(&mut self, url: &str) {
        if !url.is_empty() {
            put_bytes(self.out, 0x1a, url.as_bytes());
        }
    }

    fn metric(&mut self, metric: &Metric) {
        let descriptor = &metric.descriptor;
        self.open_metric(descriptor);
        let is_sum = matches!(descriptor.instrument, Instrument::Counter | Instrument::UpDownCounter);
        self.open(if is_sum { SUM } else { GAUGE });
        match metric.points.encoded() {
            Some(encoded) => self.out.extend_from_slice(encoded),
            None => metric.points.iter().for_each(|point| self.point(point, descriptor.number)),
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
        put_bytes(self.out, 0x0a, descriptor.name.as_bytes());
        put_bytes(self.out, 0x12, descriptor.description.as_bytes());
        put_bytes(self.out, 0x1a, descriptor.unit.as_bytes());
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
        put_varint(self.out, (fixed.len() + attributes.len()) as u64);
        self.out.extend_from_slice(fixed);
        self.out.extend_from_slice(attributes);
    }

    fn histogram_point(&mut self, point: &HistogramPoint, number: NumberKind) {
        self.open(0x0a);
        distribution::put(self.out, point, number);
    }

    /// Begins the next message, as the field that `tag` names.
    fn open(&mut self, tag: u8) {
        self.out.push(tag);
        put_varint(self.out, self.lengths.next().unwrap_or_default() as u64);
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
