//! A kernel without BTF: what is counted by tracepoints, and that it is exact. This kernel has BTF, which an empty file
//! system hides from the agent.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use support::agent::{pin_path, without};
use support::measure::{Measurement, main_of, role};
use support::process_one::ProcessOne;
use support::sink::Sink;
use support::workload::{Workload, facts, proc_number, program};
use support::{eventually, slow};

const BTF: &str = "/sys/kernel/btf";

/// An agent that finds no BTF, with `receivers`.
fn measure(receivers: &[(&str, &str)]) -> Measurement {
    let measurement = Measurement::start_by(without(&[BTF], &[]), &pin_path(), "", receivers);
    assert!(measurement.agent.log().contains("tier taken tier=\"tracepoint\""), "{}", measurement.agent.log());
    measurement
}

fn calls(sink: &Sink, comm: &str, syscall: &str) -> f64 {
    sink.sum("ebpf.syscalls", &[("ebpf.comm", comm), ("ebpf.syscall.name", syscall)])
}

/// Nothing was given up, and both books agree.
fn expect_whole(sink: &Sink) {
    for reason in ["process_folded", "cell_folded", "task_storage", "socket_storage", "bucket_folded"] {
        assert_eq!(sink.sum("tfo.ebpf.loss", &[("reason", reason)]), 0.0, "{reason}");
    }
    assert_eq!(sink.sum("tfo.ebpf.selfcheck.difference", &[]), 0.0);
}

#[test]
fn calls_are_exact_also_of_processes_that_are_gone_between_two_reads() {
    let measurement = measure(&[("ebpf_syscalls", "")]);
    Workload::start(main_of("th"), "threads", &[25_000, 4]).finish();
    Workload::start(main_of("sh"), "rare", &[5, 2_000]).finish();
    Workload::start(main_of("xc"), "exec", &[10_000]).finish();
    Workload::start(main_of("en"), "errnos", &[500]).finish();
    Workload::start(main_of("ex"), "exits", &[300]).finish();
    let sink = measurement.end();
    assert_eq!(calls(&sink, main_of("th"), "getppid"), 100_000.0);
    assert_eq!(calls(&sink, main_of("sh"), "sched_rr_get_interval"), 10_000.0);
    assert_eq!(calls(&sink, main_of("sh"), "clone"), 2_000.0, "a child returns from a clone that it did not call");
    assert_eq!(calls(&sink, main_of("xc"), "getppid"), 10_000.0);
    assert_eq!(calls(&sink, role("ex", "gone"), "exit_group"), 300.0, "which never return");
    for (syscall, errno) in [("openat", "ENOENT"), ("openat", "ENOTDIR"), ("close", "EBADF"), ("read", "EAGAIN")] {
        let attributes = [("ebpf.comm", role("en", "work")), ("ebpf.syscall.name", syscall), ("error.type", errno)];
        assert_eq!(sink.sum("ebpf.syscall.errors", &attributes), 500.0, "{syscall} {errno}");
    }
    expect_whole(&sink);
}

#[test]
fn switches_equal_proc_to_the_last_one_and_times_but_for_a_moment_each() {
    for (test, what, number) in [("sy", "yield", 20_000), ("sm", "mix", 300)] {
        let measurement = measure(&[("ebpf_scheduler", "")]);
        let rivals: Vec<Workload> = (0..2).map(|_| Workload::start("rival", what, &[3 * number])).collect();
        let mut load = Workload::start(main_of(test), what, &[number]);
        let cpu_ns = load.rested();
        let pid = load.pid();
        eventually("the process at rest", 60, || {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") S ").then_some(())
        });
        let books = ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"];
        let kernel = books.map(|key| proc_number(pid, "status", key) as f64);
        let label = pid.to_string();
        let shown = || {
            ["voluntary", "involuntary"].map(|kind| {
                let attributes = [("process.pid", label.as_str()), ("process.context_switch.type", kind)];
                measurement.sink.sum("process.context_switches", &attributes)
            })
        };
        eventually("the last switch", 10, || (shown()[0] >= kernel[0]).then_some(()));
        assert_eq!(shown(), kernel, "{what}");
        let sum = |name: &str| measurement.sink.sum(name, &[("process.pid", &label)]) * 1e9;
        let schedstat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
        let waited: f64 = schedstat.split_whitespace().nth(1).unwrap().parse().unwrap();
        let (on_cpu, in_queue) = (sum("ebpf.sched.oncpu.time"), sum("ebpf.sched.runqueue.time"));
        println!("{what}: on CPU {on_cpu} of {cpu_ns} ns, waited {in_queue} of {waited} ns, switches {kernel:?}");
        // The clock is read at the tracepoint, the kernel's own a moment before or after: it may be the moment in which a
        // host takes the virtual CPU away.
        let margin = |of: f64| of * 0.02 + f64::from(slow()) * (10e6 + 1e3 * kernel.iter().sum::<f64>());
        assert!((on_cpu - cpu_ns).abs() < margin(cpu_ns), "{what}: {on_cpu} ns on a CPU, by its own clock {cpu_ns}");
        assert!((in_queue - waited).abs() < margin(waited), "{what}: {in_queue} ns waited, to the kernel {waited}");
        rivals.into_iter().chain([load]).for_each(|load| drop(load.finish()));
        measurement.end();
    }
}

/// Faults of all names of a process, by what `more` says.
fn faults(sink: &Sink, pid: &str, kind: &str, more: &[(&str, &str)]) -> f64 {
    let attributes = [&[("process.pid", pid), ("system.paging.fault.type", kind)], more].concat();
    sink.sum("process.paging.faults", &attributes)
}

#[test]
fn faults_equal_getrusage_but_for_the_pages_that_exec_makes_for_its_arguments() {
    for (test, what, number) in
        [("fu", "user-faults", 10_000), ("fk", "kernel-faults", 5_000), ("fm", "major-faults", 300)]
    {
        let measurement = measure(&[("ebpf_memory", "")]);
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(program());
        command.current_dir(directory.path());
        let mut load = Workload::spawn(command, main_of(test), what, &[number]);
        let work = facts(&format!("{}\n{}", load.line(), load.line()));
        load.rested();
        let pid = load.pid().to_string();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split_whitespace().collect();
        let [minor, major] = [8, 10].map(|at| fields[at].parse::<f64>().unwrap());
        eventually("the faults", 10, || (faults(&measurement.sink, &pid, "minor", &[]) >= minor - 2.0).then_some(()));
        let shown = ["minor", "major"].map(|kind| faults(&measurement.sink, &pid, kind, &[]));
        println!("{what}: work {work:?}, kernel {minor} and {major}, shown {shown:?}");
        assert!((0.0..=2.0).contains(&(minor - shown[0])), "{what}: kernel {minor}, shown {shown:?}");
        assert_eq!(shown[1], major, "{what}");
        let mode = if what == "kernel-faults" { "kernel" } else { "user" };
        let kind = if what == "major-faults" { "major" } else { "minor" };
        let marked = faults(&measurement.sink, &pid, kind, &[("ebpf.paging.mode", mode)]);
        // Where temporary files are in memory no fault of one is major.
        let expected = work[kind].min(number as f64);
        assert!(marked >= expected, "{what}: {marked} in {mode} mode");
        load.finish();
        measurement.end();
    }
}

#[test]
fn transitions_of_two_hundred_connections_are_their_owners() {
    let measurement = measure(&[("ebpf_tcpstate", ""), ("ebpf_network", "")]);
    let process_one = ProcessOne::transitions();
    for (test, family) in [("t4", 4), ("t6", 6)] {
        Workload::start(main_of(test), "script", &[family, 200]).finish();
    }
    measurement.agent.expect_log("no bytes, datagrams or round trips", 5);
    // An interrupt in the midst of a program brings transitions that the kernel runs none for, and says how many.
    let lost = |sink: &Sink| sink.sum("tfo.ebpf.loss", &[("reason", "recursion")]) + process_one.seen() as f64;
    // The last acknowledgements may come when the processes are gone.
    eventually("the end of every connection", 30, || {
        let names = ["t4", "t6"].into_iter().flat_map(|test| ["cli", "srv"].map(|name| role(test, name)));
        let ended = names.map(|name| measurement.sink.sum("ebpf.tcp.connections.closed", &[("ebpf.comm", name)]));
        (ended.sum::<f64>() + lost(&measurement.sink) >= 800.0).then_some(())
    });
    let sink = measurement.end();
    let lost = lost(&sink);
    for (test, network) in [("t4", "ipv4"), ("t6", "ipv6")] {
        let transitions = |name: &str| {
            sink.with(|received| {
                let of = |labels: &BTreeMap<String, String>| {
                    labels.get("ebpf.comm").is_some_and(|comm| comm == role(test, name))
                };
                let streams = received
                    .last
                    .iter()
                    .filter(|((metric, labels), _)| metric == "ebpf.tcp.state.transitions" && of(labels));
                let words = |labels: &BTreeMap<String, String>| {
                    format!("{} {}", labels["ebpf.tcp.state.from"], labels["ebpf.tcp.state.to"])
                };
                streams.map(|((_, labels), value)| (words(labels), *value)).collect::<BTreeMap<_, _>>()
            })
        };
        let rows = |rows: &[(&str, f64)]| rows.iter().map(|(words, count)| ((*words).to_owned(), *count)).collect();
        let client: BTreeMap<String, f64> = rows(&[
            ("closed syn_sent", 200.0),
            ("syn_sent established", 200.0),
            ("established fin_wait_1", 200.0),
            ("fin_wait_1 fin_wait_2", 200.0),
            ("fin_wait_2 closed", 200.0),
        ]);
        let server: BTreeMap<String, f64> = rows(&[
            ("closed listen", 1.0),
            ("listen syn_received", 200.0),
            ("syn_received established", 200.0),
            ("established close_wait", 200.0),
            ("close_wait last_ack", 200.0),
            ("last_ack closed", 200.0),
            ("listen closed", 1.0),
        ]);
        let whole = |seen: f64, made: f64| (made - lost..=made).contains(&seen);
        for (name, made) in [("cli", client), ("srv", server)] {
            let seen = transitions(name);
            println!("{test} {name}: {seen:?}, {lost} lost");
            assert!(seen.keys().eq(made.keys()), "{test} {name}: {seen:?}");
            assert!(
                seen.values().zip(made.values()).all(|(seen, made)| whole(*seen, *made)),
                "{test} {name}: {seen:?}"
            );
        }
        for (name, part) in [("cli", "active"), ("srv", "passive")] {
            let made = [("ebpf.comm", role(test, name)), ("ebpf.tcp.role", part), ("network.type", network)];
            assert!(whole(sink.sum("ebpf.tcp.connections", &made), 200.0), "{test} {name}");
            let closed = sink.sum("ebpf.tcp.connections.closed", &[("ebpf.comm", role(test, name))]);
            assert!(whole(closed, 200.0), "{test} {name}: {closed}");
        }
    }
    expect_whole(&sink);
}

#[test]
fn file_operations_are_exact_and_of_an_unknown_type() {
    const ROUNDS: f64 = 20.0;
    let measurement = measure(&[("ebpf_fileio", "")]);
    assert!(measurement.agent.expect_log("reported as unknown, whatever file_types says", 5).contains("WARN"));
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(directory.path(), Some(0), Some(0)).unwrap();
    let mut command = Command::new(program());
    command.current_dir(directory.path());
    let printed = Workload::spawn(command, main_of("fi"), "files", &[ROUNDS as u64]).finish();
    let facts = facts(&printed);
    let sink = measurement.end();
    let done = |name: &str, operation: &str| {
        let labels =
            [("ebpf.comm", role("fi", "work")), ("ebpf.file.operation", operation), ("ebpf.file.type", "unknown")];
        sink.sum(name, &labels)
    };
    // Ten times a round each of a pipe, a socket and a device; two devices and a directory are opened; and it prints
    // what it did in two writes.
    let others = 30.0 * ROUNDS;
    let rows = [
        ("read", facts["reads"] + facts["failed_reads"] + others),
        ("write", facts["writes"] + facts["failed_writes"] + others + 2.0),
        ("open", facts["opens"] + facts["failed_opens"] + facts["directories"] + 2.0 * ROUNDS),
        ("fsync", facts["syncs"] + facts["failed_syncs"]),
    ];
    for (operation, expected) in rows {
        assert_eq!(done("ebpf.file.operations", operation), expected, "{operation}");
    }
    let bytes = ["read", "write"].map(|operation| done("ebpf.file.io", operation));
    let said = printed.len() as f64;
    assert_eq!(bytes, [facts["bytes_read"] + 8.0 * others, facts["bytes_written"] + 8.0 * others + said]);
    let errors = sink.sum("ebpf.file.errors", &[("ebpf.comm", role("fi", "work")), ("error.type", "ENOENT")]);
    assert_eq!(errors, 3.0 * ROUNDS);
    expect_whole(&sink);
}

#[test]
fn nothing_of_bpf_is_used_that_4_15_has_not() {
    let workload = program();
    let wrapper = [workload.to_str().unwrap(), "-", "bpf-of-4-15"].map(str::to_owned);
    let receivers = [
        ("ebpf_syscalls", "histograms: false"),
        ("ebpf_network", ""),
        ("ebpf_fileio", ""),
        ("ebpf_scheduler", ""),
        ("ebpf_memory", ""),
        ("ebpf_tcpstate", ""),
    ];
    let measurement = Measurement::start_by(without(&[BTF], &wrapper), &pin_path(), "", &receivers);
    Workload::start(main_of("of"), "fork", &[2_500, 4]).finish();
    let sink = measurement.end();
    assert_eq!(calls(&sink, main_of("of"), "getppid"), 10_000.0);
    assert_eq!(sink.sum("tfo.ebpf.attached", &[]), 6.0);
    expect_whole(&sink);
}
