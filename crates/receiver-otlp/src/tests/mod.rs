//! Real clients against a real port.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::config::{Entry, Faults, Node, Position, Section, Value};
use component::{Endpoint, Output, Reporter, ServerTls, Shutdown};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use pdata::Batch;
use prost::Message;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tonic::client::GrpcService;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic::{Code, Status};

use crate::config::{Config, Grpc, Http};
use crate::receiver::OtlpReceiver;
use component::config::Configuration;

mod slow;

struct Running {
    grpc: u16,
    http: u16,
    batches: mpsc::Receiver<Arc<Batch>>,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<()>,
}

/// A receiver on free ports, in front of a pipeline that has room for `room` batches.
async fn running(room: usize, tls: ServerTls) -> Running {
    let endpoint = Endpoint { host: "127.0.0.1".into(), port: 0 };
    let grpc = Grpc { endpoint: endpoint.clone(), tls: tls.clone(), max_message: 1 << 20, max_streams: 100 };
    let http = Http { endpoint, tls, max_body: 1 << 20, path: "/v1/metrics".into() };
    let config = Config { grpc: Some(grpc), http: Some(http) };
    let receiver = OtlpReceiver { id: "otlp".into(), config, status: Reporter::default() };
    let listening = receiver.listen().await.unwrap();
    let port = |of: &Vec<(tokio::net::TcpListener, _)>| of[0].0.local_addr().unwrap().port();
    let (grpc, http) = (port(&listening.grpc), port(&listening.http));
    let (edge, batches) = mpsc::channel(room);
    let (stop, stopped) = watch::channel(false);
    let ended = tokio::spawn(async move {
        receiver.serve(listening, Output::new(vec![edge]), &Shutdown::new(stopped)).await;
    });
    Running { grpc, http, batches, stop, ended }
}

fn request(points: usize) -> ExportMetricsServiceRequest {
    let point = |index| NumberDataPoint {
        time_unix_nano: index as u64,
        value: Some(number_data_point::Value::AsInt(-7)),
        ..Default::default()
    };
    let data = metric::Data::Gauge(Gauge { data_points: (0..points).map(point).collect() });
    let metric = Metric { name: "m".into(), data: Some(data), ..Default::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..Default::default() };
    let resource = ResourceMetrics { scope_metrics: vec![scope], ..Default::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![resource] }
}

async fn client(port: u16) -> MetricsServiceClient<Channel> {
    let channel = Channel::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
    MetricsServiceClient::new(channel.connect().await.unwrap())
}

/// Status, headers and body of the answer to a request on a connection of its own.
async fn post(
    port: u16,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> (StatusCode, http::HeaderMap, Vec<u8>) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::post(path).header("host", "x");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn what_a_client_sends_by_grpc_is_in_the_pipeline_when_it_is_answered() {
    let mut running = running(8, ServerTls::default()).await;
    let plain = client(running.grpc).await;
    let gzip = plain.clone().send_compressed(CompressionEncoding::Gzip);
    let zstd = plain.clone().send_compressed(CompressionEncoding::Zstd);
    for (mut client, points) in [(plain, 1), (gzip, 2000), (zstd, 3000)] {
        let answer = client.export(request(points)).await.unwrap().into_inner();
        assert_eq!(answer, ExportMetricsServiceResponse::default());
        let batch = running.batches.try_recv().unwrap();
        assert_eq!((batch.items(), batch.metrics().next().unwrap().points[0].bits.cast_signed()), (points, -7));
    }
    running.stop.send_replace(true);
    running.ended.await.unwrap();
}

#[tokio::test]
async fn points_that_are_no_good_are_told_and_the_others_taken() {
    let mut running = running(8, ServerTls::default()).await;
    let mut sent = request(3);
    let Some(metric::Data::Gauge(gauge)) = &mut sent.resource_metrics[0].scope_metrics[0].metrics[0].data else {
        return;
    };
    gauge.data_points[1].value = None;
    let answer = client(running.grpc).await.export(sent).await.unwrap().into_inner().partial_success.unwrap();
    assert_eq!((answer.rejected_data_points, &*answer.error_message), (1, "a point has no value"));
    assert_eq!(running.batches.try_recv().unwrap().items(), 2);
}

#[tokio::test]
async fn a_full_pipeline_turns_the_sender_away_with_a_time_to_wait_and_keeps_nothing_of_it() {
    let mut running = running(1, ServerTls::default()).await;
    let mut client = client(running.grpc).await;
    client.export(request(1)).await.unwrap();
    let full = client.export(request(2)).await.unwrap_err();
    assert_eq!((full.code(), full.message()), (Code::ResourceExhausted, "the pipelines are full"));
    assert_eq!(otlp::decode_retry_delay(full.details()), Some(Duration::from_secs(1)));
    let (code, headers, body) = post(running.http, "/v1/metrics", &[PROTOBUF], request(2).encode_to_vec()).await;
    assert_eq!((code, &headers["retry-after"]), (StatusCode::TOO_MANY_REQUESTS, &http::HeaderValue::from(1)));
    assert_eq!(otlp::decode_status_message(&body).as_deref(), Some("the pipelines are full"));

    assert_eq!(running.batches.try_recv().unwrap().items(), 1);
    assert!(running.batches.try_recv().is_err(), "what was turned away is nowhere");
    client.export(request(2)).await.unwrap();
    assert_eq!(running.batches.try_recv().unwrap().items(), 2);
}

#[tokio::test]
async fn a_pipeline_that_has_gone_takes_nothing() {
    let running = running(1, ServerTls::default()).await;
    drop(running.batches);
    let refused = client(running.grpc).await.export(request(1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn requests_that_are_none_or_too_large_say_so() {
    let running = running(8, ServerTls::default()).await;
    let too_large = client(running.grpc).await.export(request(200_000)).await.unwrap_err();
    assert_eq!(too_large.code(), Code::ResourceExhausted, "{too_large}");
    assert!(too_large.message().contains("message is larger than max"), "{too_large}");
    assert_eq!(otlp::decode_retry_delay(too_large.details()), None, "nobody is to send it again");
    let bomb = client(running.grpc).await.send_compressed(CompressionEncoding::Gzip).export(request(500_000)).await;
    assert!(bomb.is_err());
    let status = |answer: (StatusCode, http::HeaderMap, Vec<u8>)| {
        (answer.0.as_u16(), String::from_utf8_lossy(&answer.2).into_owned())
    };
    let large = request(200_000).encode_to_vec();
    assert_eq!(post(running.http, "/v1/metrics", &[PROTOBUF], large.clone()).await.0.as_u16(), 413);
    let packed = zstd::encode_all(&*large, 3).unwrap();
    assert!(packed.len() < 1 << 20);
    assert_eq!(
        post(running.http, "/v1/metrics", &[PROTOBUF, ("content-encoding", "zstd")], packed).await.0.as_u16(),
        413
    );
    let (code, text) = status(post(running.http, "/v1/metrics", &[JSON], b"{\"resourceMetrics\":7}".to_vec()).await);
    assert_eq!((code, &*text), (400, "{\"code\":3,\"message\":\"\\\"resourceMetrics\\\" is not a list\"}"));
    assert_eq!(status(post(running.http, "/v1/metrics", &[PROTOBUF], vec![7; 9]).await).0, 400);
    let bad_gzip = post(running.http, "/v1/metrics", &[PROTOBUF, ("content-encoding", "gzip")], vec![7; 9]).await;
    assert_eq!(status(bad_gzip).0, 400);
    assert_eq!(status(post(running.http, "/v1/metrics", &[("content-type", "text/plain")], vec![]).await).0, 415);
    assert_eq!(status(post(running.http, "/v1/metrics", &[JSON, ("content-encoding", "br")], vec![]).await).0, 415);
    let (code, text) = status(post(running.http, "/v1/traces", &[JSON], b"{}".to_vec()).await);
    assert!(code == 404 && text.contains("metrics only"), "{code} {text}");
}

#[tokio::test]
async fn http_takes_protobuf_and_json_packed_or_not() {
    let mut running = running(8, ServerTls::default()).await;
    let protobuf = request(5).encode_to_vec();
    let json = serde_json::to_vec(&request(6)).unwrap();
    let gzip = {
        let mut encoder = flate2::read::GzEncoder::new(&*json, flate2::Compression::fast());
        let mut out = Vec::new();
        std::io::Read::read_to_end(&mut encoder, &mut out).unwrap();
        out
    };
    for (headers, body, points) in [
        (vec![PROTOBUF], protobuf.clone(), 5),
        (vec![PROTOBUF, ("content-encoding", "zstd")], zstd::encode_all(&*protobuf, 1).unwrap(), 5),
        (vec![JSON], json, 6),
        (vec![("content-type", "application/json; charset=utf-8"), ("content-encoding", "gzip")], gzip, 6),
    ] {
        let (code, answered, body) = post(running.http, "/v1/metrics", &headers, body).await;
        let form = headers[0].1.split(';').next().unwrap();
        assert_eq!((code, answered["content-type"].to_str().unwrap()), (StatusCode::OK, form));
        assert_eq!(&*body, if form == JSON.1 { &b"{}"[..] } else { b"" });
        assert_eq!(running.batches.try_recv().unwrap().items(), points);
    }
}

#[tokio::test]
async fn traces_and_logs_are_unimplemented() {
    let running = running(8, ServerTls::default()).await;
    let refused = call(running.grpc, TRACES, None, vec![]).await;
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("metrics only"), "{refused}");
}

/// The status of a call whose body is `parts`, one after the other.
async fn call(port: u16, path: &str, encoding: Option<&str>, parts: Vec<&'static [u8]>) -> Status {
    let mut channel = Channel::from_shared(format!("http://127.0.0.1:{port}")).unwrap().connect().await.unwrap();
    let frames = parts.into_iter().map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from_static(part))));
    let body = tonic::body::Body::new(StreamBody::new(tokio_stream::iter(frames)));
    let mut request = Request::post(path).header("content-type", "application/grpc");
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let (head, body) = channel.call(request.body(body).unwrap()).await.unwrap().into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
    Status::from_header_map(&head.headers).or_else(|| Status::from_header_map(&trailers)).unwrap()
}

const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What to expect of a body in parts, and how its headers say that it is packed.
type Case = (Code, Option<&'static str>, Vec<&'static [u8]>);

#[tokio::test]
async fn a_body_is_one_message_however_it_is_cut() {
    let running = running(8, ServerTls::default()).await;
    let cases: [Case; 9] = [
        (Code::Ok, None, vec![&[0, 0, 0, 0, 0]]),
        (Code::Ok, None, vec![&[0], &[0, 0], &[0, 2, 0x0a], &[0]]),
        (Code::InvalidArgument, None, vec![&[0, 0, 0, 0, 2, 0x0a, 7]]),
        (Code::Internal, None, vec![]),
        (Code::Internal, None, vec![&[0, 0, 0, 0, 2, 0x0a]]),
        (Code::Internal, None, vec![&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]),
        (Code::Internal, None, vec![&[1, 0, 0, 0, 0]]),
        (Code::Internal, Some("gzip"), vec![&[1, 0, 0, 0, 1, 7]]),
        (Code::Unimplemented, Some("br"), vec![&[0, 0, 0, 0, 0]]),
    ];
    for (code, encoding, parts) in cases {
        let status = call(running.grpc, METRICS, encoding, parts.clone()).await;
        assert_eq!(status.code(), code, "{encoding:?} {parts:?}: {status}");
    }
}

#[tokio::test]
async fn a_request_that_has_begun_when_the_end_comes_is_still_answered() {
    // On a machine that is short of time it may not have begun by then, or have waited for too long.
    for _ in 0..20 {
        let mut running = running(1, ServerTls::default()).await;
        let mut client = client(running.grpc).await;
        client.export(request(1)).await.unwrap();
        // This one waits for room while the receiver is told to stop.
        let waiting = tokio::spawn(async move { client.export(request(2)).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        running.stop.send_replace(true);
        assert_eq!(running.batches.recv().await.unwrap().items(), 1);
        let answered = waiting.await.unwrap().is_ok();
        let taken = running.batches.recv().await.map(|batch| batch.items());
        assert_eq!(taken, answered.then_some(2), "what is answered is taken, and nothing else");
        running.ended.await.unwrap();
        assert!(TcpStream::connect(("127.0.0.1", running.grpc)).await.is_err(), "the port is free again");
        if answered {
            return;
        }
    }
    unreachable!("no request that had begun was answered");
}

/// Who signs certificates, and the files that a server and its clients have of it.
struct Authority {
    directory: tempfile::TempDir,
    ca: String,
    own: Identity,
}

impl Authority {
    /// One that has put its files, for `localhost`, in the place of those that are in `directory`.
    fn in_place_of(directory: tempfile::TempDir) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::from_params(&params, &key);
        let own_key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let (cert, key) = (params.signed_by(&own_key, &issuer).unwrap().pem(), own_key.serialize_pem());
        for (name, text) in [("cert.pem", &cert), ("key.pem", &key), ("ca.pem", &ca)] {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        Self { directory, ca, own: Identity::from_pem(cert, key) }
    }

    fn tls(&self) -> ServerTls {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        ServerTls {
            cert_file: path("cert.pem"),
            key_file: path("key.pem"),
            client_ca_file: path("ca.pem"),
            reload_interval: Duration::from_nanos(1),
            ..ServerTls::default()
        }
    }

    /// Has `identity` send a request to `port`; says whether it was taken.
    async fn send(&self, port: u16, identity: Option<&Identity>) -> bool {
        let ca = Certificate::from_pem(&self.ca);
        let mut tls = ClientTlsConfig::new().ca_certificate(ca).domain_name("localhost");
        if let Some(identity) = identity {
            tls = tls.identity(identity.clone());
        }
        let channel = Channel::from_shared(format!("https://127.0.0.1:{port}")).unwrap().tls_config(tls).unwrap();
        MetricsServiceClient::new(channel.connect_lazy()).export(request(4)).await.is_ok()
    }
}

#[tokio::test]
async fn tls_takes_who_has_a_certificate_and_nobody_else_and_new_ones_when_files_change() {
    let first = Authority::in_place_of(tempfile::tempdir().unwrap());
    let mut running = running(8, first.tls()).await;
    assert!(first.send(running.grpc, Some(&first.own)).await);
    assert_eq!(running.batches.try_recv().unwrap().items(), 4);
    assert!(!first.send(running.grpc, None).await);
    let (ca, own) = (first.ca.clone(), first.own.clone());
    let second = Authority::in_place_of(first.directory);
    assert!(second.send(running.grpc, Some(&second.own)).await);
    assert_eq!(running.batches.try_recv().unwrap().items(), 4);
    assert!(!second.send(running.grpc, Some(&own)).await, "signed by somebody who has gone");
    let first = Authority { directory: second.directory, ca, own: own.clone() };
    assert!(!first.send(running.grpc, Some(&second.own)).await, "the server shows the new one");
}

fn node(value: Value) -> Node {
    Node::new(Position { file: "f".into(), line: 1, column: 1 }, value)
}

fn map(entries: Vec<(&str, Value)>) -> Value {
    let entry = |(key, value): (&str, Value)| {
        let node = node(value);
        Entry { key: key.into(), position: node.position.clone(), node }
    };
    Value::Map(entries.into_iter().map(entry).collect())
}

fn read(protocols: Value) -> (Config, Vec<String>) {
    let mut faults = Faults::default();
    let config = Section::read_node(Some(&node(map(vec![("protocols", protocols)]))), &mut faults, Config::read);
    (config, faults.into_sorted().iter().map(|fault| fault.to_string().replace("f:1:1: ", "")).collect())
}

#[test]
fn a_protocol_that_is_named_is_served_at_the_collectors_defaults() {
    let (config, faults) = read(map(vec![("grpc", Value::Null)]));
    assert!(faults.is_empty() && config.http.is_none(), "{faults:?}");
    let grpc = config.grpc.unwrap();
    assert_eq!((grpc.endpoint, grpc.max_message), (Endpoint { host: "localhost".into(), port: 4317 }, 4 << 20));
    let http = read(map(vec![("http", map(vec![]))])).0.http.unwrap();
    assert_eq!((http.endpoint.port, http.max_body, &*http.path), (4318, 20 << 20, "/v1/metrics"));
}

#[test]
fn faults_are_noted_all_at_once() {
    let at_least_one = "must specify at least one protocol when using the OTLP receiver";
    assert_eq!(read(map(vec![])).1, [at_least_one]);
    let text = |text: &str| Value::Text(text.into());
    let tls = map(vec![("cert_file", text("/nonexistent"))]);
    let grpc = map(vec![("endpoint", text("nowhere")), ("max_recv_msg_size_mib", Value::Int(0)), ("tls", tls)]);
    let http = map(vec![("traces_url_path", text("/t")), ("metrics_url_path", text("m"))]);
    let (_, faults) = read(map(vec![("grpc", grpc), ("http", http)]));
    assert_eq!(faults.len(), 5, "{faults:?}");
}
