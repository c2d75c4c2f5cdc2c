//! Exactness of the scheduler's figures, against the kernel's own books of the same process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use support::agent::{Agent, pin_path};
use support::page::Page;
use support::workload::{Workload, comm, proc_number};
use support::{eventually, slow};

/// With figures of the processes whose names match `include`.
fn start(interval: &str, include: &str) -> Agent {
    Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} }}
receivers:
  ebpf_scheduler: {{collection_interval: {interval}}}
processors:
  process_filter: {{include: ["{include}"]}}
exporters:
  prometheus: {{endpoint: "localhost:0", naming: otel}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_scheduler], processors: [process_filter], exporters: [prometheus]}}
"#,
        pins = pin_path(),
    ))
}

/// The regular expression of one name of this run.
fn only(name: &str) -> String {
    format!("^{}$", comm(name))
}

/// What the kernel says of one single-threaded process.
#[derive(Debug, PartialEq)]
struct Books {
    voluntary: u64,
    involuntary: u64,
    run_delay_ns: u64,
    runtime_ns: u64,
}

impl Books {
    fn of_kernel(pid: u32) -> Self {
        let schedstat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
        let numbers: Vec<u64> = schedstat.split_whitespace().map(|number| number.parse().unwrap()).collect();
        Self {
            voluntary: proc_number(pid, "status", "voluntary_ctxt_switches"),
            involuntary: proc_number(pid, "status", "nonvoluntary_ctxt_switches"),
            run_delay_ns: numbers[1],
            runtime_ns: numbers[0],
        }
    }

    fn of_page(page: &Page, pid: u32) -> Option<Self> {
        let pid = pid.to_string();
        let switches = |kind: &str| {
            page.sum("process_context_switches_total", &[("process_pid", &pid), ("process_context_switch_type", kind)])
        };
        let nanoseconds = |name: &str| Some((page.sum(name, &[("process_pid", &pid)])? * 1e9).round());
        Some(Self {
            voluntary: switches("voluntary")? as u64,
            involuntary: switches("involuntary")? as u64,
            run_delay_ns: nanoseconds("ebpf_sched_runqueue_time_seconds_total")? as u64,
            runtime_ns: nanoseconds("ebpf_sched_oncpu_time_seconds_total")? as u64,
        })
    }
}

/// Runs a workload that was started under the agent's eyes to its rest, and compares both books.
fn compare(what: &str, number: u64, rivals: &[(&str, u64)]) -> Books {
    // The kernel's books begin at fork. A read before the workload names itself leaves what came until then with the
    // name before, so that name is let in as well.
    let agent = start("500ms", ".");
    // Others that want a CPU, so that there is a run queue to wait in.
    let rivals: Vec<Workload> =
        rivals.iter().map(|(what, number)| Workload::start("rival", what, &[*number])).collect();
    let mut load = Workload::start(comm("sched"), what, &[number]);
    let cpu_ns = load.rested();
    let pid = load.pid();
    eventually("the process at rest", 60, || {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        state.contains(") S ").then_some(())
    });
    // The last slice comes with a read that begins after it.
    let page = eventually("the same books on the page, to the last nanosecond", 10, || {
        let (kernel, page) = (Books::of_kernel(pid), Books::of_page(&agent.page(0), pid)?);
        println!("{what}: kernel {kernel:?}\n{what}: page   {page:?}\n{what}: process clock {cpu_ns} ns");
        (page == kernel).then_some(page)
    });
    // It goes on for a moment after it has read its clock: to print that, and to come to rest.
    let moment = 1e6 * f64::from(slow());
    assert!((page.runtime_ns as f64 - cpu_ns).abs() < moment, "{page:?}, process clock {cpu_ns} ns");
    drop(load.finish());
    for rival in rivals {
        drop(rival.finish());
    }
    assert!(agent.stop().0.success());
    page
}

#[test]
fn a_mix_of_sleep_work_and_yield_equals_proc_to_the_last_switch() {
    let books = compare("mix", 300, &[("spin", 1_500); 3]);
    // On a slow machine a sleep may be over before the process has left its CPU.
    assert!(books.voluntary >= 300 / u64::from(slow()) && books.run_delay_ns > 0, "{books:?}");
}

#[test]
fn twenty_thousand_yields_equal_proc_to_the_last_switch() {
    let books = compare("yield", 20_000, &[("yield", 60_000)]);
    // Where a machine is slow its clock ticks often, as yields go.
    assert!(books.involuntary + books.voluntary > 10_000 / u64::from(slow()), "{books:?}");
}

#[test]
fn a_thousand_processes_of_two_milliseconds_are_all_there() {
    let agent = start("2s", &only("short"));
    let load = Workload::start(comm("short"), "short", &[1_000, 2]);
    let parent = load.pid().to_string();
    let charged: f64 = load.finish().trim().parse().unwrap();
    let labels = [("ebpf_comm", comm("short"))];
    let name = "ebpf_sched_oncpu_time_seconds_total";
    // The parent is the thousand and first.
    let page = eventually("a thousand processes", 20, || {
        let page = agent.page(0);
        (page.find(name, &labels).count() >= 1_001).then_some(page)
    });
    let children = page.find(name, &labels).filter(|sample| sample.labels["process_pid"] != parent);
    let each: Vec<f64> = children.map(|sample| sample.value * 1e9).collect();
    assert_eq!(each.len(), 1_000);
    let short = each.iter().filter(|ns| **ns < 2e6).count();
    assert_eq!(short, 0, "a process that worked 2 ms shows less");
    let total: f64 = each.iter().sum();
    println!("charged by the kernel {charged} ns, on the page {total} ns");
    // wait4 charges children up to the exit; the last microseconds of each exit come after that.
    assert!(total >= charged && total < charged * 1.3, "charged {charged} ns, page {total} ns");
    assert!(agent.stop().0.success());
}

#[test]
fn a_process_that_stays_on_its_cpu_is_seen_without_a_switch() {
    let agent = start("200ms", &only("spin"));
    let load = Workload::start(comm("spin"), "spin", &[1_500]);
    let pid = load.pid().to_string();
    let mut last = 0.0;
    let mut growing = 0;
    eventually("five growing readings", 15, || {
        let now = agent.page(0).sum("ebpf_sched_oncpu_time_seconds_total", &[("process_pid", &pid)]).unwrap_or(0.0);
        assert!(now >= last, "a counter went back from {last} to {now}");
        growing += i32::from(now > last);
        last = now;
        (growing >= 5).then_some(())
    });
    drop(load.finish());
    assert!(agent.stop().0.success());
}
