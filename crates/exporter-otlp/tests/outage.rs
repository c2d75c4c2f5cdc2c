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
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use pdata::{AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, Point, Resource, Scope};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
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

/// What every batch adds.
const A_BATCH: u64 = 5 * 7 + 5 * 100;

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
                COUNTED.set(COUNTED.get() + A_BATCH);
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

/// What the backend says to a request.
#[derive(Clone)]
enum Says {
    /// It takes nothing.
    No(Status),
    /// It takes all points but so many.
    AllBut(usize),
}

/// What the backend has, and what it says before it takes everything.
#[derive(Default)]
struct Backend {
    last: HashMap<String, i64>,
    sum: i64,
    says: VecDeque<Says>,
    /// How often it was asked.
    asked: usize,
    /// Points that it said it did not take, and what they came to.
    rejected: Vec<(String, i32, i64)>,
}

type Shared = Arc<Mutex<Backend>>;

impl Backend {
    /// What it has, and what it knows that it has not.
    fn total(&self) -> u64 {
        let missed = self.rejected.iter().filter(|(stream, temporality, value)| {
            // Of what is cumulative a later point may have made up for it.
            *temporality == 1 || self.last.get(stream).is_none_or(|last| last < value)
        });
        let missed: i64 = missed.map(|(_, _, value)| value).sum();
        (self.last.values().sum::<i64>() + self.sum + missed).unsigned_abs()
    }

    fn answer(&mut self, request: ExportMetricsServiceRequest) -> Result<ExportMetricsServiceResponse, Status> {
        self.asked += 1;
        let but = match self.says.pop_front() {
            Some(Says::No(refusal)) => return Err(refusal),
            Some(Says::AllBut(points)) => points,
            None => 0,
        };
        let before = self.rejected.len();
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        for metric in scopes.flat_map(|scope| scope.metrics) {
            let Some(metric::Data::Sum(sum)) = metric.data else { panic!("{metric:?}") };
            for point in sum.data_points {
                let Some(number_data_point::Value::AsInt(value)) = point.value else { panic!("{point:?}") };
                let (stream, temporality) = (format!("{:?}", point.attributes), sum.aggregation_temporality);
                if self.rejected.len() - before < but {
                    self.rejected.push((stream, temporality, value));
                    continue;
                }
                match temporality {
                    1 => self.sum += value,
                    2 => drop(self.last.insert(stream, value)),
                    other => panic!("temporality {other}"),
                }
            }
        }
        let partial_success = (but > 0).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: i64::try_from(self.rejected.len() - before).unwrap(),
            error_message: "too many".to_owned(),
        });
        Ok(ExportMetricsServiceResponse { partial_success })
    }
}

struct Grpc(Shared);

#[tonic::async_trait]
impl MetricsService for Grpc {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.lock().unwrap().answer(request.into_inner()).map(Response::new)
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
                    let request = ExportMetricsServiceRequest::decode(body.to_bytes()).unwrap();
                    let mut answer = http::Response::new(Full::new(Bytes::new()));
                    match backend.lock().unwrap().answer(request) {
                        Ok(taken) => *answer.body_mut() = Full::new(taken.encode_to_vec().into()),
                        Err(_) => *answer.status_mut() = http::StatusCode::TOO_MANY_REQUESTS,
                    }
                    let protobuf = http::HeaderValue::from_static("application/x-protobuf");
                    answer.headers_mut().insert("content-type", protobuf);
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
    /// Ends it in the middle of the answer, so that nobody knows whether the request was taken.
    ClosesMidAnswer,
    /// Never answers.
    Hangs,
}

/// Hands the request on, and half of the answer back.
async fn cut_off(mut near: TcpStream, port: u16, backend: &Shared) {
    let asked = || backend.lock().unwrap().asked;
    let before = asked();
    let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut from_near, mut to_near) = near.split();
    let (mut from_far, mut to_far) = far.split();
    let back = async {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = from_far.read(&mut bytes).await {
            let answered = asked() > before;
            let part = if answered { count / 2 } else { count };
            if to_near.write_all(&bytes[..part]).await.is_err() || answered {
                break;
            }
        }
    };
    tokio::select! {
        () = back => {}
        Err(_) = copy(&mut from_near, &mut to_far) => {}
    }
}

/// A way to a backend of which the first connections break, each in its way.
struct Network {
    port: u16,
    breaks: Arc<Mutex<VecDeque<Breaks>>>,
}

impl Network {
    fn has_healed(&self) -> bool {
        self.breaks.lock().unwrap().is_empty()
    }
}

async fn network(port: u16, breaks: &[Breaks], backend: &Shared) -> Network {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let breaks = Arc::new(Mutex::new(breaks.iter().copied().collect::<VecDeque<_>>()));
    let way = Network { port: listener.local_addr().unwrap().port(), breaks: breaks.clone() };
    let backend = backend.clone();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let how = breaks.lock().unwrap().pop_front();
            let backend = backend.clone();
            tokio::spawn(async move {
                match how {
                    None => {
                        let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                    Some(Breaks::Garbage) => drop(near.write_all(&[0xde, 0xad, 0, 0xff].repeat(500)).await),
                    Some(Breaks::Closes) => {}
                    Some(Breaks::ClosesMidway) => drop(near.read_exact(&mut [0; 80]).await),
                    Some(Breaks::ClosesMidAnswer) => cut_off(near, port, &backend).await,
                    Some(Breaks::Hangs) => tokio::time::sleep(Duration::from_secs(5)).await,
                }
            });
        }
    });
    way
}

/// Runs the load into a backend that is reached by `way`, until nearly all is made and nothing breaks any more.
async fn run(exporter: &str, temporality: &str, way: &Network, backend: &Shared) {
    COUNTED.set(0);
    let text = format!(
        "receivers: {{load: }}\nexporters: {{{exporter}: {{endpoint: \"http://127.0.0.1:{}\", compression: none, \
         timeout: 2s, temporality: {temporality}, retry_on_failure: {{initial_interval: 20ms, max_interval: 50ms, \
         max_elapsed_time: 200ms}}, sending_queue: {{queue_size: 3}}}}}}\nservice: {{pipelines: {{metrics: {{receivers: \
         [load], exporters: [{exporter}]}}}}}}\n",
        way.port
    );
    let text: &'static str = text.leak();
    let config = runtime::Config::load(&[runtime::Source::Text { name: "f.yaml", text }], &COMPONENTS);
    let service = config.unwrap_or_else(|faults| panic!("{faults:?}")).build().unwrap_or_else(|it| panic!("{it:?}"));
    // Told to stop while it is at it: what waits then is delivered.
    let at_it = async {
        while COUNTED.get() < 30 * A_BATCH || !way.has_healed() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let summary = service.run(at_it).await.unwrap();
    let totals = summary.exporters[0].1;
    let backend = backend.lock().unwrap();
    let expected = (COUNTED.get(), 0, backend.rejected.len() as u64);
    assert_eq!((backend.total(), totals.lost, totals.rejected), expected, "{exporter} {temporality} {summary:?}");
}

async fn each(temporalities: &[&str], breaks: &[Breaks], says: &[Says]) {
    for temporality in temporalities {
        for exporter in ["otlp_grpc", "otlp_http"] {
            let backend = Shared::default();
            backend.lock().unwrap().says = says.iter().cloned().collect();
            let port = if exporter == "otlp_grpc" { grpc(backend.clone()).await } else { http(backend.clone()).await };
            let way = network(port, breaks, &backend).await;
            run(exporter, temporality, &way, &backend).await;
            assert!(way.has_healed() && backend.lock().unwrap().says.is_empty());
        }
    }
}

const BOTH: [&str; 2] = ["cumulative", "delta"];

#[tokio::test]
async fn garbage_is_a_failed_attempt_and_nothing_is_lost() {
    each(&BOTH, &[Breaks::Garbage; 5], &[]).await;
}

#[tokio::test]
async fn connections_that_close_at_once_or_midway_lose_nothing() {
    use Breaks::{Closes, ClosesMidway, Garbage};
    each(&BOTH, &[Closes, ClosesMidway, Closes, ClosesMidway, Garbage, ClosesMidway, Closes, ClosesMidway], &[]).await;
}

#[tokio::test]
async fn answers_that_are_cut_off_double_nothing_that_is_cumulative() {
    each(&["cumulative"], &[Breaks::ClosesMidAnswer; 4], &[]).await;
}

#[tokio::test]
async fn a_backend_that_hangs_loses_nothing() {
    each(&BOTH, &[Breaks::Hangs, Breaks::Hangs], &[]).await;
}

#[tokio::test]
async fn points_that_a_backend_says_it_did_not_take_are_counted_and_not_sent_again() {
    each(&BOTH, &[], &[Says::AllBut(3), Says::AllBut(0), Says::AllBut(7), Says::AllBut(1)]).await;
}

#[tokio::test]
async fn exhausted_resources_with_and_without_a_wish_lose_nothing() {
    // google.rpc.Status { details: [Any { type_url, value: RetryInfo { retry_delay: 100ms } }] }
    let details = b"\x1a\x21\x0a\x16x/google.rpc.RetryInfo\x12\x07\x0a\x05\x10\x80\xc2\xd7\x2f";
    let with = Says::No(Status::with_details(Code::ResourceExhausted, "slow down", details[..].into()));
    let without = Says::No(Status::resource_exhausted("slow down"));
    each(&BOTH, &[], &[with.clone(), without.clone(), with.clone(), without.clone(), without, with]).await;
}
