//! The agent's own traces and metrics, at real OTLP servers; and nothing at all where nobody asked for them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use support::agent::{Agent, binary, kill};
use support::backend::{Arrived, Backend, text};
use support::eventually;
use support::sink::Sink;

const EXPORT: &str = "exporter/otlp_grpc/metrics";
const SENT: &str = "otelcol_exporter_sent_metric_points";

/// From an OTLP receiver to `sink`, with `telemetry` as the agent's own.
fn pipeline(sink: &Sink, telemetry: &str) -> String {
    format!(
        "receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:0'}}}}}}}}
exporters: {{otlp_grpc: {{endpoint: 'http://{}', retry_on_failure: {{initial_interval: 50ms}}}}}}
service:
  telemetry: {telemetry}
  pipelines: {{metrics: {{receivers: [otlp], exporters: [otlp_grpc]}}}}
",
        sink.address
    )
}

/// Pushes two points into the agent.
fn push(agent: &Agent) {
    let line = agent.expect_log("OTLP receiver open", 20);
    let port: u16 = line.split("127.0.0.1:").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let points = r#"[{"asInt":"1","timeUnixNano":"2"},{"asInt":"1","timeUnixNano":"3","attributes":[{"key":"a","value":{"intValue":"1"}}]}]"#;
    let body = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":{points}}}}}]}}]}}]}}"#
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = body.len();
    let head = "POST /v1/metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    write!(stream, "{head}content-length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Spans of a start are one trace, in order.
fn assert_start(arrived: &Arrived) {
    let start = arrived.span("start").unwrap();
    assert!(start.parent_span_id.is_empty(), "{start:?}");
    for part in ["build", "prepare", "start components"] {
        let part = arrived.span(part).unwrap_or_else(|| panic!("no {part} in {arrived:?}"));
        assert_eq!((&part.trace_id, &part.parent_span_id), (&start.trace_id, &start.span_id), "{part:?}");
        assert!(start.start_time_unix_nano <= part.start_time_unix_nano, "{part:?}");
        assert!(part.end_time_unix_nano <= start.end_time_unix_nano, "{part:?}");
    }
}

#[test]
fn spans_of_start_export_and_reload_and_figures_reach_a_grpc_server_while_the_agent_runs() {
    let (sink, backend) = (Sink::start(1), Backend::grpc());
    let otlp = format!(
        "{{protocol: grpc, endpoint: '{}', insecure: true, headers: {{authorization: Bearer x}}}}",
        backend.address
    );
    let zipped = otlp.replace("insecure", "compression: gzip, insecure");
    let telemetry = format!(
        "{{resource: {{service.name: mine, zone: a, service.version: null}},
    traces: {{processors: [{{batch: {{schedule_delay: 50, exporter: {{otlp: {zipped}}}}}}}]}},
    metrics: {{readers: [{{periodic: {{interval: 50, exporter: {{otlp: {otlp}}}}}}}]}}}}"
    );
    let agent = Agent::start(&pipeline(&sink, &telemetry));
    push(&agent);
    let sent = || backend.with(|arrived| arrived.last(SENT, "exporter", "otlp_grpc") == Some(2)).then_some(());
    eventually("figures", 20, sent);
    eventually("two attempts", 20, || {
        backend.with(|arrived| arrived.spans.iter().filter(|span| span.name == EXPORT).count() == 2).then_some(())
    });
    kill("-HUP", agent.pid());
    eventually("reload", 20, || backend.with(|arrived| arrived.span("reload").map(drop)));
    backend.with(|arrived| {
        assert_start(arrived);
        let exports: Vec<_> = arrived.spans.iter().filter(|span| span.name == EXPORT).collect();
        let said = |key: &str| exports.iter().map(|span| text(&span.attributes, key)).collect::<Vec<_>>();
        assert_eq!(said("otelcol.component.id"), ["otlp_grpc"; 2]);
        assert_eq!(said("points"), ["2"; 2]);
        assert_eq!(said("outcome"), ["failed, to be tried again", "accepted"], "the sink refuses the first");
        let status = |index: usize| exports[index].status.clone().unwrap_or_default();
        assert_eq!((status(0).code, status(1).code), (2, 0), "an error, and none");
        assert!(status(0).message.contains("not yet"), "{:?}", status(0));
        assert!(arrived.tokens.iter().all(|token| token == "Bearer x") && arrived.tokens.len() > 2);
        assert_eq!(
            (text(&arrived.resource, "service.name"), text(&arrived.resource, "zone")),
            ("mine".into(), "a".into())
        );
        assert_eq!(text(&arrived.resource, "service.version"), "", "taken away");
        assert_eq!(text(&arrived.resource, "service.instance.id").len(), 36);
    });
    let (status, log) = agent.stop();
    assert!(status.success() && !log.contains("telemetry"), "{log}");
}

#[test]
fn what_waits_at_the_end_reaches_an_http_server() {
    let (sink, backend) = (Sink::start(0), Backend::http());
    let otlp = format!(
        "{{protocol: http/protobuf, endpoint: 'http://{}', headers: [{{name: authorization, value: y}}]}}",
        backend.address
    );
    let telemetry = format!(
        "{{traces: {{processors: [{{batch: {{schedule_delay: 600000, exporter: {{otlp: {otlp}}}}}}}]}},
    metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: localhost, port: 8888}}}}}}}},
      {{periodic: {{interval: 600000, exporter: {{otlp: {otlp}}}}}}}]}}}}"
    );
    let agent = Agent::start(&pipeline(&sink, &telemetry));
    agent.expect_log("page of every prometheus exporter", 20);
    push(&agent);
    eventually("the points", 20, || (sink.with(|received| received.accepted) > 0).then_some(()));
    assert!(backend.with(|arrived| arrived.spans.is_empty() && arrived.points.is_empty()), "it is not yet time");
    let (status, log) = agent.stop();
    assert!(status.success() && !log.contains("telemetry"), "{log}");
    backend.with(|arrived| {
        assert_start(arrived);
        assert_eq!(text(&arrived.span(EXPORT).unwrap().attributes, "outcome"), "accepted");
        assert_eq!(arrived.last(SENT, "exporter", "otlp_grpc"), Some(2));
        assert_eq!(arrived.last("otelcol_receiver_accepted_metric_points", "receiver", "otlp"), Some(2));
        assert_eq!(arrived.tokens, ["y"; 2]);
        assert_eq!(text(&arrived.resource, "service.name"), "tfo-agent");
    });
}

#[test]
fn a_backend_that_is_away_or_says_nothing_holds_up_neither_the_data_nor_the_end() {
    let sink = Sink::start(0);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let otlp = |protocol, address| format!("{{otlp: {{protocol: {protocol}, endpoint: 'http://{address}'}}}}");
    let telemetry = format!(
        "{{traces: {{processors: [{{batch: {{schedule_delay: 50, exporter: {}}}}}, {{batch: {{exporter: {}}}}}]}},
    metrics: {{readers: [{{periodic: {{interval: 50, exporter: {}}}}}]}}}}",
        otlp("grpc", away),
        otlp("http/protobuf", silent.local_addr().unwrap()),
        otlp("grpc", silent.local_addr().unwrap()),
    );
    let agent = Agent::start(&pipeline(&sink, &telemetry));
    push(&agent);
    eventually("the points", 20, || (sink.with(|received| received.accepted) > 0).then_some(()));
    agent.expect_log("telemetry is not taken", 20);
    // The silent one would never answer.
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    let told = log.lines().filter(|line| line.contains("is not taken") && line.contains(&away.to_string()));
    assert_eq!(told.count(), 1, "{log}");
    for telemetry in ["traces", "metrics"] {
        let late = |line: &str| line.contains("could not be sent") && line.contains(telemetry);
        assert!(log.lines().any(late), "{telemetry}: {log}");
    }
}

#[test]
fn without_configuration_there_is_no_thread_and_no_connection() {
    let (sink, backend) = (Sink::start(0), TcpListener::bind("127.0.0.1:0").unwrap());
    backend.set_nonblocking(true).unwrap();
    let url = format!("http://{}", backend.local_addr().unwrap());
    for telemetry in ["{}", "{traces: {level: none, processors: [HERE]}, metrics: {level: none}}"] {
        let here = format!("{{batch: {{exporter: {{otlp: {{protocol: grpc, endpoint: '{url}'}}}}}}}}");
        let mut command = binary();
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &url).env("OTEL_TRACES_EXPORTER", "otlp");
        let agent = Agent::start_by(&pipeline(&sink, &telemetry.replace("HERE", &here)), command);
        push(&agent);
        let threads = std::fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap();
        let name =
            |thread: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(thread.unwrap().path().join("comm"));
        let names: Vec<String> = threads.map(name).map(Result::unwrap).collect();
        assert_eq!(names, ["tfo-agent\n"]);
        let (status, log) = agent.stop();
        assert!(status.success(), "{log}");
    }
    assert_eq!(backend.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "nobody came");
}
