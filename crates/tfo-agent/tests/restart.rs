//! Counting goes on while no agent is there: what was pinned by one that was killed is taken over by the next, with
//! the same receivers or others.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::time::Duration;

use support::agent::{Agent, pin_path};
use support::eventually;
use support::measure::configuration;
use support::sink::Sink;
use support::workload::{Workload, comm};

const SYSCALLS: [(&str, &str); 1] = [("ebpf_syscalls", "")];

/// How often an agent is killed: more where there is time.
fn times() -> u64 {
    if std::env::var_os("TFO_LONG").is_some_and(|value| value == "1") { 10 } else { 3 }
}

fn getppids(sink: &Sink, comm: &str) -> f64 {
    sink.sum("ebpf.syscalls", &[("ebpf.comm", comm), ("ebpf.syscall.name", "getppid")])
}

#[test]
fn a_killed_agent_loses_no_call_of_whoever_lives_or_ends_meanwhile() {
    let (pins, sink) = (pin_path(), Sink::start(0));
    let configuration = configuration(&pins, "", &SYSCALLS, &sink);
    let mut agent = Agent::start(&configuration);
    let load = Workload::start(comm("steady"), "steady", &[]);
    let mut gone = Vec::new();
    for round in 0..times() {
        let [early, last, away] = ["early", "last", "away"].map(|name| comm(&format!("{name}{round}")));
        Workload::start(early, "getppid", &[30_000]).finish();
        std::thread::sleep(Duration::from_secs(1));
        // Ends too late for a read.
        Workload::start(last, "getppid", &[20_000]).finish();
        agent.kill_and_leave_pins();
        std::thread::sleep(Duration::from_secs(2));
        Workload::start(away, "getppid", &[10_000]).finish();
        std::thread::sleep(Duration::from_secs(3));
        agent = Agent::start(&configuration);
        gone.extend([(early, 30_000.0), (last, 20_000.0), (away, 10_000.0)]);
    }
    let made: f64 = load.finish().trim().parse().unwrap();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    println!("{} kills, {made} calls made, {} at the sink", times(), getppids(&sink, comm("steady")));
    assert_eq!(getppids(&sink, comm("steady")), made);
    for (name, calls) in gone {
        assert_eq!(getppids(&sink, name), calls, "{name}");
    }
    assert!(!std::path::Path::new(&pins).exists(), "a clean stop leaves nothing");
}

#[test]
fn a_killed_agent_whose_deltas_are_on_disk_goes_on_where_the_backend_stands() {
    let (pins, sink, kept) = (pin_path(), Sink::start(0), tempfile::tempdir().unwrap());
    let prefix = comm("d.");
    let configuration = format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} }}
  file_storage: {{directory: "{kept}"}}
receivers:
  ebpf_syscalls: {{collection_interval: 200ms}}
processors:
  process_filter: {{include: ["^{prefix}"]}}
exporters:
  otlp_grpc:
    endpoint: "{sink}"
    tls: {{insecure: true}}
    timeout: 60s
    temporality: delta
    sending_queue: {{storage: file_storage}}
    retry_on_failure: {{initial_interval: 50ms, max_interval: 100ms}}
service:
  extensions: [ebpf, file_storage]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], processors: [process_filter], exporters: [otlp_grpc]}}
"#,
        kept = kept.path().display(),
        sink = sink.address,
    );
    let mut agent = Agent::start(&configuration);
    let load = Workload::start(comm("d.steady"), "steady", &[]);
    let mut gone = Vec::new();
    for round in 0..times().min(4) {
        let [early, late, away] = ["early", "late", "away"].map(|name| comm(&format!("d.{name}{round}")));
        Workload::start(early, "getppid", &[30_000]).finish();
        eventually("what was before", 20, || (getppids(&sink, early) == 30_000.0).then_some(()));
        // What the backend takes now without being asked again would be there twice: it takes nothing.
        sink.set_away(true);
        agent.expect_log("export failed, will be tried again", 20);
        Workload::start(late, "getppid", &[20_000]).finish();
        agent.kill_and_leave_pins();
        Workload::start(away, "getppid", &[10_000]).finish();
        sink.set_away(false);
        agent = Agent::start(&configuration);
        gone.extend([(early, 30_000.0), (late, 20_000.0), (away, 10_000.0)]);
    }
    let made: f64 = load.finish().trim().parse().unwrap();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert_eq!(getppids(&sink, comm("d.steady")), made, "{log}");
    for (name, calls) in gone {
        assert_eq!(getppids(&sink, name), calls, "{name}");
    }
}

#[test]
fn totals_never_go_back_over_a_restart() {
    let (pins, sink) = (pin_path(), Sink::start(0));
    let configuration = configuration(&pins, "", &SYSCALLS, &sink);
    let agent = Agent::start(&configuration);
    let load = Workload::start(comm("onward"), "steady", &[]);
    let before = eventually("some calls", 10, || Some(getppids(&sink, comm("onward"))).filter(|calls| *calls > 0.0));
    agent.kill_and_leave_pins();
    let requests = sink.with(|received| received.accepted);
    let agent = Agent::start(&configuration);
    eventually("a push of the second", 10, || sink.with(|received| (received.accepted > requests).then_some(())));
    let after = getppids(&sink, comm("onward"));
    let page = agent.page(0).sum("tfo_ebpf_syscall_count", &[("comm", comm("onward")), ("syscall", "getppid")]);
    assert!(after >= before && page >= Some(before), "{before} before, then {after}, on the page {page:?}");
    load.finish();
    assert!(agent.stop().0.success());
}

#[test]
fn other_receivers_from_start_to_start_leave_the_totals_of_the_common_one() {
    let (pins, sink) = (pin_path(), Sink::start(0));
    let sets: [&[(&str, &str)]; 4] = [
        &SYSCALLS,
        &[("ebpf_syscalls", ""), ("ebpf_scheduler", ""), ("ebpf_memory", "")],
        &[("ebpf_syscalls", ""), ("ebpf_network", ""), ("ebpf_tcpstate", "")],
        &[("ebpf_syscalls", ""), ("ebpf_fileio", ""), ("ebpf_scheduler", "")],
    ];
    let mut agent = Agent::start(&configuration(&pins, "", sets[0], &sink));
    let load = Workload::start(comm("sets"), "steady", &[]);
    let mut swaps = 0;
    for set in sets.iter().cycle().skip(1).take(times() as usize * 2) {
        std::thread::sleep(Duration::from_millis(1_500));
        agent.kill_and_leave_pins();
        agent = Agent::start(&configuration(&pins, "", set, &sink));
        swaps += 1;
    }
    let made: f64 = load.finish().trim().parse().unwrap();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    let shown = getppids(&sink, comm("sets"));
    // Two hooks see a call, on any CPU that it is made on.
    let cpus = std::thread::available_parallelism().unwrap().get();
    let allowed = f64::from(swaps * 2 * i32::try_from(cpus).unwrap());
    println!("{swaps} swaps, {made} calls made, {shown} shown, {allowed} allowed");
    assert!((shown - made).abs() <= allowed, "{made} made, {shown} shown after {swaps} swaps");
}
