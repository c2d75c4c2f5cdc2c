//! SIGHUP with real kernel events: programs stay, counters go on, and what is not good changes nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use support::agent::{Agent, kill, pin_path};
use support::eventually;
use support::sink::Sink;
use support::workload::{Workload, comm};

/// Calls of every process of the load.
const CALLS: u64 = 20_000;

/// A configuration whose every changeable part is one of two; it pushes what is of processes called `name`, for what
/// else the machine does may be more than a sink of tests can take.
fn configuration(pins: &str, sink: &Sink, name: &str, variant: usize) -> String {
    let is = |bit: usize| variant >> bit & 1 == 1;
    let either = |bit, one, other| if is(bit) { one } else { other };
    format!(
        r#"
connectors: {{forward: }}
extensions:
  ebpf: {{pin_path: {pins} }}
receivers:
  ebpf_syscalls: {{collection_interval: {interval}}}
  ebpf_memory: {{collection_interval: 300ms}}
processors:
  process_filter: {{include: [{name}, {included}]}}
  interval: {{interval: 400ms}}
exporters:
  prometheus: {{endpoint: "localhost:0"}}
  otlp_grpc: {{endpoint: "{sink}", timeout: 60s, tls: {{insecure: true}}, compression: {compression}, retry_on_failure: {{initial_interval: 100ms}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics/page: {{receivers: [ebpf_syscalls], exporters: [prometheus]}}
    metrics/push: {{receivers: [{receivers}], processors: [process_filter{processors}], exporters: [forward]}}
    metrics/out: {{receivers: [forward], exporters: [otlp_grpc]}}
"#,
        interval = either(0, "100ms", "150ms"),
        included = either(1, "nobody", "nobody, nobody-else"),
        compression = either(2, "gzip", "none"),
        receivers = either(3, "ebpf_syscalls", "ebpf_syscalls, ebpf_memory"),
        processors = either(4, ", interval", ""),
        sink = sink.address,
    )
}

/// Calls of getppid of processes called `name`, by pid.
fn calls(sink: &Sink, name: &str) -> BTreeMap<String, f64> {
    sink.with(|received| {
        let streams = received.last.iter().filter(|((metric, labels), _)| {
            metric == "ebpf.syscalls"
                && labels.get("ebpf.comm").is_some_and(|comm| comm == name)
                && labels.get("ebpf.syscall.name").is_some_and(|call| call == "getppid")
        });
        streams.map(|((_, labels), value)| (labels["process.pid"].clone(), *value)).collect()
    })
}

/// Puts `text` in the place of the agent's configuration and has it read.
fn reload(agent: &Agent, text: &str) {
    fs::write(agent.config_path(), text).unwrap();
    kill("-HUP", agent.pid());
}

fn times(agent: &Agent, text: &str) -> usize {
    agent.log().matches(text).count()
}

#[test]
fn a_hundred_reloads_under_load_lose_no_call_and_leave_the_programs_alone() {
    let (sink, pins) = (Sink::start(0), pin_path());
    let name = comm("rl");
    let agent = Agent::start(&configuration(&pins, &sink, name, 0));
    let page = agent.address(0);
    let mut made = BTreeMap::new();
    for round in 1..=100 {
        let load = Workload::start(name, "getppid", &[CALLS]);
        made.insert(load.pid().to_string(), CALLS as f64);
        // The filter and receivers change now and then, the rest at every time.
        reload(&agent, &configuration(&pins, &sink, name, round * 7 % 32));
        eventually("the reload", 30, || (times(&agent, "configuration reloaded") >= round).then_some(()));
        load.finish();
    }
    assert_eq!(agent.address(0), page, "the page stays where it is");
    assert_eq!(
        times(&agent, "scrape page open"),
        times(&agent, "service started") * 2,
        "opened once, at both addresses"
    );
    // On a machine that is short of time the far side may be late; at the end it would be too late.
    eventually("all calls", 30, || (calls(&sink, name) == made).then_some(()));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert_eq!(calls(&sink, name), made, "{log}");
    assert_eq!(log.matches("sub-collector attached").count(), 2, "{log}");
    assert!(!log.contains("points lost") && !log.contains("not reloaded"), "{log}");
}

#[test]
fn what_is_not_good_changes_nothing_and_is_said() {
    let (sink, pins) = (Sink::start(0), pin_path());
    let name = comm("rb");
    let good = configuration(&pins, &sink, name, 0);
    let agent = Agent::start(&good);
    for (count, (bad, why)) in [
        (good.replace("include:", "includ:"), "unknown key"),
        (good.replace("pin_path", "max_processes: 2000, pin_path"), "extension ebpf: its programs stay in the kernel"),
        (good.replace("150ms", "150ms, histograms: true"), "receiver ebpf_syscalls: histograms cannot be changed now"),
        (good.replace("ebpf_memory", "ebpf_scheduler"), "receiver ebpf_scheduler: scheduler is not counted"),
        (good.replace("localhost:0", "203.0.113.1:1"), "exporter prometheus: cannot listen on"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_ne!(bad, good, "{why}");
        reload(&agent, &bad);
        eventually("an answer", 30, || (times(&agent, "configuration not reloaded") > count).then_some(()));
        assert!(agent.log().contains(why), "{why}: {}", agent.log());
    }
    let load = Workload::start(name, "getppid", &[CALLS]);
    let pid = load.pid().to_string();
    load.finish();
    reload(&agent, &good);
    agent.expect_log("configuration reloaded", 10);
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert_eq!(calls(&sink, name), BTreeMap::from([(pid, CALLS as f64)]));
}

#[test]
fn a_filter_that_changes_reaches_the_kernel_and_resets_nothing() {
    let (sink, pins) = (Sink::start(0), pin_path());
    let filtered = |keys: &str| {
        format!(
            "extensions:\n  ebpf: {{pin_path: {pins} }}\nreceivers:\n  ebpf_syscalls: {{collection_interval: 100ms}}\n\
             processors:\n  process_filter: {{{keys}}}\nexporters:\n  otlp_grpc: {{endpoint: \"{}\", tls: {{insecure: true}}}}\n\
             service:\n  extensions: [ebpf]\n  pipelines:\n    metrics: {{receivers: [ebpf_syscalls], processors: \
             [process_filter], exporters: [otlp_grpc]}}\n",
            sink.address
        )
    };
    let name = comm("rf");
    let agent = Agent::start(&filtered(&format!("include: [{name}]")));
    // Judged under its name before it works, and again whenever the judge is another.
    let judged = || std::thread::sleep(Duration::from_secs(2));
    let mut load = Workload::start(name, "steps", &[3, CALLS]);
    let pid = load.pid().to_string();
    for (round, keys) in
        [None, Some("include: [nobody-at-all]".to_owned()), Some(format!("include: [{name}], uids: [0]"))]
            .into_iter()
            .enumerate()
    {
        assert_eq!(load.line(), "next");
        if let Some(keys) = keys {
            reload(&agent, &filtered(&keys));
            eventually("the reload", 30, || (times(&agent, "configuration reloaded") == round).then_some(()));
        }
        judged();
        load.tell("go");
    }
    assert_eq!(load.line(), "done");
    load.tell("go");
    load.finish();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    // Of three rounds one is made while nobody wants it: it is not counted at all, which only the kernel can do.
    assert_eq!(calls(&sink, name), BTreeMap::from([(pid, 2.0 * CALLS as f64)]));
}

#[test]
fn a_file_that_a_new_configuration_refers_to_is_watched_and_the_level_of_the_log_is_that_of_the_last() {
    let directory = tempfile::tempdir().unwrap();
    let level = directory.path().join("level");
    fs::write(&level, "info").unwrap();
    let says = |level: &str| {
        format!(
            "receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:0'}}}}}}}}\nexporters: {{debug: }}\nservice:\n  \
             telemetry: {{logs: {{level: \"{level}\"}}}}\n  pipelines: {{metrics: {{receivers: [otlp], exporters: [debug]}}}}\n"
        )
    };
    let agent = Agent::spawn(&["start", "--watch-config"], &says("info"), support::agent::binary());
    agent.expect_log("service started", 20);
    fs::write(agent.config_path(), says(&format!("${{file:{}}}", level.display()))).unwrap();
    eventually("the reload", 20, || (times(&agent, "configuration reloaded") == 1).then_some(()));
    fs::write(&level, "warn").unwrap();
    eventually("another", 20, || (times(&agent, "configuration reloaded") == 2).then_some(()));
    let (status, log) = agent.stop();
    assert!(status.success() && !log.contains("service stopping"), "{log}");
}
