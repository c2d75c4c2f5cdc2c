//! Batches that are too large for one request.

use pdata::{Distribution, ExponentialHistogram, HistogramMetric, HistogramPoint, Metrics};

use super::*;
use crate::split::split;

/// Refuses one call, of its own number, as if it were busy; takes what it is sent otherwise.
struct Busy {
    received: Received,
    refuses: usize,
}

#[tonic::async_trait]
impl MetricsService for Busy {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let mut received = self.received.lock().unwrap();
        received.push((metadata, message));
        if received.len() == self.refuses {
            return Err(Status::unavailable("busy"));
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// Points of numbers and of distributions, whose sizes differ by much.
fn large(numbers: i64, histograms: i64) -> Arc<Batch> {
    let attributes = |id| Arc::new(Attributes::new(vec![("id", AttributeValue::Int(id))]));
    let descriptor = |instrument| {
        let (unit, number) = ("s".into(), NumberKind::Nanoseconds);
        Arc::new(Descriptor {
            name: "m".into(),
            unit,
            description: "".into(),
            instrument,
            number,
            ..Default::default()
        })
    };
    let histogram = ExponentialHistogram { counts: vec![1 << 40; 160].into(), ..Default::default() };
    let histogram: Arc<Distribution> = Arc::new(histogram.into());
    let number = |id| Point { attributes: attributes(id), start: 1, time: 2, bits: 3 };
    let distribution =
        |id| HistogramPoint { attributes: attributes(id), start: 1, time: 2, histogram: histogram.clone() };
    let points = (0..numbers).map(number).collect();
    let numbers = vec![Metric { descriptor: descriptor(Instrument::Counter), points }];
    let points = (0..histograms).map(distribution).collect();
    let histograms = vec![HistogramMetric { descriptor: descriptor(Instrument::ExponentialHistogram), points }];
    let (resource, scope) = (Resource::default(), Scope::new("test", "0"));
    Arc::new(Batch::of(Arc::new(resource), Arc::new(scope), Metrics { numbers, histograms }))
}

/// The `id` of every point, numbers as they are and distributions below zero.
fn ids(batch: &Batch) -> Vec<i64> {
    let id = |attributes: &Attributes| match attributes.get("id") {
        Some(AttributeValue::Int(id)) => id,
        other => panic!("{other:?}"),
    };
    let numbers = batch.metrics().flat_map(|metric| &metric.points).map(|point| id(&point.attributes));
    let distributions = batch.histograms().flat_map(|metric| &metric.points).map(|point| -1 - id(&point.attributes));
    numbers.chain(distributions).collect()
}

#[test]
fn no_part_is_above_the_limit_and_together_they_are_the_batch() {
    let batch = large(20_000, 2_000);
    for max in [10_000, 64 << 10, 1 << 20, 100 << 20] {
        let parts = split(batch.clone(), max, otlp::encoded_len);
        let sizes: Vec<usize> = parts.iter().map(|part| otlp::encode(part).len()).collect();
        assert!(sizes.iter().all(|size| *size <= max), "{max}: {sizes:?}");
        let least = otlp::encoded_len(&batch).div_ceil(max);
        assert!(parts.len() <= 3 * least, "{max}: {} parts, {least} would be the least", parts.len());
        assert_eq!(parts.iter().flat_map(|part| ids(part)).collect::<Vec<_>>(), ids(&batch), "{max}");
    }
}

#[test]
fn a_batch_within_the_limit_is_not_copied_and_a_point_beyond_it_goes_alone() {
    let batch = large(100, 0);
    let parts = split(batch.clone(), otlp::encoded_len(&batch), otlp::encoded_len);
    assert!(parts.len() == 1 && Arc::ptr_eq(&parts[0], &batch));
    let parts = split(batch, 1, otlp::encoded_len);
    assert_eq!(parts.iter().map(|part| part.items()).collect::<Vec<_>>(), [1; 100]);
    assert_eq!(split(Arc::new(Batch::default()), 0, otlp::encoded_len).len(), 1);
}

#[tokio::test]
async fn what_a_server_refuses_as_too_large_arrives_in_parts_each_point_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = Received::default();
    let service = MetricsServiceServer::new(Busy { received: received.clone(), refuses: 3 });
    let service = service.accept_compressed(CompressionEncoding::Gzip);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    let mut exporter = exporter(port);

    let batch = large(200_000, 5_000);
    assert!(otlp::encoded_len(&batch) > 3 * config("http://localhost:1").max_request_size);
    // 4 MiB is what servers take by default.
    let Err(ExportError::Permanent(reason)) = exporter.export(batch.clone()).await else { panic!("it is too large") };
    assert!(reason.contains("max_request_size"), "{reason}");
    assert!(received.lock().unwrap().is_empty());

    // As the runtime does it: a part again and again, then the next.
    let mut attempts = 0;
    for part in exporter.split(batch.clone()) {
        loop {
            attempts += 1;
            match exporter.export(part.clone()).await {
                Ok(accepted) => break assert_eq!(accepted, Accepted::default()),
                Err(ExportError::Retryable { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
    let mut received: Vec<_> = received.lock().unwrap().drain(..).map(|(_, message)| message).collect();
    assert_eq!(received.len(), attempts);
    let refused = received.remove(2);
    assert_eq!(received[2], refused, "the one that was refused is the one that came again");
    let all: Vec<i64> = received.iter().flat_map(ids_of).collect();
    assert_eq!(all, ids(&batch));
}

/// As [`ids`], of what came over the wire.
fn ids_of(request: &ExportMetricsServiceRequest) -> Vec<i64> {
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    let id = |attributes: &[KeyValue]| match attributes[0].value.clone().unwrap().value {
        Some(Value::IntValue(id)) => id,
        other => panic!("{other:?}"),
    };
    let metrics = request.resource_metrics.iter().flat_map(|each| &each.scope_metrics).flat_map(|each| &each.metrics);
    let of_metric = |data: &Data| match data {
        Data::Sum(sum) => sum.data_points.iter().map(|point| id(&point.attributes)).collect::<Vec<_>>(),
        Data::ExponentialHistogram(it) => it.data_points.iter().map(|point| -1 - id(&point.attributes)).collect(),
        other => panic!("{other:?}"),
    };
    metrics.filter_map(|metric| metric.data.as_ref()).flat_map(of_metric).collect()
}
