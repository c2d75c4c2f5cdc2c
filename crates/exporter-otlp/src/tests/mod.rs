//! The exporters against real servers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use component::config::{Configuration, Entry, Faults, Key, Node, Position, Section, Value};
use component::{Accepted, ExportError, Exporter};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use pdata::{AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, NumberKind, Point, Resource, Scope};
use prost::Message;
use tokio::net::TcpListener;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

use crate::{Compression, Config, OtlpGrpc, Pem, Tls};

mod answers;
mod over_http;
mod secure;
mod split;
mod token;

type Answer = Result<ExportMetricsServiceResponse, Status>;
type Received = Arc<Mutex<Vec<(MetadataMap, ExportMetricsServiceRequest)>>>;

/// A backend that keeps what it gets and answers the same each time; never, without an answer.
struct Backend {
    received: Received,
    answer: Option<Answer>,
}

#[tonic::async_trait]
impl MetricsService for Backend {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        self.received.lock().unwrap().push((metadata, message));
        match &self.answer {
            Some(answer) => answer.clone().map(Response::new),
            None => std::future::pending().await,
        }
    }
}

/// Starts a backend and returns its port and what it receives.
async fn backend(answer: Option<Answer>, identity: Option<Identity>) -> (u16, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = Received::default();
    let tls = identity.map(|identity| ServerTlsConfig::new().identity(identity));
    tokio::spawn(serve(listener, tls, answer, received.clone(), std::future::pending()));
    (port, received)
}

/// A backend until `end`, which lets what is under way come to its end.
async fn serve(
    listener: TcpListener,
    tls: Option<ServerTlsConfig>,
    answer: Option<Answer>,
    received: Received,
    end: impl Future<Output = ()>,
) {
    let service = MetricsServiceServer::new(Backend { received, answer })
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Gzip);
    let mut server = Server::builder();
    if let Some(tls) = tls {
        server = server.tls_config(tls).unwrap();
    }
    let incoming = TcpIncoming::from(listener);
    server.add_service(service).serve_with_incoming_shutdown(incoming, end).await.unwrap();
}

fn config(endpoint: &str) -> Config {
    let config = Section::read_node(None, &mut Faults::default(), Config::read);
    Config { endpoint: endpoint.parse().unwrap(), ..config }
}

fn exporter(port: u16) -> OtlpGrpc {
    OtlpGrpc::new(&config(&format!("http://127.0.0.1:{port}"))).unwrap()
}

fn batch() -> Arc<Batch> {
    let descriptor = Descriptor {
        name: "ebpf.syscalls".into(),
        unit: "{call}".into(),
        description: "Calls.".into(),
        instrument: Instrument::Counter,
        number: NumberKind::Unsigned,
        ..Default::default()
    };
    let point = |id| Point {
        attributes: Arc::new(Attributes::new(vec![("id", AttributeValue::Int(id))])),
        start: 1,
        time: 2,
        bits: 3,
    };
    let metrics = vec![Metric { descriptor: Arc::new(descriptor), points: (0..5000).map(point).collect() }];
    let (resource, scope) = (Resource::default(), Scope::new("test", "0"));
    Arc::new(Batch::of(Arc::new(resource), Arc::new(scope), metrics))
}

async fn export_to(answer: Answer) -> Result<Accepted, ExportError> {
    let (port, _) = backend(Some(answer), None).await;
    exporter(port).export(batch()).await
}

fn retryable(result: Result<Accepted, ExportError>) -> String {
    match result {
        Err(ExportError::Retryable { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_batch_arrives_compressed_and_with_its_headers() {
    let (port, received) = backend(Some(Ok(ExportMetricsServiceResponse::default())), None).await;
    let mut config = config(&format!("http://127.0.0.1:{port}"));
    config.headers.insert("x-token", "secret".parse().unwrap());
    for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
        config.compression = compression;
        let accepted = OtlpGrpc::new(&config).unwrap().export(batch()).await;
        assert_eq!(accepted, Ok(Accepted::default()));
    }
    let received = received.lock().unwrap();
    let header = |index: usize, name| received[index].0.get(name).map(|value| value.to_str().unwrap());
    let expected = ExportMetricsServiceRequest::decode(otlp::encode(&batch())).unwrap();
    assert!(received.iter().all(|(_, message)| *message == expected));
    assert_eq!([0, 1, 2].map(|index| header(index, "grpc-encoding")), [Some("gzip"), Some("zstd"), None]);
    assert_eq!(header(0, "x-token"), Some("secret"));
    let user_agent = concat!("tfo-agent/", env!("CARGO_PKG_VERSION"));
    assert!(header(0, "user-agent").unwrap().starts_with(user_agent));
}

#[tokio::test]
async fn the_status_decides_about_another_attempt() {
    let reason = retryable(export_to(Err(Status::unavailable("busy"))).await);
    assert!(reason.starts_with("127.0.0.1:") && reason.ends_with(": Unavailable: busy"), "{reason}");
    retryable(export_to(Err(Status::resource_exhausted("slow down"))).await);
    for status in [Status::invalid_argument("no"), Status::unauthenticated("who"), Status::unknown("bug")] {
        let Err(ExportError::Permanent(reason)) = export_to(Err(status.clone())).await else { panic!("{status}") };
        assert!(reason.contains(status.message()), "{reason}");
    }
}

#[tokio::test]
async fn a_wait_that_the_backend_asks_for_is_passed_on() {
    // google.rpc.Status { details: [Any { type_url, value: RetryInfo { retry_delay: 7s } }] }
    let details = b"\x1a\x1e\x0a\x16x/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x07";
    let status = Status::with_details(Code::ResourceExhausted, "slow down", details[..].into());
    let Err(ExportError::Retryable { after, .. }) = export_to(Err(status)).await else { panic!("not retryable") };
    assert_eq!(after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn points_refused_are_told_and_never_more_than_were_sent() {
    let partial = |rejected_data_points| {
        let partial = ExportMetricsPartialSuccess { rejected_data_points, error_message: "too old".to_owned() };
        Ok(ExportMetricsServiceResponse { partial_success: Some(partial) })
    };
    let told = |rejected| Ok(Accepted { rejected, message: "too old".to_owned() });
    assert_eq!(export_to(partial(7)).await, told(7));
    assert_eq!(export_to(partial(i64::MAX)).await, told(5000));
}

#[tokio::test]
async fn no_answer_is_worth_another_attempt() {
    let (port, received) = backend(None, None).await;
    let config = Config { timeout: Duration::from_millis(300), ..config(&format!("http://127.0.0.1:{port}")) };
    let mut exporter = OtlpGrpc::new(&config).unwrap();
    for _ in 0..2 {
        let reason = retryable(exporter.export(batch()).await);
        assert_eq!(reason, format!("127.0.0.1:{port}: no answer within 300ms"));
    }
    assert_eq!(received.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_refused_connection_is_told_with_address_and_cause() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let reason = retryable(exporter(port).export(batch()).await);
    assert!(reason.starts_with(&format!("127.0.0.1:{port}: Unavailable: ")), "{reason}");
    assert!(reason.contains("Connection refused (os error 111)"), "{reason}");
}

#[tokio::test]
async fn tls_trusts_ca_file_and_nobody_unknown() {
    let (ca, identity) = authority();
    let (port, received) = backend(Some(Ok(ExportMetricsServiceResponse::default())), Some(identity)).await;
    let config = config(&format!("https://localhost:{port}"));

    let reason = match OtlpGrpc::new(&config) {
        Ok(mut exporter) => retryable(exporter.export(batch()).await),
        // A machine without root certificates trusts nobody either.
        Err(reason) => reason,
    };
    assert!(reason.contains("certificate"), "{reason}");

    let tls = Tls { ca: Pem::Text(ca), ..config.tls.clone() };
    let trusting = Config { tls, ..config };
    assert_eq!(OtlpGrpc::new(&trusting).unwrap().export(batch()).await, Ok(Accepted::default()));
    assert_eq!(received.lock().unwrap().len(), 1);

    let tls = Tls { server_name: Some("elsewhere.example".to_owned()), ..trusting.tls.clone() };
    let other = Config { tls, ..trusting };
    let reason = retryable(OtlpGrpc::new(&other).unwrap().export(batch()).await);
    assert!(reason.contains("elsewhere.example"), "{reason}");
}

/// A certificate authority in PEM, and a server's identity for `localhost` that it signed.
fn authority() -> (String, Identity) {
    let (ca, server, key) = signed();
    (ca, Identity::from_pem(server.pem(), key.serialize_pem()))
}

fn signed() -> (String, rcgen::Certificate, rcgen::KeyPair) {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (pem, server, key)
}

fn node(value: Value) -> Node {
    Node::new(Position { file: "f".into(), line: 1, column: 1 }, value)
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn map(entries: Vec<(&str, Value)>) -> Value {
    let entry = |(key, value): (&str, Value)| Entry {
        key: key.to_owned(),
        position: node(Value::Null).position,
        node: node(value),
    };
    Value::Map(entries.into_iter().map(entry).collect())
}

/// What `read` makes of `value`, and the faults that it notes.
pub(crate) fn read<T>(value: Value, read: fn(&mut Section<'_>) -> T) -> (T, Vec<String>) {
    let mut faults = Faults::default();
    let config = Section::read_node(Some(&node(value)), &mut faults, read);
    (config, faults.into_sorted().into_iter().map(|fault| fault.text).collect())
}

pub(crate) fn faults_of<T>(value: Value, keys: fn(&mut Section<'_>) -> T) -> Vec<String> {
    read(value, keys).1
}

pub(crate) fn key_of<T>(path: &str, read: fn(&mut Section<'_>) -> T) -> Key {
    Section::describe(read).into_iter().find(|key| key.path == path).unwrap()
}
