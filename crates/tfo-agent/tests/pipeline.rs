//! The declared pipeline with real kernel events: what is shared is seen alike, what is held back or refused
//! arrives in the end, and nothing is lost at the end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Instant;

use support::agent::{Agent, binary, pin_path};
use support::eventually;
use support::page::Page;
use support::sink::{Sink, Stream};
use support::workload::Workload;

const CALLS: u64 = 12_345;

/// A configuration with one receiver of syscalls, whose other parts are the lines `rest`.
fn configuration(interval: &str, rest: &str) -> String {
    format!(
        "extensions:\n  ebpf: {{pin_path: {} }}\nreceivers:\n  ebpf_syscalls: {{collection_interval: {interval}}}\n{rest}",
        pin_path()
    )
}

/// One pipeline, to a page and to a sink at `address` that is retried soon.
fn page_and_sink(address: &str) -> String {
    configuration(
        "500ms",
        &format!(
            r#"
exporters:
  prometheus: {{endpoint: "localhost:0"}}
  otlp_grpc:
    endpoint: "{address}"
    tls: {{insecure: true}}
    timeout: 60s
    retry_on_failure: {{initial_interval: 100ms, max_interval: 200ms}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], exporters: [prometheus, otlp_grpc]}}
"#
        ),
    )
}

/// Makes [`CALLS`] getppid calls in a process that ends; returns its pid.
fn work(name: &str) -> String {
    let load = Workload::start(name, "getppid", &[CALLS]);
    let pid = load.pid().to_string();
    load.finish();
    pid
}

/// Calls of process `pid` by name of the syscall, as `page` says them.
fn on_page(page: &Page, pid: &str) -> BTreeMap<String, f64> {
    let mut calls = BTreeMap::new();
    for sample in page.find("tfo_ebpf_syscall_count", &[("pid", pid)]) {
        let twice = calls.insert(sample.labels["syscall"].clone(), sample.value);
        assert_eq!(twice, None, "two streams: {sample:?}");
    }
    calls
}

/// The same as `sink` has it.
fn at_sink(sink: &Sink, pid: &str) -> BTreeMap<String, f64> {
    let wanted =
        |stream: &Stream| stream.0 == "ebpf.syscalls" && stream.1.get("process.pid").is_some_and(|id| id == pid);
    sink.with(|received| {
        let streams = received.last.iter().filter(|(stream, _)| wanted(stream));
        streams.map(|(stream, value)| (stream.1["ebpf.syscall.name"].clone(), *value)).collect()
    })
}

/// Waits until the page number `index` has all [`CALLS`] of process `pid`, the last that it made, and returns them all.
fn all_calls(agent: &Agent, index: usize, pid: &str) -> BTreeMap<String, f64> {
    eventually(&format!("{CALLS} calls on page {index}"), 20, || {
        let calls = on_page(&agent.page(index), pid);
        (calls.get("getppid") == Some(&(CALLS as f64))).then_some(calls)
    })
}

#[test]
fn interval_sends_the_last_point_of_a_stream_once_per_interval_and_all_of_it_at_sigterm() {
    let sink = Sink::start(0);
    let began = Instant::now();
    // A machine that is short of time makes the intervals longer, never shorter.
    let intervals = || usize::try_from(began.elapsed().as_secs() / 5).unwrap();
    let agent = Agent::start(&configuration(
        "1s",
        &format!(
            r#"
processors:
  interval: {{interval: 5s}}
exporters:
  prometheus: {{endpoint: "localhost:0"}}
  otlp_grpc: {{endpoint: "{}", tls: {{insecure: true}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics/page: {{receivers: [ebpf_syscalls], exporters: [prometheus]}}
    metrics/push: {{receivers: [ebpf_syscalls], processors: [interval], exporters: [otlp_grpc]}}
"#,
            sink.address
        ),
    ));
    let sleeper = Workload::start("tfo-t-sleeper", "sleep", &[1_050, 10]);
    let pid = sleeper.pid().to_string();
    let sleeps = [("process.pid", &*pid), ("ebpf.syscall.name", "nanosleep")];
    for round in 1..=2 {
        let is_it = |stream: &Stream| {
            stream.0 == "ebpf.syscalls"
                && sleeps.iter().all(|(key, value)| stream.1.get(*key).is_some_and(|v| v == value))
        };
        eventually("a point", 8, || {
            sink.with(|received| received.points.iter().any(|(stream, n)| is_it(stream) && *n >= round)).then_some(())
        });
        sink.with(|received| {
            let most = received.points.iter().max_by_key(|(_, points)| **points).unwrap();
            assert!(*most.1 <= intervals(), "in {} intervals: {most:?}", intervals());
        });
        assert!(sink.sum("ebpf.syscalls", &sleeps) > 0.0);
    }

    // Within the third interval, on a machine that is not short of time.
    sleeper.finish();
    let pid = work("tfo-t-last");
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert_eq!(at_sink(&sink, &pid)["getppid"], CALLS as f64);
    assert_eq!(sink.sum("ebpf.syscalls", &sleeps), 1_050.0);
    assert!(sink.with(|received| received.points.values().all(|points| *points <= intervals() + 1)));
    assert!(log.contains("lost=0"), "{log}");
}

#[test]
fn pipelines_that_share_a_receiver_and_an_exporter_see_equal_totals_and_no_double() {
    let sink = Sink::start(0);
    let agent = Agent::start(&configuration(
        "500ms",
        &format!(
            r#"
exporters:
  prometheus/a: {{endpoint: "localhost:0"}}
  prometheus/b: {{endpoint: "localhost:0"}}
  prometheus/shared: {{endpoint: "localhost:0"}}
  otlp_grpc: {{endpoint: "{}", tls: {{insecure: true}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics/a: {{receivers: [ebpf_syscalls], exporters: [prometheus/a, prometheus/shared, otlp_grpc]}}
    metrics/b: {{receivers: [ebpf_syscalls], exporters: [prometheus/b, prometheus/shared, otlp_grpc]}}
"#,
            sink.address
        ),
    ));
    let pid = work("tfo-t-shared");
    let a = all_calls(&agent, 0, &pid);
    assert_eq!(a, all_calls(&agent, 1, &pid));
    assert_eq!(a, all_calls(&agent, 2, &pid));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert_eq!(at_sink(&sink, &pid), a);
}

#[test]
fn a_sink_that_refuses_three_requests_gets_everything_in_the_end() {
    let sink = Sink::start(3);
    let agent = Agent::start(&page_and_sink(&sink.address.to_string()));
    let pid = work("tfo-t-refused");
    let page = all_calls(&agent, 0, &pid);
    eventually("the same at the sink", 10, || (at_sink(&sink, &pid) == page).then_some(()));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert_eq!(at_sink(&sink, &pid), page);
    assert_eq!(sink.with(|received| received.refused), 3);
    assert_eq!(log.matches("export failed, will be tried again").count(), 3, "{log}");
    assert!(log.contains("lost=0") && !log.contains("points lost"), "{log}");
}

#[test]
fn a_sink_that_comes_late_gets_what_was_before_it() {
    // Nobody else of a test run has ports at this address, so the port stays free until the sink comes.
    let free = TcpListener::bind("127.77.0.1:0").unwrap().local_addr().unwrap();
    let agent = Agent::start(&page_and_sink(&free.to_string()));
    let pid = work("tfo-t-early");
    let page = all_calls(&agent, 0, &pid);
    let line = agent.expect_log("export failed, will be tried again", 10);
    assert!(line.contains(&free.to_string()), "it does not say where: {line}");
    let sink = Sink::start_on(TcpListener::bind(free).unwrap(), 0);
    eventually("everything at the sink", 10, || (at_sink(&sink, &pid) == page).then_some(()));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert_eq!(at_sink(&sink, &pid), page);
    assert!(log.contains("lost=0") && !log.contains("points lost"), "{log}");
}

#[test]
fn a_backend_whose_name_is_gone_and_comes_back_for_another_address_gets_everything() {
    // As with a sink that comes late; both have the one port.
    let here = TcpListener::bind("127.77.0.4:0").unwrap();
    let port = here.local_addr().unwrap().port();
    let there = TcpListener::bind(("127.77.0.5", port)).unwrap();
    // Names are looked up in a file of this agent's own, and nowhere else.
    let names = tempfile::tempdir().unwrap();
    let says = |text: &str| fs::write(names.path().join("hosts"), text).unwrap();
    says("127.77.0.4 backend.test\n");
    fs::write(names.path().join("nsswitch.conf"), "hosts: files\n").unwrap();
    let script = r#"for name in hosts nsswitch.conf; do mount --bind "$0/$name" "/etc/$name"; done; exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", script]).arg(names.path()).arg(binary().get_program());

    let first = Sink::start_on(here, 0);
    let agent = Agent::start_by(&page_and_sink(&format!("backend.test:{port}")), command);
    let early = work("tfo-t-named");
    let early_page = all_calls(&agent, 0, &early);
    eventually("what was before", 10, || (at_sink(&first, &early) == early_page).then_some(()));
    says("");
    drop(first);
    agent.expect_log("failed to lookup address", 20);
    let pid = work("tfo-t-nameless");
    let page = all_calls(&agent, 0, &pid);
    says("127.77.0.5 backend.test\n");
    let second = Sink::start_on(there, 0);
    eventually("everything at the sink", 10, || (at_sink(&second, &pid) == page).then_some(()));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert_eq!(at_sink(&second, &pid), page);
    assert!(log.contains("lost=0") && !log.contains("points lost"), "{log}");
}

#[test]
fn a_sink_that_never_comes_delays_the_end_by_the_deadline_and_what_is_lost_is_counted() {
    let free = TcpListener::bind("127.77.0.2:0").unwrap().local_addr().unwrap();
    let agent = Agent::start(&page_and_sink(&free.to_string()));
    agent.expect_log("export failed, will be tried again", 10);
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert!(log.contains("points lost"), "{log}");
    let totals =
        log.lines().find(|line| line.contains("points at the exporter") && line.contains("otlp_grpc")).unwrap();
    assert!(totals.contains("sent=0") && !totals.contains("lost=0"), "{totals}");
}

#[test]
fn json_logs_are_one_object_a_line_whoever_asks_for_them() {
    let configured = "service:\n  telemetry: {logs: {encoding: json}}\n  ";
    for (arguments, service) in [(&["start", "--log-format", "json"][..], "service:\n  "), (&["start"], configured)] {
        // The older word of an exporter is a notice, logged before all else.
        let rest = format!(
            "exporters: {{otlp: {{endpoint: \"127.0.0.1:1\", retry_on_failure: {{enabled: false}}}}}}\n{service}\
             extensions: [ebpf]\n  pipelines: {{metrics: {{receivers: [ebpf_syscalls], exporters: [otlp]}}}}\n"
        );
        let agent = Agent::spawn(arguments, &configuration("1h", &rest), binary());
        agent.expect_log("service started", 20);
        let (status, log) = agent.stop();
        assert!(status.success(), "{log}");
        assert!(log.lines().next().unwrap().contains("older word"), "{log}");
        assert!(log.lines().count() > 3, "{log}");
        for line in log.lines() {
            assert!(line.starts_with('{') && line.ends_with('}') && line.contains("\"level\":\""), "{line}");
        }
    }
}

#[test]
fn the_page_at_localhost_answers_on_both_addresses_of_it() {
    let rest = "exporters: {prometheus: {endpoint: \"localhost:0\"}}\n\
                service: {extensions: [ebpf], pipelines: {metrics: {receivers: [ebpf_syscalls], exporters: [prometheus]}}}\n";
    let agent = Agent::start(&configuration("1h", rest));
    let address = agent.address(0);
    let port = address.strip_prefix("127.0.0.1:").unwrap();
    for host in ["127.0.0.1", "[::1]"] {
        let has_series = || Page::get(&format!("{host}:{port}")).sum("tfo_ebpf_syscall_count", &[]);
        eventually(host, 60, has_series);
    }
    assert!(agent.stop().0.success());
}
