//! The servers over real sockets, in front of a service that says what the test wants.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use component::config::{Faults, Section};
use component::{
    BuildContext, Counts, Extension, ExtensionFactory, Extensions, Kind, Link, Node, Observe, Reloads, Reporter,
    Snapshot, Status,
};
use pdata::Batch;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[derive(Debug)]
struct Fake(Mutex<Snapshot>);

impl Observe for Fake {
    fn snapshot(&self) -> Snapshot {
        self.0.lock().unwrap().clone()
    }

    fn own_metrics(&self) -> Option<Arc<Batch>> {
        None
    }
}

fn node(kind: Kind, id: &str, pipeline: Option<&str>) -> Node {
    let pipeline = pipeline.map(|id| id.parse().unwrap());
    let id = id.parse().unwrap();
    Node { kind, id, pipeline, status: Status::Ok, since: SystemTime::now(), counts: Counts::None }
}

/// One receiver, a pipeline with a processor, one exporter.
fn fake() -> Arc<Fake> {
    let nodes = vec![
        node(Kind::Receiver, "source", None),
        node(Kind::Exporter, "sink/&\"b", None),
        node(Kind::Pipeline, "metrics", None),
        node(Kind::Processor, "filter", Some("metrics")),
    ];
    let link = |from, to, points| Link { from, to, points };
    let edges = vec![link(0, 2, 123_456_789), link(2, 3, 123_456_789), link(3, 1, 7)];
    // So long ago that what the test takes changes no figure.
    let started = SystemTime::now() - Duration::from_secs(60_000);
    let snapshot = Snapshot { started, stopping: false, nodes, edges, reloads: Reloads::default() };
    Arc::new(Fake(Mutex::new(snapshot)))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn started(factory: &ExtensionFactory, key: &str, service: &Arc<Fake>) -> (Box<dyn Extension>, u16) {
    loop {
        let port = free_port();
        let mut extension = extension(factory, key, service, port);
        // Somebody else may have taken the port meanwhile.
        match extension.start().await {
            Ok(()) => return (extension, port),
            Err(reason) => assert!(reason.contains("in use"), "{reason}"),
        }
    }
}

fn extension(factory: &ExtensionFactory, key: &str, service: &Arc<Fake>, port: u16) -> Box<dyn Extension> {
    use component::config::{Entry, Position, Value};
    let at = Position { file: "f".into(), line: 1, column: 1 };
    let of = |value| component::config::Node::new(at.clone(), value);
    let entry = |key: &str, value| Entry { key: key.into(), position: at.clone(), node: of(Value::Text(value)) };
    let mut entries = vec![entry("endpoint", format!("localhost:{port}"))];
    if !key.is_empty() {
        entries.push(entry("path", key.to_owned()));
    }
    let mut faults = Faults::default();
    let builder = Section::read_node(Some(&of(Value::Map(entries))), &mut faults, factory.configure);
    assert!(faults.is_empty(), "{faults:?}");
    let (service, status) = (service.clone() as Arc<dyn Observe>, Reporter::default());
    let id = factory.component_type.parse().unwrap();
    let context = BuildContext { id: &id, extensions: &Extensions::default(), status: &status, service: &service };
    builder(&context).unwrap()
}

/// What is answered, if anything is.
async fn ask(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if answer.is_empty() { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
}

/// Status and body.
async fn get(port: u16, path: &str) -> (u16, String) {
    let answer = ask(port, path).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn readiness_goes_with_the_data_both_ways() {
    let service = fake();
    let (mut extension, port) = started(&super::health_check::FACTORY, "/ready", &service).await;
    let json = |body: &str| -> BTreeMap<String, serde_json::Value> { serde_json::from_str(body).unwrap() };
    let (code, body) = get(port, "/ready").await;
    assert_eq!((code, &json(&body)["status"]), (200, &"Server available".into()));
    assert!(json(&body)["uptime"].as_str().unwrap().starts_with("16h4"), "{body}");
    for (place, status) in [
        (1, Status::PermanentError("401 Unauthorized".into())),
        (0, Status::PermanentError("nothing is attached".into())),
    ] {
        service.0.lock().unwrap().nodes[place].status = status;
        let (code, body) = get(port, "/ready").await;
        assert_eq!((code, &json(&body)["status"]), (503, &"Server not available".into()));
        assert_eq!(json(&body)["upSince"], "0001-01-01T00:00:00Z");
        service.0.lock().unwrap().nodes[place].status = Status::Ok;
        let (code, body) = get(port, "/ready").await;
        assert_eq!(code, 200);
        assert!(!json(&body)["uptime"].as_str().unwrap().contains('h'), "it counts from when it was back: {body}");
    }
    service.0.lock().unwrap().stopping = true;
    assert_eq!(get(port, "/ready").await.0, 503);
    assert_eq!(get(port, "/").await.0, 404);
    extension.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "closed");
}

#[tokio::test]
async fn the_page_shows_every_part_with_its_counts_and_no_markup_of_others() {
    let service = fake();
    service.0.lock().unwrap().reloads.last = Some((SystemTime::now(), Err("f:1:1: <i>bad</i>".to_owned())));
    service.0.lock().unwrap().nodes[1].status = Status::RecoverableError("away".into());
    let (_extension, port) = started(&super::zpages::FACTORY, "", &service).await;
    let (code, page) = get(port, "/debug/pipelinez").await;
    assert_eq!(code, 200);
    for part in ["data-id=\"source\"", "data-id=\"filter\"", "data-id=\"sink/&amp;&quot;b\"", ">metrics</text>"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(page.contains("123M<tspan class=\"rate\"> 2.1k/s"), "{page}");
    assert!(page.contains("class=\"part recoverable\"") && page.contains("away"), "{page}");
    assert!(page.contains("f:1:1: &lt;i&gt;bad"), "{page}");
    assert!(!page.contains("<i>bad") && !page.contains("<script") && !page.contains("//"), "{page}");
    for (path, word) in
        [("/debug/servicez", "Configurations refused"), ("/debug/extensionz", "Component"), ("/", "pipelinez")]
    {
        let (code, page) = get(port, path).await;
        assert!(code == 200 && page.contains(word), "{path}: {page}");
    }
    assert_eq!(get(port, "/debug/tracez").await.0, 404);
}

#[tokio::test]
async fn who_sends_nothing_or_comes_too_often_holds_up_nobody() {
    let service = fake();
    let (_extension, port) = started(&super::health_check::FACTORY, "/", &service).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    }
    drop(idle.split_off(8));
    // Those that went may still have their places.
    loop {
        let answer = timeout(Duration::from_secs(60), ask(port, "/")).await.unwrap();
        if let Ok(answer) = answer {
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            break;
        }
    }
}
