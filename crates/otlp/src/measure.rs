//! Sizes before bytes: protobuf puts the length of a message before the message.

use pdata::{
    Attribute, Attributes, Batch, Descriptor, HistogramMetric, HistogramPoint, Instrument, Metric, NumberKind,
    ResourceMetrics, ScopeMetrics,
};

use crate::distribution::{self, Length};
use crate::wire::{attribute_len, field_len, put_attribute};

/// Bytes of a `NumberDataPoint` beside its attributes: start, time and value, each a tag and 64 bits.
pub(crate) const POINT_FIXED: usize = 27;
/// The same of one that has no value, and a flag that says so.
pub(crate) const MISSING_FIXED: usize = 20;

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

fn resource_metrics(ResourceMetrics { resource, scopes }: &ResourceMetrics, lengths: &mut Vec<usize>) -> usize {
    let own = message(lengths, |_| attribute_lens(&resource.attributes));
    let scopes = scopes.iter().map(|scope| message(lengths, |lengths| scope_metrics(scope, lengths)));
    own + scopes.sum::<usize>() + schema_url(&resource.schema_url)
}

fn scope_metrics(ScopeMetrics { scope, metrics, histograms }: &ScopeMetrics, lengths: &mut Vec<usize>) -> usize {
    let own = message(lengths, |_| {
        field_len(scope.name.len()) + field_len(scope.version.len()) + attribute_lens(&scope.attributes)
    });
    let metrics = metrics.iter().map(|each| message(lengths, |lengths| metric(each, lengths)));
    let numbers = own + metrics.sum::<usize>();
    let histograms = histograms.iter().map(|each| message(lengths, |lengths| histogram_metric(each, lengths)));
    numbers + histograms.sum::<usize>() + schema_url(&scope.schema_url)
}

fn attribute_lens(attributes: &[Attribute]) -> usize {
    attributes.iter().map(|(key, value)| attribute_len(key, &value.borrow())).sum()
}

fn schema_url(url: &str) -> usize {
    if url.is_empty() { 0 } else { field_len(url.len()) }
}

fn metric(metric: &Metric, lengths: &mut Vec<usize>) -> usize {
    let descriptor = &metric.descriptor;
    let fixed = if descriptor.number == NumberKind::Missing { MISSING_FIXED } else { POINT_FIXED };
    let points = || match metric.points.encoded() {
        Some(encoded) => encoded.len(),
        None => metric.points.iter().map(|point| field_len(fixed + attributes(&point.attributes).len())).sum(),
    };
    let kind = match descriptor.instrument {
        Instrument::Counter => 4,
        Instrument::UpDownCounter => 2,
        // Numbers under an instrument that has none stand for themselves.
        Instrument::Gauge | Instrument::ExponentialHistogram | Instrument::Histogram | Instrument::Summary => 0,
    };
    texts(descriptor) + message(lengths, |_| points() + kind)
}

fn histogram_metric(HistogramMetric { descriptor, points }: &HistogramMetric, lengths: &mut Vec<usize>) -> usize {
    let points = |lengths: &mut Vec<usize>| {
        let points = points.iter().filter(|point| distribution::fits(point, descriptor.instrument));
        points.map(|point| message(lengths, |_| histogram_point(point, descriptor.number))).sum::<usize>()
    };
    let temporality = if descriptor.instrument == Instrument::Summary { 0 } else { 2 };
    texts(descriptor) + message(lengths, |lengths| points(lengths) + temporality)
}

fn histogram_point(point: &HistogramPoint, number: NumberKind) -> usize {
    let mut length = Length::default();
    distribution::put(&mut length, point, number);
    length.0
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

pub(crate) fn encode_attributes(attributes: &Attributes) -> Box<[u8]> {
    let mut out = Vec::with_capacity(attributes.iter().map(|(key, value)| attribute_len(key, &value)).sum());
    for (key, value) in attributes.iter() {
        put_attribute(&mut out, 0x3a, key, &value);
    }
    out.into()
}
