//! What the agent says of its health, with a real backend that comes and goes and kernels that count or do not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use support::agent::{Agent, binary, kill, pin_path};
use support::eventually;
use support::sink::Sink;

/// The port of `what` that is open, such as a health check.
fn port(agent: &Agent, what: &str) -> u16 {
    let line = agent.expect_log(&format!("{what} open"), 20);
    line.split("127.0.0.1:").nth(1).unwrap().split('/').next().unwrap().parse().unwrap()
}

/// Status and body of what `port` answers to `path`.
fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

/// Waits until the health check answers `code`; its body.
fn expect(agent: &Agent, code: u16) -> String {
    let port = port(agent, "health check");
    eventually(&format!("the answer {code}"), 20, || Some(get(port, "/")).filter(|answer| answer.0 == code)).1
}

fn configuration(keys: &str, endpoint: &str) -> String {
    format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} {keys} }}
  health_check: {{endpoint: "127.0.0.1:0"}}
  zpages: {{endpoint: "127.0.0.1:0"}}
receivers:
  ebpf_syscalls: {{collection_interval: 200ms}}
exporters:
  otlp_grpc:
    endpoint: "{endpoint}"
    tls: {{insecure: true}}
    retry_on_failure: {{initial_interval: 50ms, max_interval: 100ms, max_elapsed_time: 300ms}}
service:
  extensions: [ebpf, health_check, zpages]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], exporters: [otlp_grpc]}}
"#,
        pins = pin_path(),
    )
}

#[test]
fn it_is_not_ready_while_its_only_exporter_fails_for_good_and_ready_again_afterwards() {
    // Nobody else of a test run has ports at this address, so the port stays free until the sink comes.
    let backend = TcpListener::bind("127.77.0.3:0").unwrap().local_addr().unwrap();
    let agent = Agent::start(&configuration("", &backend.to_string()));
    let pages = port(&agent, "zpages");
    let body = expect(&agent, 503);
    assert!(
        body.contains("\"Server not available\"") && body.contains("exporter otlp_grpc: StatusPermanentError"),
        "{body}"
    );
    let page = get(pages, "/debug/pipelinez").1;
    assert!(page.contains("Nothing can flow") && page.contains("part broken\" data-id=\"otlp_grpc\""), "{page}");
    let _sink = Sink::start_on(TcpListener::bind(backend).unwrap(), 0);
    let body = expect(&agent, 200);
    assert!(body.contains("\"Server available\"") && body.contains("upSince"), "{body}");
    assert!(get(pages, "/debug/pipelinez").1.contains("Data can flow"));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
}

#[test]
fn it_is_not_ready_while_no_sub_collector_is_attached() {
    let sink = Sink::start(0);
    // Hooks that syscalls have none of.
    let text = configuration(", attach_types: [fexit], tiers: [hash, task_storage]", &sink.address.to_string());
    let agent = Agent::spawn(&["start"], &text, binary());
    let body = expect(&agent, 503);
    assert!(body.contains("receiver ebpf_syscalls: StatusPermanentError: nothing is attached"), "{body}");
    // Whoever puts another way in gets its data through: readiness is about what can flow, and follows a reload.
    let page = "  prometheus: {endpoint: \"127.0.0.1:0\"}\nservice:";
    std::fs::write(agent.config_path(), text.replace("service:", page)).unwrap();
    kill("-HUP", agent.pid());
    agent.expect_log("configuration reloaded", 20);
    assert_eq!(get(port(&agent, "health check"), "/").0, 503, "still nothing to read");
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
}
