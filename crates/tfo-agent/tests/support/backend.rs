//! A real OTLP server, gRPC or HTTP, for what the agent says of itself: spans and figures.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};

/// What arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    pub(crate) spans: Vec<Span>,
    /// Every point of every request, with the name of its metric.
    pub(crate) points: Vec<(String, NumberDataPoint)>,
    /// Attributes of the last resource.
    pub(crate) resource: Vec<KeyValue>,
    /// `authorization` of every request.
    pub(crate) tokens: Vec<String>,
}

impl Arrived {
    fn spans(&mut self, request: ExportTraceServiceRequest) {
        for resource in request.resource_spans {
            self.resource = resource.resource.unwrap().attributes;
            self.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }

    fn metrics(&mut self, request: ExportMetricsServiceRequest) {
        for resource in request.resource_metrics {
            self.resource = resource.resource.unwrap().attributes;
            for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                let points = match metric.data.unwrap() {
                    metric::Data::Sum(sum) => sum.data_points,
                    metric::Data::Gauge(gauge) => gauge.data_points,
                    other => panic!("unexpected {other:?}"),
                };
                self.points.extend(points.into_iter().map(|point| (metric.name.clone(), point)));
            }
        }
    }

    /// The first span called `name`.
    pub(crate) fn span(&self, name: &str) -> Option<&Span> {
        self.spans.iter().find(|span| span.name == name)
    }

    /// The last value of `metric` with an attribute.
    pub(crate) fn last(&self, metric: &str, key: &str, value: &str) -> Option<i64> {
        let wanted =
            |(name, point): &&(String, NumberDataPoint)| name == metric && text(&point.attributes, key) == value;
        match self.points.iter().rev().find(wanted)?.1.value? {
            number_data_point::Value::AsInt(value) => Some(value),
            number_data_point::Value::AsDouble(_) => None,
        }
    }
}

/// The text of an attribute, empty where there is none.
pub(crate) fn text(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone()?.value);
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The server; one of gRPC ends when this is dropped, one of HTTP with the test.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    arrived: Arc<Mutex<Arrived>>,
    _stop: Option<oneshot::Sender<()>>,
}

impl Backend {
    /// Looks at what has arrived so far.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&Arrived) -> T) -> T {
        look(&self.arrived.lock().unwrap())
    }

    /// A server of gRPC on a free port.
    pub(crate) fn grpc() -> Self {
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service(arrived.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let incoming = tonic::transport::server::TcpIncoming::from(listener);
                let traces = TraceServiceServer::new(service.clone()).accept_compressed(CompressionEncoding::Gzip);
                let server = tonic::transport::Server::builder()
                    .add_service(traces)
                    .add_service(MetricsServiceServer::new(service));
                tokio::select! {
                    ended = server.serve_with_incoming(incoming) => ended.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address, arrived, _stop: Some(stop) }
    }

    /// A server of HTTP on a free port, at the paths of the protocol.
    pub(crate) fn http() -> Self {
        let arrived = Arc::new(Mutex::new(Arrived::default()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let to = arrived.clone();
        std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap(), &to)));
        Self { address, arrived, _stop: None }
    }
}

/// Reads one request, and closes.
fn answer(stream: TcpStream, arrived: &Mutex<Arrived>) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| head.iter().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned));
    let mut body = vec![0; header("content-length: ").unwrap().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    assert_eq!(header("content-type: ").as_deref(), Some("application/x-protobuf"));
    let mut arrived = arrived.lock().unwrap();
    match head[0].split(' ').nth(1).unwrap() {
        "/v1/traces" => arrived.spans(ExportTraceServiceRequest::decode(&*body).unwrap()),
        "/v1/metrics" => arrived.metrics(ExportMetricsServiceRequest::decode(&*body).unwrap()),
        other => panic!("unexpected {other}"),
    }
    arrived.tokens.extend(header("authorization: "));
    write!(reader.into_inner(), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
}

#[derive(Clone)]
struct Service(Arc<Mutex<Arrived>>);

impl Service {
    fn take<T>(&self, request: Request<T>, put: impl FnOnce(&mut Arrived, T)) {
        let mut arrived = self.0.lock().unwrap();
        let token = request.metadata().get("authorization").map(|token| token.to_str().unwrap().to_owned());
        arrived.tokens.extend(token);
        put(&mut arrived, request.into_inner());
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.take(request, Arrived::spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.take(request, Arrived::metrics);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
