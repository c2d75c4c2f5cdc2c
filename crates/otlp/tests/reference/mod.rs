//! A batch as opentelemetry-proto's structs: what everybody else would send.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, exponential_histogram_data_point::Buckets, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use pdata::{Attribute, AttributeValue, Batch, Descriptor, HistogramPoint, Instrument, NumberKind, Point};

pub(crate) fn request(batch: &Batch) -> ExportMetricsServiceRequest {
    let scope_metrics = |scope: &pdata::ScopeMetrics| ScopeMetrics {
        scope: Some(InstrumentationScope {
            name: scope.scope.name.to_owned(),
            version: scope.scope.version.to_owned(),
            ..Default::default()
        }),
        metrics: scope.metrics.iter().map(metric).chain(scope.histograms.iter().map(histogram_metric)).collect(),
        ..Default::default()
    };
    let resource_metrics = |resource: &pdata::ResourceMetrics| ResourceMetrics {
        resource: Some(Resource {
            attributes: resource.resource.attributes.iter().cloned().map(attribute).collect(),
            ..Default::default()
        }),
        scope_metrics: resource.scopes.iter().map(scope_metrics).collect(),
        ..Default::default()
    };
    ExportMetricsServiceRequest { resource_metrics: batch.resources.iter().map(resource_metrics).collect() }
}

fn metric(metric: &pdata::Metric) -> Metric {
    let descriptor = &metric.descriptor;
    let data_points = metric.points.iter().map(|each| point(each, descriptor.number)).collect();
    let data = match descriptor.instrument {
        Instrument::Gauge => metric::Data::Gauge(Gauge { data_points }),
        instrument => metric::Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: instrument == Instrument::Counter,
        }),
    };
    described(descriptor, data)
}

fn histogram_metric(metric: &pdata::HistogramMetric) -> Metric {
    let data_points = metric.points.iter().map(|each| histogram_point(each, metric.descriptor.number)).collect();
    let aggregation_temporality = AggregationTemporality::Cumulative.into();
    let data = metric::Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality });
    described(&metric.descriptor, data)
}

fn described(descriptor: &Descriptor, data: metric::Data) -> Metric {
    Metric {
        name: descriptor.name.to_string(),
        description: descriptor.description.to_string(),
        unit: descriptor.unit.to_string(),
        data: Some(data),
        ..Default::default()
    }
}

fn histogram_point(point: &HistogramPoint, number: NumberKind) -> ExponentialHistogramDataPoint {
    let histogram = &*point.histogram;
    // Trimmed by hand, so that the writer's own trimming has something to be compared with.
    let (mut offset, mut bucket_counts) = (histogram.offset, histogram.counts.to_vec());
    while bucket_counts.last() == Some(&0) {
        bucket_counts.pop();
    }
    while bucket_counts.first() == Some(&0) {
        bucket_counts.remove(0);
        offset += 1;
    }
    let sum = match number {
        NumberKind::Unsigned => histogram.sum as f64,
        NumberKind::Nanoseconds => histogram.sum as f64 / 1e9,
        NumberKind::Double => f64::from_bits(histogram.sum),
    };
    ExponentialHistogramDataPoint {
        attributes: point.attributes.iter().map(attribute).collect(),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        count: histogram.zero_count + histogram.counts.iter().sum::<u64>(),
        sum: Some(sum),
        scale: histogram.scale,
        zero_count: histogram.zero_count,
        positive: (!bucket_counts.is_empty()).then_some(Buckets { offset, bucket_counts }),
        ..Default::default()
    }
}

fn point(point: &Point, number: NumberKind) -> NumberDataPoint {
    let value = match number {
        NumberKind::Unsigned => number_data_point::Value::AsInt(i64::try_from(point.bits).unwrap_or(i64::MAX)),
        number => number_data_point::Value::AsDouble(point.as_f64(number)),
    };
    NumberDataPoint {
        attributes: point.attributes.iter().map(attribute).collect(),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        value: Some(value),
        ..Default::default()
    }
}

fn attribute((key, value): Attribute) -> KeyValue {
    let value = match value {
        AttributeValue::Static(text) => any_value::Value::StringValue(text.to_owned()),
        AttributeValue::Text(text) => any_value::Value::StringValue(text.to_string()),
        AttributeValue::Int(number) => any_value::Value::IntValue(number),
        AttributeValue::Bool(truth) => any_value::Value::BoolValue(truth),
    };
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}
