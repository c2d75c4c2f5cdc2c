//! Sizes before bytes: protobuf puts the length of a message before the message.

use pdata::{
    Attributes, Batch, Descriptor, HistogramMetric, HistogramPoint, Instrument, Metric, ResourceMetrics, ScopeMetrics,
};

use crate::wire::{attribute_len, field_len, put_attribute, varint_len, zigzag};

/// Bytes of a `NumberDataPoint` beside its attributes: start, time and value, each a tag and 64 bits.
pub(crate) const POINT_FIXED: usize = 27;
/// Bytes of an `ExponentialHistogramDataPoint` that are always there: start, time, count, sum and zero count.
pub(crate) const HISTOGRAM_FIXED: usize = 45;

/// Size of an `ExportMetricsServiceRequest`.
///
/// `lengths` takes the length of each message above the points of numbers, which have none of their own
/// here, in the order in which they are written.
pub(crate) fn request(batch: &Batch, lengths: &mut Vec<usize>) -> usize {
    batch.resources.iter().map(|resource| message(lengths, |lengths| resource_metrics(resource, lengths))).sum()
}

/// The `attributes` of a `NumberDataPoint`, encoded once per stream.
pub(crate) fn attributes(attributes: &Attributes) -> &[u8] {
    attributes.encoded(encode_attributes)
}

fn resource_metrics(resource: &ResourceMetrics, lengths: &mut Vec<usize>) -> usize {
    let own = message(lengths, |_| resource.resource.attributes.iter().map(attribute_len).sum());
    let scopes = resource.scopes.iter().map(|scope| message(lengths, |lengths| scope_metrics(scope, lengths)));
    own + scopes.sum::<usize>()
}

fn scope_metrics(scope: &ScopeMetrics, lengths: &mut Vec<usize>) -> usize {
    let own = message(lengths, |_| field_len(scope.scope.name.len()) + field_len(scope.scope.version.len()));
    let metrics = scope.metrics.iter().map(|each| message(lengths, |lengths| metric(each, lengths)));
    let numbers = own + metrics.sum::<usize>();
    let histograms = scope.histograms.iter().map(|each| message(lengths, |lengths| histogram_metric(each, lengths)));
    numbers + histograms.sum::<usize>()
}

fn metric(metric: &Metric, lengths: &mut Vec<usize>) -> usize {
    let descriptor = &metric.descriptor;
    let points = || metric.points.iter().map(|point| field_len(POINT_FIXED + attributes(&point.attributes).len()));
    let kind = match descriptor.instrument {
        Instrument::Counter => 4,
        Instrument::UpDownCounter => 2,
        // Numbers under an instrument that has none stand for themselves.
        Instrument::Gauge | Instrument::ExponentialHistogram => 0,
    };
    texts(descriptor) + message(lengths, |_| points().sum::<usize>() + kind)
}

fn histogram_metric(metric: &HistogramMetric, lengths: &mut Vec<usize>) -> usize {
    let points = |lengths: &mut Vec<usize>| {
        metric.points.iter().map(|point| message(lengths, |lengths| histogram_point(point, lengths))).sum::<usize>()
    };
    texts(&metric.descriptor) + message(lengths, |lengths| points(lengths) + 2)
}

fn histogram_point(point: &HistogramPoint, lengths: &mut Vec<usize>) -> usize {
    let histogram = &point.histogram;
    let fixed = HISTOGRAM_FIXED + 1 + varint_len(zigzag(histogram.scale)) + attributes(&point.attributes).len();
    let (offset, counts) = histogram.used();
    if counts.is_empty() {
        return fixed;
    }
    let buckets = |lengths: &mut Vec<usize>| {
        let packed = |_: &mut Vec<usize>| counts.iter().map(|count| varint_len(*count)).sum();
        1 + varint_len(zigzag(offset)) + message(lengths, packed)
    };
    fixed + message(lengths, buckets)
}

/// Name, description and unit.
fn texts(descriptor: &Descriptor) -> usize {
    [&descriptor.name, &descriptor.description, &descriptor.unit].iter().map(|text| field_len(text.len())).sum()
}

/// Notes the length of one message and returns it as a field.
fn message(lengths: &mut Vec<usize>, measure: impl FnOnce(&mut Vec<usize>) -> usize) -> usize {
    let slot = lengths.len();
    lengths.push(0);
    lengths[slot] = measure(lengths);
    field_len(lengths[slot])
}

fn encode_attributes(attributes: &Attributes) -> Box<[u8]> {
    let mut out = Vec::with_capacity(attributes.iter().map(|attribute| attribute_len(&attribute)).sum());
    for attribute in attributes.iter() {
        put_attribute(&mut out, 0x3a, &attribute);
    }
    out.into()
}
