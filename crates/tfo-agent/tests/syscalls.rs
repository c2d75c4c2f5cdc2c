//! Exactness of syscalls: what a process did is what the sink and the page say, to the last call.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::time::{Duration, Instant};

use support::agent::{Agent, pin_path};
use support::measure::{Measurement, accounts_for, main_of, role};
use support::sink::Sink;
use support::workload::{self, Workload, comm};
use support::{eventually, patience, slow};

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
    start_with(sink, &format!("max_processes: {max_processes}"), interval)
}

/// An agent with one more key of `ebpf` that pushes all it has.
fn start_with(sink: &Sink, key: &str, interval: &str) -> Agent {
    Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins}, {key} }}
receivers:
  ebpf_syscalls: {{collection_interval: {interval} }}
exporters:
  otlp_grpc: {{endpoint: "{sink}", tls: {{insecure: true}}}}
  prometheus: {{endpoint: "127.0.0.1:0"}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], exporters: [otlp_grpc, prometheus]}}
"#,
        pins = pin_path(),
        sink = sink.address,
    ))
}

/// Waits until the page says `expected` calls of `syscall` by processes called `comm`, and the sink too.
fn expect_calls(agent: &Agent, sink: &Sink, comm: &str, syscall: &str, expected: u64) {
    let labels = [("comm", comm), ("syscall", syscall)];
    let name = "tfo_ebpf_syscall_count";
    let deadline = Instant::now() + patience(20);
    let mut page = agent.page(0);
    while page.sum(name, &labels) < Some(expected as f64) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
        page = agent.page(0);
    }
    let seen: Vec<_> = page.find(name, &labels).collect();
    let left_out = page.sum("tfo_ebpf_loss_total", &[("reason", "recursion")]).unwrap_or(0.0);
    let sum = page.sum(name, &labels).unwrap_or(0.0);
    assert!(accounts_for(sum, expected as f64, left_out), "page: {sum} of {expected} {syscall} by {comm}: {seen:?}");
    let attributes = [("ebpf.comm", comm), ("ebpf.syscall.name", syscall)];
    eventually("the same at the sink", 30, || (sink.sum("ebpf.syscalls", &attributes) >= sum).then_some(()));
    assert_eq!(sink.sum("ebpf.syscalls", &attributes), sum, "sink: {syscall} by {comm}");
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
fn four_threads_where_memory_allows_one_copy_of_the_counters_for_all_cpus() {
    let sink = Sink::start(0);
    let agent = start_with(&sink, "max_processes: 1024, max_map_memory: 2300KiB", "1s");
    Workload::start(comm("shared"), "threads", &[CALLS, 4]).finish();
    expect_calls(&agent, &sink, comm("shared"), "getppid", 4 * CALLS);
    // A copy takes 1.1 MiB: there is no room for two.
    let bytes = agent.page(0).sum("tfo_ebpf_map_memory_bytes", &[]).unwrap();
    assert!(bytes < 2_300.0 * 1024.0, "{bytes} bytes");
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
    let left_out = page.sum("tfo_ebpf_loss_total", &[("reason", "recursion")]).unwrap_or(0.0);
    let mut children = 0;
    for sample in page.find("tfo_ebpf_syscall_count", &labels) {
        assert!(accounts_for(sample.value, 2_500.0, left_out), "{sample:?}");
        assert_ne!(sample.labels["pid"], parent);
        children += 1;
    }
    assert_eq!(children, 40);
    // A child returns from a clone that it did not call.
    let clones = page.sum("tfo_ebpf_syscall_count", &[("comm", comm("fork")), ("syscall", "clone")]);
    assert!(clones.is_some_and(|clones| accounts_for(clones, 40.0, left_out)), "{clones:?} of 40");
    assert!(agent.stop().0.success());
}

#[test]
fn a_call_in_flight_at_the_attach_counts_once_and_those_after_it_exactly() {
    let mut load = Workload::start(comm("flight"), "wait", &[CALLS]);
    load.rested();
    // It sleeps in read(2) now, or is about to.
    eventually("the blocking read", 60, || {
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
    // On a slow machine fewer and longer ones: what its own clock takes would be more than a percent of each.
    let slow = u64::from(slow());
    let count = (100 / slow).max(1);
    let printed = Workload::start(comm("sleep"), "sleep", &[count, 10 * slow]).finish();
    let own: f64 = printed.trim().parse().unwrap();
    expect_calls(&agent, &sink, comm("sleep"), "nanosleep", count);
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

/// Calls of `syscall` by `comm` at the sink.
fn calls(sink: &Sink, comm: &str, syscall: &str) -> f64 {
    sink.sum("ebpf.syscalls", &[("ebpf.comm", comm), ("ebpf.syscall.name", syscall)])
}

#[test]
fn errors_are_counted_by_errno_and_a_restart_is_none() {
    let measurement = Measurement::start(&[("ebpf_syscalls", "")]);
    Workload::start(main_of("en"), "errnos", &[500]).finish();
    let sink = measurement.end();
    let comm = role("en", "work");
    let errors = |syscall: &str, more: &[(&str, &str)]| {
        let attributes = [&[("ebpf.comm", comm), ("ebpf.syscall.name", syscall)], more].concat();
        sink.sum("ebpf.syscall.errors", &attributes)
    };
    // In all, so that none of them is under another errno too.
    let all = ["openat", "close", "read", "epoll_pwait", "write"].map(|syscall| errors(syscall, &[]));
    assert_eq!(all, [1_000.0, 500.0, 500.0, 500.0, 0.0]);
    // To the program it is EINTR; to the kernel a call that would be made again without the handler.
    assert_eq!((calls(&sink, comm, "pselect6"), errors("pselect6", &[])), (500.0, 0.0));
    let counted = ["openat", "close", "read"].map(|syscall| calls(&sink, comm, syscall));
    assert_eq!(counted, [1_500.0, 1_000.0, 1_000.0]);
    let rows = [
        ("openat", "ENOENT", 500.0),
        ("openat", "ENOTDIR", 500.0),
        ("close", "EBADF", 500.0),
        ("read", "EAGAIN", 500.0),
        ("epoll_pwait", "EINTR", 500.0),
    ];
    for (syscall, errno, expected) in rows {
        assert_eq!(errors(syscall, &[("error.type", errno)]), expected, "{syscall} {errno}");
    }
}

#[test]
fn calls_that_never_return_are_counted_once_and_take_no_time() {
    let measurement = Measurement::start(&[("ebpf_syscalls", "")]);
    Workload::start(main_of("ex"), "exits", &[300]).finish();
    Workload::start(main_of("et"), "thread-exits", &[300]).finish();
    Workload::start(main_of("ek"), "killed", &[100]).finish();
    let sink = measurement.end();
    assert_eq!(calls(&sink, role("ex", "gone"), "exit_group"), 300.0);
    assert_eq!(calls(&sink, main_of("ex"), "exit_group"), 1.0);
    assert_eq!((calls(&sink, main_of("et"), "exit"), calls(&sink, main_of("et"), "exit_group")), (300.0, 1.0));
    // Two threads of each. The kill ends their reads by ERESTARTSYS before it ends them, so these have a time.
    let killed = role("ek", "killed");
    assert_eq!(calls(&sink, killed, "read"), 200.0);
    assert_eq!(calls(&sink, killed, "exit_group"), 0.0, "a kill is no call");
    for (comm, syscall) in [(role("ex", "gone"), "exit_group"), (main_of("et"), "exit"), (killed, "read")] {
        let attributes = [("ebpf.comm", comm), ("ebpf.syscall.name", syscall)];
        assert_eq!(sink.sum("ebpf.syscall.time", &attributes) > 0.0, syscall == "read", "{syscall}");
        assert_eq!(sink.sum("ebpf.syscall.errors", &attributes), 0.0, "{syscall}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_the_32_bit_entry_have_its_names_and_say_so() {
    let measurement = Measurement::start(&[("ebpf_syscalls", "")]);
    Workload::start(main_of("co"), "compat", &[1_000]).finish();
    let sink = measurement.end();
    let compat = [("ebpf.comm", main_of("co")), ("ebpf.syscall.abi", "compat")];
    assert_eq!(sink.sum("ebpf.syscalls", &compat), 1_000.0);
    let named = [compat[0], compat[1], ("ebpf.syscall.name", "getpid")];
    assert_eq!(sink.sum("ebpf.syscalls", &named), 1_000.0);
    // Each answer was compared with that of the 64-bit entry.
    assert_eq!(calls(&sink, main_of("co"), "getpid"), 2_000.0);
    assert_eq!(calls(&sink, main_of("co"), "writev"), 0.0, "which has this number for 64 bits");
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
    let left_out = sink.sum("tfo.ebpf.loss", &[("reason", "recursion")]);
    assert!(accounts_for(overflow + named, CALLS as f64, left_out), "{left_out} runs left out");
    assert!(sink.sum("tfo.ebpf.loss", &[("reason", "process_folded")]) > 0.0);
}

#[test]
fn a_host_that_execs_all_the_time_keeps_room_for_newcomers() {
    let sink = Sink::start(0);
    // Not more often than a slow machine can send it all.
    let agent = start_small(&sink, 2_048, &format!("{}ms", 200 * slow().min(10)));
    // Some 20 cells each: several times as many as there are.
    let processes = "i=0; while [ $i -lt 1500 ]; do /bin/true; i=$((i+1)); done";
    assert!(std::process::Command::new("sh").args(["-c", processes]).status().unwrap().success());
    // Room comes back when the agent reads.
    let before = sink.with(|received| received.accepted);
    eventually("three more reads", 10, || sink.with(|received| received.accepted >= before + 3).then_some(()));
    Workload::start(comm("new"), "getppid", &[CALLS]).finish();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    let attributes = [("ebpf.comm", comm("new")), ("ebpf.syscall.name", "getppid")];
    assert_eq!(sink.sum("ebpf.syscalls", &attributes), CALLS as f64, "{log}");
}

/// Whether something below `directory` is called `name`.
fn find(directory: &std::path::Path, name: &str) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name() == name || find(&entry.path(), name))
}

#[test]
fn nothing_stays_attached_or_pinned() {
    let pins = pin_path();
    let agent = Agent::start(&format!(
        "extensions: {{ebpf: {{pin_path: {pins} }}}}\nreceivers: {{ebpf_syscalls: }}\nexporters: {{debug: }}\n\
         service: {{extensions: [ebpf], pipelines: {{metrics: {{receivers: [ebpf_syscalls], exporters: [debug]}}}}}}\n"
    ));
    let directory = std::path::Path::new(&pins);
    assert!(find(directory, "tfo_control") && find(directory, "tfo_sys_exit_link"));
    let descriptors = format!("/proc/{}/fd", agent.pid());
    assert!(std::fs::read_dir(descriptors).unwrap().flatten().any(|entry| {
        std::fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().contains("bpf"))
    }));
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert!(!directory.exists());
}
