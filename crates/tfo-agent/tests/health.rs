//! What the agent says of its health, with a real backend that comes and goes and kernels that count or do not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use support::agent::{Agent, binary, kill, pin_path};
use support::eventually;
use support::sink::Sink;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
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
fn expect(agent: &Agent, port: u16, code: u16) -> String {
    agent.expect_log("health check open", 20);
    eventually(&format!("the answer {code}"), 20, || Some(get(port, "/")).filter(|answer| answer.0 == code)).1
}

fn configuration(health: u16, pages: u16, keys: &str, endpoint: &str) -> String {
    format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} {keys} }}
  health_check: {{endpoint: "127.0.0.1:{health}"}}
  zpages: {{endpoint: "127.0.0.1:{pages}"}}
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
    let (health, pages, backend) = (free_port(), free_port(), free_port());
    let agent = Agent::start(&configuration(health, pages, "", &format!("127.0.0.1:{backend}")));
    let body = expect(&agent, health, 503);
    assert!(
        body.contains("\"Server not available\"") && body.contains("exporter otlp_grpc: StatusPermanentError"),
        "{body}"
    );
    let page = get(pages, "/debug/pipelinez").1;
    assert!(page.contains("Nothing can flow") && page.contains("part broken\" data-id=\"otlp_grpc\""), "{page}");
    let _sink = Sink::start_on(TcpListener::bind(("127.0.0.1", backend)).unwrap(), 0);
    let body = expect(&agent, health, 200);
    assert!(body.contains("\"Server available\"") && body.contains("upSince"), "{body}");
    assert!(get(pages, "/debug/pipelinez").1.contains("Data can flow"));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
}

#[test]
fn it_is_not_ready_while_no_sub_collector_is_attached() {
    let (health, pages, sink) = (free_port(), free_port(), Sink::start(0));
    // Hooks that syscalls have none of.
    let text =
        configuration(health, pages, ", attach_types: [fexit], tiers: [hash, task_storage]", &sink.address.to_string());
    let agent = Agent::spawn(&["start"], &text, binary());
    let body = expect(&agent, health, 503);
    assert!(body.contains("receiver ebpf_syscalls: StatusPermanentError: nothing is attached"), "{body}");
    // Whoever puts another way in gets its data through: readiness is about what can flow, and follows a reload.
    let page = format!("  prometheus: {{endpoint: \"127.0.0.1:{}\"}}\nservice:", free_port());
    std::fs::write(agent.config_path(), text.replace("service:", &page)).unwrap();
    kill("-HUP", agent.pid());
    agent.expect_log("configuration reloaded", 20);
    assert_eq!(get(health, "/").0, 503, "still nothing to read");
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
}
