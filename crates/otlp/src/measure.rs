//! Sizes before bytes: protobuf puts the length of a message before the message.

use pdata::{Attributes, Batch, Instrument, Metric, Point, ResourceMetrics, ScopeMetrics};

use crate::wire::{attribute_len, field_len, put_attribute};

/// Bytes of a `NumberDataPoint` beside its attributes: start, time and value, each a tag and 64 bits.
pub(crate) const POINT_FIXED: usize = 27;

/// Size of an `ExportMetricsServiceRequest`.
///
/// `lengths` takes the length of each message above the points, in the order in which they are written.
pub(crate) fn request(batch: &Batch, lengths: &mut Vec<usize>) -> usize {
    batch.resources.iter().map(|resource| message(lengths, |lengths| resource_metrics(resource, lengths))).sum()
}

/// The `attributes` of a `NumberDataPoint`, encoded once per stream.
pub(crate) fn attributes(point: &Point) -> &[u8] {
    point.attributes.encoded(encode_attributes)
}

fn resource_metrics(resource: &ResourceMetrics, lengths: &mut Vec<usize>) -> usize {
    let own = message(lengths, |_| resource.resource.attributes.iter().map(attribute_len).sum());
    let scopes = resource.scopes.iter().map(|scope| message(lengths, |lengths| scope_metrics(scope, lengths)));
    own + scopes.sum::<usize>()
}

fn scope_metrics(scope: &ScopeMetrics, lengths: &mut Vec<usize>) -> usize {
    let own = message(lengths, |_| field_len(scope.scope.name.len()) + field_len(scope.scope.version.len()));
    let metrics = scope.metrics.iter().map(|each| message(lengths, |lengths| metric(each, lengths)));
    own + metrics.sum::<usize>()
}

fn metric(metric: &Metric, lengths: &mut Vec<usize>) -> usize {
    let descriptor = &metric.descriptor;
    let texts = [&descriptor.name, &descriptor.description, &descriptor.unit].map(|text| field_len(text.len()));
    let points = || metric.points.iter().map(|point| field_len(POINT_FIXED + attributes(point).len()));
    let kind = match descriptor.instrument {
        Instrument::Counter => 4,
        Instrument::UpDownCounter => 2,
        Instrument::Gauge => 0,
    };
    texts.iter().sum::<usize>() + message(lengths, |_| points().sum::<usize>() + kind)
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
