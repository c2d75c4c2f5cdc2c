//! Exactness of syscalls: what a process did is what the sink and the page say, to the last call.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::time::{Duration, Instant};

use support::agent::{Agent, pin_path};
use support::eventually;
use support::sink::Sink;
use support::workload::{self, Workload, comm};

const CALLS: u64 = 100_000;

/// An agent that reads every two seconds, so that a workload ends between two reads.
fn start(sink: &Sink) -> Agent {
    Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} }}
receivers:
  ebpf_syscalls: {{collection_interval: 2s}}
processors:
  process_filter: {{include: ["^{include}"]}}
exporters:
  prometheus: {{endpoint: "localhost:0"}}
  otlp_grpc: {{endpoint: "{sink}", tls: {{insecure: true}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], processors: [process_filter], exporters: [prometheus, otlp_grpc]}}
"#,
        include = comm(""),
        pins = pin_path(),
        sink = sink.address,
    ))
}

/// An agent with room for few processes that pushes all it has.
fn start_small(sink: &Sink, max_processes: u32, interval: &str) -> Agent {
    Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins}, max_processes: {max_processes} }}
receivers:
  ebpf_syscalls: {{collection_interval: {interval} }}
exporters:
  otlp_grpc: {{endpoint: "{sink}", tls: {{insecure: true}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], exporters: [otlp_grpc]}}
"#,
        pins = pin_path(),
        sink = sink.address,
    ))
}

/// Waits until the page says `expected` calls of `syscall` by processes called `comm`, and the sink too.
fn expect_calls(agent: &Agent, sink: &Sink, comm: &str, syscall: &str, expected: u64) {
    let labels = [("comm", comm), ("syscall", syscall)];
    let name = "tfo_ebpf_syscall_count";
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut page = agent.page(0);
    while page.sum(name, &labels) < Some(expected as f64) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
        page = agent.page(0);
    }
    let seen: Vec<_> = page.find(name, &labels).collect();
    assert_eq!(page.sum(name, &labels), Some(expected as f64), "page: {syscall} by {comm}: {seen:?}");
    let attributes = [("ebpf.comm", comm), ("ebpf.syscall.name", syscall)];
    eventually("the same at the sink", 5, || (sink.sum("ebpf.syscalls", &attributes) >= expected as f64).then_some(()));
    assert_eq!(sink.sum("ebpf.syscalls", &attributes), expected as f64, "sink: {syscall} by {comm}");
}

#[test]
fn four_threads_of_a_process_that_exits_before_the_next_read_named_by_prctl() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    Workload::start(comm("prctl"), "threads", &[CALLS / 4, 4]).finish();
    expect_calls(&agent, &sink, comm("prctl"), "getppid", CALLS);
    assert!(agent.stop().0.success());
}

#[test]
fn four_threads_of_a_process_that_exits_before_the_next_read_named_by_exec() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join(comm("exec"));
    std::fs::copy(workload::program(), &program).unwrap();
    Workload::start_as(&program, "-", "threads", &[CALLS / 4, 4]).finish();
    expect_calls(&agent, &sink, comm("exec"), "getppid", CALLS);
    assert!(agent.stop().0.success());
}

#[test]
fn calls_that_block_and_come_back_on_another_cpu() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    Workload::start(comm("migrate"), "migrate", &[5_000]).finish();
    expect_calls(&agent, &sink, comm("migrate"), "sched_setaffinity", 5_000);
    expect_calls(&agent, &sink, comm("migrate"), "recvfrom", 5_000);
    // The last of the child's sees the end of the stream.
    expect_calls(&agent, &sink, comm("echo"), "recvfrom", 5_001);
    expect_calls(&agent, &sink, comm("echo"), "sendto", 5_000);
    assert!(agent.stop().0.success());
}

#[test]
fn calls_with_a_signal_before_and_in_each() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    let printed = Workload::start(comm("signals"), "signals", &[2_000]).finish();
    let handled: u64 = printed.trim().parse().unwrap();
    assert!(handled >= 4_000);
    expect_calls(&agent, &sink, comm("signals"), "getppid", 2_000);
    expect_calls(&agent, &sink, comm("signals"), "kill", 2_000);
    expect_calls(&agent, &sink, comm("signals"), "pselect6", 2_000);
    // One return from the handler of each signal; its result is a register, not an error.
    expect_calls(&agent, &sink, comm("signals"), "rt_sigreturn", handled);
    let labels = [("comm", comm("signals")), ("syscall", "rt_sigreturn")];
    assert_eq!(agent.page(0).sum("tfo_ebpf_syscall_errors", &labels), None);
    assert!(agent.stop().0.success());
}

#[test]
fn calls_after_exec_from_a_thread_that_is_not_the_leader() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    let load = Workload::start(comm("thread"), "exec", &[CALLS]);
    let pid = load.pid().to_string();
    load.finish();
    expect_calls(&agent, &sink, comm("thread"), "getppid", CALLS);
    let page = agent.page(0);
    let labels = [("comm", comm("thread")), ("syscall", "getppid")];
    let pids: Vec<&String> = page.find("tfo_ebpf_syscall_count", &labels).map(|sample| &sample.labels["pid"]).collect();
    assert_eq!(pids, [&pid]);
    assert!(agent.stop().0.success());
}

#[test]
fn calls_of_forked_children_are_the_children_s_and_fork_counts_once() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    let load = Workload::start(comm("fork"), "fork", &[2_500, 40]);
    let parent = load.pid().to_string();
    load.finish();
    expect_calls(&agent, &sink, comm("fork"), "getppid", CALLS);
    let page = agent.page(0);
    let labels = [("comm", comm("fork")), ("syscall", "getppid")];
    let mut children = 0;
    for sample in page.find("tfo_ebpf_syscall_count", &labels) {
        assert_eq!(sample.value, 2_500.0, "{sample:?}");
        assert_ne!(sample.labels["pid"], parent);
        children += 1;
    }
    assert_eq!(children, 40);
    // A child returns from a clone that it did not call.
    assert_eq!(page.sum("tfo_ebpf_syscall_count", &[("comm", comm("fork")), ("syscall", "clone")]), Some(40.0));
    assert!(agent.stop().0.success());
}

#[test]
fn a_call_in_flight_at_the_attach_counts_once_and_those_after_it_exactly() {
    let mut load = Workload::start(comm("flight"), "wait", &[CALLS]);
    load.rested();
    // It sleeps in read(2) now, or is about to.
    eventually("the blocking read", 5, || {
        let text = std::fs::read_to_string(format!("/proc/{}/syscall", load.pid())).unwrap();
        text.starts_with("0 ").then_some(())
    });
    let sink = Sink::start(0);
    let agent = start(&sink);
    load.finish();
    expect_calls(&agent, &sink, comm("flight"), "getppid", CALLS);
    expect_calls(&agent, &sink, comm("flight"), "read", 1);
    let read = [("comm", comm("flight")), ("syscall", "read")];
    assert_eq!(agent.page(0).sum("tfo_ebpf_syscall_latency_ns", &read), Some(0.0), "its start was not seen");
    assert!(agent.stop().0.success());
}

#[test]
fn the_latency_of_a_hundred_sleeps_is_the_caller_s_own_within_one_percent() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    let printed = Workload::start(comm("sleep"), "sleep", &[100, 10]).finish();
    let own: f64 = printed.trim().parse().unwrap();
    expect_calls(&agent, &sink, comm("sleep"), "nanosleep", 100);
    let labels = [("comm", comm("sleep")), ("syscall", "nanosleep")];
    let measured = agent.page(0).sum("tfo_ebpf_syscall_latency_ns", &labels).unwrap();
    let attributes = [("ebpf.comm", comm("sleep")), ("ebpf.syscall.name", "nanosleep")];
    let seconds = sink.sum("ebpf.syscall.time", &attributes);
    println!("caller {own} ns, page {measured} ns, off by {:.3} %", (own - measured) / own * 100.0);
    assert!((own - measured).abs() <= own / 100.0, "caller {own} ns, page {measured} ns");
    assert!((seconds * 1e9 - measured).abs() < 1.0, "sink {seconds} s, page {measured} ns");
    assert!(agent.stop().0.success());
}

#[test]
fn errors_are_counted_and_success_is_none() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join(comm("err"));
    std::fs::copy("/bin/cat", &program).unwrap();
    let missing = directory.path().join("missing");
    let status =
        std::process::Command::new(&program).args([&missing, &missing]).stderr(std::process::Stdio::null()).status();
    assert!(!status.unwrap().success());
    let labels = [("comm", comm("err")), ("syscall", "openat")];
    let errors = eventually("two errors", 10, || agent.page(0).sum("tfo_ebpf_syscall_errors", &labels));
    // cat may look for locale files that are not there, but it surely misses the two.
    assert!(errors >= 2.0);
    assert!(agent.page(0).sum("tfo_ebpf_syscall_count", &labels) > Some(errors), "the libraries were opened");
    assert!(agent.stop().0.success());
}

#[test]
fn what_finds_no_slot_is_in_the_overflow_stream_to_the_last_call() {
    let sink = Sink::start(0);
    let agent = start_small(&sink, 8, "1h");
    Workload::start(comm("over"), "rare", &[2_500, 40]).finish();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    let call = ("ebpf.syscall.name", "sched_rr_get_interval");
    let overflow = sink.sum("ebpf.syscalls", &[("otel.metric.overflow", "true"), call]);
    let named = sink.sum("ebpf.syscalls", &[("ebpf.comm", comm("over")), call]);
    println!("overflow {overflow}, in slots of their own {named}");
    assert_eq!(overflow + named, CALLS as f64);
    assert!(sink.sum("tfo.ebpf.loss", &[("reason", "process_folded")]) > 0.0);
}

#[test]
fn a_host_that_execs_all_the_time_keeps_room_for_newcomers() {
    let sink = Sink::start(0);
    let agent = start_small(&sink, 2_048, "200ms");
    // Some 20 cells each: several times as many as there are.
    let processes = "i=0; while [ $i -lt 1500 ]; do /bin/true; i=$((i+1)); done";
    assert!(std::process::Command::new("sh").args(["-c", processes]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(500));
    Workload::start(comm("new"), "getppid", &[CALLS]).finish();
    assert!(agent.stop().0.success());
    let attributes = [("ebpf.comm", comm("new")), ("ebpf.syscall.name", "getppid")];
    assert_eq!(sink.sum("ebpf.syscalls", &attributes), CALLS as f64);
}

#[test]
fn nothing_stays_attached_or_pinned() {
    let pins = pin_path();
    let agent = Agent::start(&format!(
        "extensions: {{ebpf: {{pin_path: {pins} }}}}\nreceivers: {{ebpf_syscalls: }}\nexporters: {{debug: }}\n\
         service: {{extensions: [ebpf], pipelines: {{metrics: {{receivers: [ebpf_syscalls], exporters: [debug]}}}}}}\n"
    ));
    let directory = std::path::Path::new(&pins);
    assert!(directory.join("tfo_cells").exists());
    let descriptors = format!("/proc/{}/fd", agent.pid());
    assert!(std::fs::read_dir(descriptors).unwrap().flatten().any(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().contains("bpf"))
    }));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert!(!directory.exists());
}
