//! A backend behind a network that breaks, over real sockets: what it has in the end is what was counted.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use component::{BoxFuture, Components, Output, Receiver, ReceiverFactory, Shutdown, Stability};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use pdata::{AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, Point, Resource, Scope};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

static COMPONENTS: Components = Components {
    receivers: &[&LOAD],
    processors: &[],
    exporters: &[&exporter_otlp::FACTORY, &exporter_otlp::HTTP_FACTORY],
    connectors: &[],
    extensions: &[],
};

static LOAD: ReceiverFactory = ReceiverFactory {
    component_type: "load",
    alias: None,
    stability: Stability::Stable,
    summary: "counts",
    requires: &[],
    configure: |_| Box::new(|_| Ok(Box::new(Load))),
};

thread_local! {
    static COUNTED: Cell<u64> = const { Cell::new(0) };
}

/// Five streams that live on and five that are born and end with each of forty batches.
struct Load;

impl Receiver for Load {
    fn run(self: Box<Self>, output: Output, mut shutdown: Shutdown) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            let now = || u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
            let began = now();
            let descriptor = Descriptor { name: "m".into(), instrument: Instrument::Counter, ..Default::default() };
            let (descriptor, resource, scope) =
                (Arc::new(descriptor), Arc::new(Resource::default()), Arc::new(Scope::new("test", "0")));
            for read in 1..=40_u64 {
                let point = |id: u64| {
                    let attributes = Attributes::new(vec![("id", AttributeValue::Int(id.cast_signed()))]);
                    let (start, bits) = if id < 5 { (began, 7 * read) } else { (now(), 100) };
                    Point { attributes: Arc::new(attributes), start, time: now(), bits }
                };
                COUNTED.set(COUNTED.get() + 5 * 7 + 5 * 100);
                let points = (0..5).chain(5 * read..5 * read + 5).map(point).collect();
                let metrics = vec![Metric { descriptor: descriptor.clone(), points }];
                output.send(Arc::new(Batch::of(resource.clone(), scope.clone(), metrics))).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            shutdown.requested().await;
            Ok(())
        })
    }
}

/// What the backend has, and what it says before it takes anything.
#[derive(Default)]
struct Backend {
    last: HashMap<String, i64>,
    sum: i64,
    refusals: VecDeque<Status>,
}

type Shared = Arc<Mutex<Backend>>;

impl Backend {
    fn total(&self) -> u64 {
        (self.last.values().sum::<i64>() + self.sum).unsigned_abs()
    }

    fn take(&mut self, request: ExportMetricsServiceRequest) {
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        for metric in scopes.flat_map(|scope| scope.metrics) {
            let Some(metric::Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
            for point in sum.data_points {
                let Some(number_data_point::Value::AsInt(value)) = point.value else { panic!("{point:?}") };
                match sum.aggregation_temporality {
                    1 => self.sum += value,
                    2 => drop(self.last.insert(format!("{:?}", point.attributes), value)),
                    other => panic!("temporality {other}"),
                }
            }
        }
    }
}

struct Grpc(Shared);

#[tonic::async_trait]
impl MetricsService for Grpc {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut backend = self.0.lock().unwrap();
        if let Some(refusal) = backend.refusals.pop_front() {
            return Err(refusal);
        }
        backend.take(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

async fn grpc(backend: Shared) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let service = MetricsServiceServer::new(Grpc(backend));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    port
}

async fn http(backend: Shared) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let backend = backend.clone();
            let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let backend = backend.clone();
                async move {
                    let Ok(body) = request.into_body().collect().await else {
                        return Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::new())));
                    };
                    let mut backend = backend.lock().unwrap();
                    let status = if backend.refusals.pop_front().is_some() {
                        http::StatusCode::TOO_MANY_REQUESTS
                    } else {
                        backend.take(ExportMetricsServiceRequest::decode(body.to_bytes()).unwrap());
                        http::StatusCode::OK
                    };
                    let mut answer = http::Response::new(Full::new(Bytes::new()));
                    *answer.status_mut() = status;
                    Ok(answer)
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    port
}

/// What the network does to a connection.
#[derive(Clone, Copy, Debug)]
enum Breaks {
    /// Says something that is neither HTTP nor gRPC.
    Garbage,
    /// Ends it at once.
    Closes,
    /// Ends it in the middle of the request.
    ClosesMidway,
    /// Never answers.
    Hangs,
}

/// A way to `port` of which the first connections break, each in its way.
async fn network(port: u16, mut breaks: VecDeque<Breaks>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let how = breaks.pop_front();
            tokio::spawn(async move {
                match how {
                    None => {
                        let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                    Some(Breaks::Garbage) => drop(near.write_all(&[0xde, 0xad, 0, 0xff].repeat(500)).await),
                    Some(Breaks::Closes) => {}
                    Some(Breaks::ClosesMidway) => drop(near.read_exact(&mut [0; 80]).await),
                    Some(Breaks::Hangs) => tokio::time::sleep(Duration::from_secs(5)).await,
                }
            });
        }
    });
    way
}

/// Runs the load into a backend that is reached by `way`, until it has all or ten seconds have passed.
async fn run(exporter: &str, temporality: &str, way: u16, backend: &Shared) {
    COUNTED.set(0);
    let text = format!(
        "receivers: {{load: }}\nexporters: {{{exporter}: {{endpoint: \"http://127.0.0.1:{way}\", compression: none, \
         timeout: 300ms, temporality: {temporality}, retry_on_failure: {{initial_interval: 20ms, max_interval: 50ms, \
         max_elapsed_time: 200ms}}, sending_queue: {{queue_size: 3}}}}}}\nservice: {{pipelines: {{metrics: {{receivers: \
         [load], exporters: [{exporter}]}}}}}}\n"
    );
    let text: &'static str = text.leak();
    let config = runtime::Config::load(&[runtime::Source::Text { name: "f.yaml", text }], &COMPONENTS);
    let service = config.unwrap_or_else(|faults| panic!("{faults:?}")).build().unwrap_or_else(|it| panic!("{it:?}"));
    // Told to stop while it is at it: what waits then is delivered.
    let summary = service.run(tokio::time::sleep(Duration::from_millis(600))).await.unwrap();
    let lost = summary.exporters[0].1.lost;
    assert_eq!((backend.lock().unwrap().total(), lost), (COUNTED.get(), 0), "{exporter} {temporality} {summary:?}");
    assert!(COUNTED.get() > 5_000);
}

async fn each(breaks: &[Breaks], refusals: &[Status]) {
    for temporality in ["cumulative", "delta"] {
        for exporter in ["otlp_grpc", "otlp_http"] {
            let backend = Shared::default();
            backend.lock().unwrap().refusals = refusals.iter().cloned().collect();
            let port = if exporter == "otlp_grpc" { grpc(backend.clone()).await } else { http(backend.clone()).await };
            let way = network(port, breaks.iter().copied().collect()).await;
            run(exporter, temporality, way, &backend).await;
        }
    }
}

#[tokio::test]
async fn garbage_is_a_failed_attempt_and_nothing_is_lost() {
    each(&[Breaks::Garbage; 5], &[]).await;
}

#[tokio::test]
async fn connections_that_close_at_once_or_midway_lose_nothing() {
    use Breaks::{Closes, ClosesMidway, Garbage};
    each(&[Closes, ClosesMidway, Closes, ClosesMidway, Garbage, ClosesMidway, Closes, ClosesMidway], &[]).await;
}

#[tokio::test]
async fn a_backend_that_hangs_loses_nothing() {
    each(&[Breaks::Hangs, Breaks::Hangs], &[]).await;
}

#[tokio::test]
async fn exhausted_resources_with_and_without_a_wish_lose_nothing() {
    // google.rpc.Status { details: [Any { type_url, value: RetryInfo { retry_delay: 100ms } }] }
    let details = b"\x1a\x21\x0a\x16x/google.rpc.RetryInfo\x12\x07\x0a\x05\x10\x80\xc2\xd7\x2f";
    let with = Status::with_details(Code::ResourceExhausted, "slow down", details[..].into());
    let without = Status::resource_exhausted("slow down");
    each(&[], &[with.clone(), without.clone(), with.clone(), without.clone(), without, with]).await;
}
