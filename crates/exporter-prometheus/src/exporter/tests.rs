//! A real server, read byte by byte.

use std::net::SocketAddr;

use component::config::Faults;
use pdata::{Attributes, Descriptor, Instrument, Metric, NumberKind, Point, Resource, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

fn exporter(port: u16) -> Prometheus {
    named(port, Naming::Seed)
}

fn named(port: u16, naming: Naming) -> Prometheus {
    let mut config = Section::read_node(None, &mut Faults::default(), Config::read);
    (config.port, config.naming) = (port, naming);
    Prometheus::new(&"prometheus/test".parse().unwrap(), &config)
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
    let metrics = vec![Metric { descriptor: Arc::new(descriptor), points }];
    Arc::new(Batch::of(Arc::new(resource), Arc::new(scope), metrics))
}

async fn request(address: SocketAddr, head: &str) -> String {
    String::from_utf8(request_with(address, head, b"").await).unwrap()
}

async fn request_with(address: SocketAddr, head: &str, headers: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = [format!("{head} HTTP/1.1\r\nHost: x\r\n").as_bytes(), headers, b"\r\n"].concat();
    stream.write_all(&head).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
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
async fn connections_beyond_the_limit_are_closed_and_others_go_on() {
    let mut exporter = exporter(0);
    exporter.start().await.unwrap();
    let address = exporter.server.as_ref().unwrap().addresses()[0];
    let mut idle = Vec::new();
    for _ in 0..crate::server::CONNECTIONS {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut surplus = TcpStream::connect(address).await.unwrap();
    assert_eq!(surplus.read(&mut [0]).await.unwrap(), 0);
    drop(idle.pop());
    // The server needs a moment to see that one has gone.
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = String::new();
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let _ = stream.read_to_string(&mut answer).await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        tokio::task::yield_now().await;
    }
    // Idle connections do not hold the shutdown up.
    tokio::time::timeout(Duration::from_secs(1), exporter.shutdown()).await.unwrap();
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
fn endpoints_are_a_host_and_a_port() {
    assert_eq!(parse_endpoint("localhost:8888"), Some(("localhost".to_owned(), 8888)));
    assert_eq!(parse_endpoint("[::1]:0"), Some(("::1".to_owned(), 0)));
    for bad in ["localhost", ":8888", "localhost:", "localhost:70000", "http://localhost:8888"] {
        assert_eq!(parse_endpoint(bad), None, "{bad}");
    }
    let keys: Vec<(String, String)> =
        Section::describe(Config::read).into_iter().map(|key| (key.path, key.default)).collect();
    let defaults = [("endpoint", "\"localhost:8888\""), ("naming", "seed"), ("metric_expiration", "5m")];
    assert_eq!(keys, defaults.map(|(path, default)| (path.to_owned(), default.to_owned())));
}
