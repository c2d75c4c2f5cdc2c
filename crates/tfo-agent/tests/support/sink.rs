//! A real OTLP gRPC server that keeps what every stream comes to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, NumberDataPoint, metric};
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

/// Metric name and attributes.
pub(crate) type Stream = (String, BTreeMap<String, String>);

/// What arrived.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// Last value of every stream, or the sum of its deltas.
    pub(crate) last: BTreeMap<Stream, f64>,
    /// How many points of every stream.
    pub(crate) points: BTreeMap<Stream, usize>,
    /// Requests taken, and refused.
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
}

/// The sink; it ends when this is dropped.
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Received>>,
    away: Arc<AtomicBool>,
    _stop: oneshot::Sender<()>,
}

impl Sink {
    /// A sink on a free port that refuses the first `refuse` requests.
    pub(crate) fn start(refuse: usize) -> Self {
        Self::start_on(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), refuse)
    }

    /// As [`start`](Self::start), on `listener`.
    pub(crate) fn start_on(listener: std::net::TcpListener, refuse: usize) -> Self {
        let received = Arc::new(Mutex::new(Received::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let away = Arc::new(AtomicBool::new(false));
        let service = Service { received: received.clone(), refuse, away: away.clone() };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let incoming = tonic::transport::server::TcpIncoming::from(listener);
                let service = MetricsServiceServer::new(service)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .max_decoding_message_size(64 << 20);
                let server = tonic::transport::Server::builder().add_service(service);
                tokio::select! {
                    ended = server.serve_with_incoming(incoming) => ended.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address, received, away, _stop: stop }
    }

    /// From now on refuses every request, or takes them again.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// Looks at what has arrived so far.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Received) -> T) -> T {
        look(&self.received.lock().unwrap())
    }

    /// Sum of the last values of `metric` over the streams with all of `attributes`.
    pub(crate) fn sum(&self, metric: &str, attributes: &[(&str, &str)]) -> f64 {
        self.with(|received| {
            let wanted = |stream: &Stream| {
                stream.0 == metric
                    && attributes.iter().all(|(key, value)| stream.1.get(*key).is_some_and(|v| v == value))
            };
            received.last.iter().filter(|(stream, _)| wanted(stream)).map(|(_, value)| value).sum()
        })
    }
}

struct Service {
    received: Arc<Mutex<Received>>,
    refuse: usize,
    away: Arc<AtomicBool>,
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut received = self.received.lock().unwrap();
        if received.refused < self.refuse || self.away.load(Ordering::Relaxed) {
            received.refused += 1;
            return Err(Status::unavailable("not yet"));
        }
        received.accepted += 1;
        for resource in request.into_inner().resource_metrics {
            for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                let (points, delta) = match metric.data.unwrap() {
                    metric::Data::Sum(sum) => (sum.data_points, sum.aggregation_temporality == 1),
                    metric::Data::Gauge(gauge) => (gauge.data_points, false),
                    metric::Data::ExponentialHistogram(histogram) => {
                        (histogram.data_points.into_iter().map(observations).collect(), false)
                    }
                    other => panic!("unexpected {other:?}"),
                };
                for point in points {
                    let stream = (metric.name.clone(), attributes(&point));
                    let value = match point.value.unwrap() {
                        number_data_point::Value::AsInt(value) => value as f64,
                        number_data_point::Value::AsDouble(value) => value,
                    };
                    *received.points.entry(stream.clone()).or_default() += 1;
                    let before = received.last.entry(stream).or_default();
                    *before = if delta { *before + value } else { value };
                }
            }
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// A distribution as the number of its observations.
fn observations(point: ExponentialHistogramDataPoint) -> NumberDataPoint {
    let value = Some(number_data_point::Value::AsInt(point.count.cast_signed()));
    NumberDataPoint { attributes: point.attributes, value, ..NumberDataPoint::default() }
}

fn attributes(point: &NumberDataPoint) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => panic!("unexpected {other:?}"),
    };
    let pairs = point.attributes.iter().cloned();
    pairs.map(|pair| (pair.key, text(pair.value.unwrap().value.unwrap()))).collect()
}
