//! A batch as opentelemetry-proto's structs: what everybody else would send.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
    exponential_histogram_data_point::Buckets, metric, number_data_point, summary_data_point::ValueAtQuantile,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use pdata::{
    Attribute, Batch, Descriptor, Distribution, HistogramPoint, Instrument, NumberKind, Point, Temporality, Value,
};

pub(crate) fn request(batch: &Batch) -> ExportMetricsServiceRequest {
    let scope_metrics = |scope: &pdata::ScopeMetrics| ScopeMetrics {
        scope: Some(InstrumentationScope {
            name: scope.scope.name.to_string(),
            version: scope.scope.version.to_string(),
            attributes: kept(&scope.scope.attributes),
            ..Default::default()
        }),
        metrics: scope.metrics.iter().map(metric).chain(scope.histograms.iter().map(histogram_metric)).collect(),
        schema_url: scope.scope.schema_url.to_string(),
    };
    let resource_metrics = |resource: &pdata::ResourceMetrics| ResourceMetrics {
        resource: Some(Resource { attributes: kept(&resource.resource.attributes), ..Default::default() }),
        scope_metrics: resource.scopes.iter().map(scope_metrics).collect(),
        schema_url: resource.resource.schema_url.to_string(),
    };
    ExportMetricsServiceRequest { resource_metrics: batch.resources.iter().map(resource_metrics).collect() }
}

fn temporality(descriptor: &Descriptor) -> i32 {
    match descriptor.temporality {
        Temporality::Cumulative => AggregationTemporality::Cumulative.into(),
        Temporality::Delta => AggregationTemporality::Delta.into(),
    }
}

fn metric(metric: &pdata::Metric) -> Metric {
    let descriptor = &metric.descriptor;
    let data_points = metric.points.iter().map(|each| point(each, descriptor.number)).collect();
    let data = match descriptor.instrument {
        Instrument::Counter | Instrument::UpDownCounter => metric::Data::Sum(Sum {
            data_points,
            aggregation_temporality: temporality(descriptor),
            is_monotonic: descriptor.instrument == Instrument::Counter,
        }),
        _ => metric::Data::Gauge(Gauge { data_points }),
    };
    described(descriptor, data)
}

fn histogram_metric(metric: &pdata::HistogramMetric) -> Metric {
    let (descriptor, points) = (&metric.descriptor, &metric.points);
    let aggregation_temporality = temporality(descriptor);
    let data = match descriptor.instrument {
        Instrument::Histogram => metric::Data::Histogram(Histogram {
            data_points: points.iter().map(explicit_point).collect(),
            aggregation_temporality,
        }),
        Instrument::Summary => {
            metric::Data::Summary(Summary { data_points: points.iter().map(summary_point).collect() })
        }
        _ => metric::Data::ExponentialHistogram(ExponentialHistogram {
            data_points: points.iter().map(|each| exponential_point(each, descriptor.number)).collect(),
            aggregation_temporality,
        }),
    };
    described(descriptor, data)
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

/// Trimmed by hand, so that the writer's own trimming has something to be compared with.
fn buckets(mut offset: i32, mut bucket_counts: Vec<u64>) -> Option<Buckets> {
    while bucket_counts.last() == Some(&0) {
        bucket_counts.pop();
    }
    while bucket_counts.first() == Some(&0) {
        bucket_counts.remove(0);
        offset += 1;
    }
    (!bucket_counts.is_empty()).then_some(Buckets { offset, bucket_counts })
}

fn exponential_point(point: &HistogramPoint, number: NumberKind) -> ExponentialHistogramDataPoint {
    let Distribution::Exponential(histogram) = &*point.histogram else { unreachable!("no exponential histogram") };
    let extras = histogram.extras.clone().unwrap_or_default();
    let sum = match number {
        NumberKind::Unsigned => histogram.sum as f64,
        NumberKind::Nanoseconds => histogram.sum as f64 / 1e9,
        _ => f64::from_bits(histogram.sum),
    };
    let count = histogram.zero_count + histogram.counts.iter().chain(&extras.negative).sum::<u64>();
    ExponentialHistogramDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        count,
        sum: (!extras.no_sum).then_some(sum),
        scale: histogram.scale,
        zero_count: histogram.zero_count,
        positive: buckets(histogram.offset, histogram.counts.to_vec()),
        negative: buckets(extras.negative_offset, extras.negative.to_vec()),
        flags: extras.missing.into(),
        exemplars: vec![],
        min: extras.min,
        max: extras.max,
        zero_threshold: extras.zero_threshold,
    }
}

fn explicit_point(point: &HistogramPoint) -> HistogramDataPoint {
    let Distribution::Explicit(histogram) = &*point.histogram else { unreachable!("no explicit histogram") };
    HistogramDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        count: histogram.count,
        sum: histogram.sum,
        bucket_counts: histogram.counts.to_vec(),
        explicit_bounds: histogram.bounds.to_vec(),
        exemplars: vec![],
        flags: histogram.missing.into(),
        min: histogram.min,
        max: histogram.max,
    }
}

fn summary_point(point: &HistogramPoint) -> SummaryDataPoint {
    let Distribution::Summary(summary) = &*point.histogram else { unreachable!("no summary") };
    let quantile = |(quantile, value): &(f64, f64)| ValueAtQuantile { quantile: *quantile, value: *value };
    SummaryDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        count: summary.count,
        sum: summary.sum,
        quantile_values: summary.quantiles.iter().map(quantile).collect(),
        flags: summary.missing.into(),
    }
}

fn point(point: &Point, number: NumberKind) -> NumberDataPoint {
    let value = match number {
        NumberKind::Unsigned => Some(number_data_point::Value::AsInt(i64::try_from(point.bits).unwrap_or(i64::MAX))),
        NumberKind::Signed => Some(number_data_point::Value::AsInt(point.bits as i64)),
        NumberKind::Missing => None,
        number => Some(number_data_point::Value::AsDouble(point.as_f64(number))),
    };
    NumberDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        flags: u32::from(value.is_none()),
        value,
        ..Default::default()
    }
}

fn attributes(set: &pdata::Attributes) -> Vec<KeyValue> {
    set.iter().map(attribute).collect()
}

fn kept(attributes: &[Attribute]) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| attribute((key, value.borrow()))).collect()
}

fn attribute((key, value): (&str, Value<'_>)) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any_value(value)), ..Default::default() }
}

fn any_value(value: Value<'_>) -> AnyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(text.to_owned()),
        Value::Int(number) => any_value::Value::IntValue(number),
        Value::Bool(truth) => any_value::Value::BoolValue(truth),
        Value::Double(number) => any_value::Value::DoubleValue(number),
        Value::Bytes(bytes) => any_value::Value::BytesValue(bytes.to_vec()),
        Value::List(items) => {
            let values = items.iter().map(|item| any_value(item.borrow())).collect();
            any_value::Value::ArrayValue(ArrayValue { values })
        }
        Value::Map(entries) => any_value::Value::KvlistValue(KeyValueList { values: kept(&entries) }),
        Value::Empty => return AnyValue { value: None },
    };
    AnyValue { value: Some(value) }
}
