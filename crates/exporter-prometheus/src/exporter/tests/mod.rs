//! A real server, read byte by byte.

use std::net::SocketAddr;
use std::time::SystemTime;

use component::ServerTls;
use component::config::{Faults, Section};
use pdata::{Attributes, Descriptor, Instrument, Metric, NumberKind, Point, Resource, Scope};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::naming::Naming;

mod flood;
mod secure;

fn default() -> Config {
    Section::read_node(None, &mut Faults::default(), Config::read)
}

fn at(port: u16) -> Endpoint {
    Endpoint { port, ..default().endpoint }
}

fn exporter(port: u16) -> Prometheus {
    named(port, Naming::Seed)
}

fn named(port: u16, naming: Naming) -> Prometheus {
    let config = Config { endpoint: at(port), naming, ..default() };
    with(&config)
}

fn with(config: &Config) -> Prometheus {
    Prometheus::new(&"prometheus/test".parse().unwrap(), config).unwrap()
}

fn batch() -> Arc<Batch> {
    let descriptor = Descriptor {
        name: "ebpf.things".into(),
        unit: "{thing}".into(),
        description: "Things.".into(),
        instrument: Instrument::Counter,
        number: NumberKind::Unsigned,
        ..Default::default()
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap();
    let points = vec![Point { attributes: Arc::new(Attributes::new(vec![])), start: 1, time: now, bits: 42 }];
    let (resource, scope) = (Resource::default(), Scope::new("", ""));
    let metrics = vec![Metric { descriptor: Arc::new(descriptor), points: points.into() }];
    Arc::new(Batch::of(Arc::new(resource), Arc::new(scope), metrics))
}

async fn request(address: SocketAddr, head: &str) -> String {
    String::from_utf8(request_with(address, head, b"").await).unwrap()
}

async fn request_with(address: SocketAddr, head: &str, headers: &[u8]) -> Vec<u8> {
    ask(TcpStream::connect(address).await.unwrap(), head, headers).await
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str, headers: &[u8]) -> Vec<u8> {
    let head = [format!("{head} HTTP/1.1\r\nHost: x\r\n").as_bytes(), headers, b"\r\n"].concat();
    stream.write_all(&head).await.unwrap();
    let mut answer = Vec::new();
    // A far side that closes without a word is an end like any other.
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn every_address_of_localhost_serves_the_page() {
    let mut exporter = exporter(0);
    exporter.start().await.unwrap();
    exporter.export(batch()).await.unwrap();
    let addresses = exporter.server.as_ref().unwrap().addresses().to_vec();
    assert!(addresses.iter().all(|address| address.port() == addresses[0].port()));
    if TcpListener::bind("[::1]:0").await.is_ok() {
        assert!(addresses.iter().any(SocketAddr::is_ipv4) && addresses.iter().any(SocketAddr::is_ipv6));
    } else {
        println!("this machine has no IPv6: {addresses:?}");
    }
    for address in addresses {
        let answer = request(address, "GET /metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
        assert!(answer.contains("# TYPE tfo_ebpf_things_total counter\ntfo_ebpf_things_total 42\n"), "{answer}");
    }
    exporter.shutdown().await;
}

#[tokio::test]
async fn whoever_asks_is_told_when_each_sample_was_read() {
    let mut exporter = exporter(0);
    exporter.start().await.unwrap();
    let batch = batch();
    let time = batch.metrics().next().unwrap().points[0].time / 1_000_000;
    exporter.export(batch).await.unwrap();
    let address = exporter.server.as_ref().unwrap().addresses()[0];
    let answer = request(address, "GET /metrics?timestamps").await;
    assert!(answer.contains(&format!("\ntfo_ebpf_things_total 42 {time}\n")), "{answer}");
    assert!(request(address, "GET /metrics?other").await.contains("\ntfo_ebpf_things_total 42\n"));
    exporter.shutdown().await;
}

#[tokio::test]
async fn other_requests_are_told_where_to_go() {
    let mut exporter = exporter(0);
    exporter.start().await.unwrap();
    exporter.export(batch()).await.unwrap();
    let address = exporter.server.as_ref().unwrap().addresses()[0];
    let answer = request(address, "GET /").await;
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("/metrics"), "{answer}");
    let answer = request(address, "POST /metrics").await;
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD"), "{answer}");
    let answer = request(address, "HEAD /metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n"), "{answer}");

    exporter.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens after shutdown");
}

#[tokio::test]
async fn messages_are_served_under_opentelemetry_s_names_to_those_who_prefer_them() {
    let protobuf =
        b"Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\r\n\
        Accept: text/plain;q=0.5\r\n";
    let head = |answer: &[u8]| {
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        String::from_utf8(answer[..end + 2].to_vec()).unwrap()
    };
    for (naming, is_protobuf) in [(Naming::Otel, true), (Naming::Seed, false)] {
        let mut exporter = named(0, naming);
        exporter.start().await.unwrap();
        exporter.export(batch()).await.unwrap();
        let address = exporter.server.as_ref().unwrap().addresses()[0];
        let answer = request_with(address, "GET /metrics", protobuf).await;
        let wanted = "content-type: application/vnd.google.protobuf; \
                      proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n";
        assert_eq!(head(&answer).contains(wanted), is_protobuf, "{}", head(&answer));
        assert_eq!(head(&answer).contains("vary: accept\r\n"), is_protobuf);
        let is_family = answer.windows(24).any(|bytes| bytes == b"\x0a\x11ebpf_things_total\x12\x07Thi");
        assert_eq!(is_family, is_protobuf);

        for odd in [&b""[..], b"Accept: \xff\xfe;q=9\r\n", b"Accept: \"\r\n", b"Accept: ;;=,,q\r\n"] {
            let answer = request_with(address, "GET /metrics", odd).await;
            assert!(head(&answer).starts_with("HTTP/1.1 200"), "{}", head(&answer));
            assert!(head(&answer).contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        }
        exporter.shutdown().await;
    }
}

#[tokio::test]
async fn a_port_in_use_is_explained() {
    let mut first = exporter(0);
    first.start().await.unwrap();
    let address = first.server.as_ref().unwrap().addresses()[0];
    let error = exporter(address.port()).start().await.unwrap_err();
    assert_eq!(
        error,
        format!(
            "cannot listen on {address}: Address already in use (os error 98); \
             change exporters::prometheus/test::endpoint or stop the other process"
        )
    );
}

#[test]
fn defaults_are_the_collectors_where_it_has_the_key() {
    let keys = Section::describe(Config::read);
    let default = |path: &str| keys.iter().find(|key| key.path == path).map(|key| key.default.clone());
    for (path, expected) in [
        ("endpoint", "\"localhost:8888\""),
        ("metric_expiration", "5m"),
        ("send_timestamps", "false"),
        ("add_metric_suffixes", "true"),
        ("translation_strategy", "UnderscoreEscapingWithSuffixes"),
        ("resource_to_telemetry_conversion.enabled", "false"),
    ] {
        assert_eq!(default(path).as_deref(), Some(expected), "{path}");
    }
}
