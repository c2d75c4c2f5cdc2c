//! A minute (or `TFO_SOAK_SECONDS`) of processes and connections that come and go: the agent neither grows nor
//! disagrees with itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::time::{Duration, Instant};

use support::agent::{Agent, pin_path};
use support::workload::{Workload, comm, proc_number};

/// Resident memory that is the agent's own, in KiB: what is mapped from files is shared, and so are the maps.
fn resident_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn mean(values: &[u64]) -> u64 {
    values.iter().sum::<u64>() / values.len() as u64
}

#[test]
fn churn_leaves_the_agent_as_it_was_and_in_agreement_with_itself() {
    let seconds = std::env::var("TFO_SOAK_SECONDS").map_or(60, |value| value.parse().unwrap());
    let receivers = ["ebpf_syscalls", "ebpf_network", "ebpf_fileio", "ebpf_scheduler", "ebpf_memory", "ebpf_tcpstate"];
    let names = receivers.join(", ");
    let each = receivers.map(|name| format!("  {name}: {{collection_interval: 500ms}}\n")).concat();
    // One page of slots, so that there is a limit to reach. The scrape page has what is about no process only: it
    // keeps what has exited for minutes, and is not what is looked at here.
    let agent = Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins}, max_processes: 1024 }}
receivers:
{each}
processors:
  process_filter: {{include: ["^no such name$"]}}
exporters:
  debug:
  prometheus: {{endpoint: "127.0.0.1:0", naming: otel}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [{names}], exporters: [debug]}}
    metrics/self: {{receivers: [{names}], processors: [process_filter], exporters: [prometheus]}}
"#,
        pins = pin_path(),
    ));
    let load = Workload::start(comm("churn"), "churn", &[]);
    // The first tenth fills what has a limit: slots, streams, queues.
    std::thread::sleep(Duration::from_secs(seconds / 10));
    let (mut resident, mut memory) = (Vec::new(), Vec::new());
    let end = Instant::now() + Duration::from_secs(seconds * 9 / 10);
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(500));
        resident.push(resident_kib(agent.pid()));
        let page = agent.page(0);
        memory.push(page.sum("tfo_ebpf_map_memory_bytes", &[]).unwrap_or(0.0));
        let differences: Vec<_> = page.find("tfo_ebpf_selfcheck_difference", &[]).cloned().collect();
        assert!(!differences.is_empty(), "no self-check");
        assert!(differences.iter().all(|check| check.value == 0.0), "{differences:?}");
    }
    let made = load.finish();
    let numbers: Vec<f64> = made.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let threads = proc_number(agent.pid(), "status", "Threads");
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    let (first, second) = resident.split_at(resident.len() / 2);
    println!("{made:?}: {} KiB, then {} KiB, {threads} threads, maps {:?}", mean(first), mean(second), memory.last());
    assert!(numbers[0] > 1_000.0 && numbers[1] > 1_000.0, "too little happened: {made}");
    assert!(mean(second) * 100 <= mean(first) * 105 + 25_600, "{} KiB, then {} KiB", mean(first), mean(second));
    assert!(memory.iter().all(|bytes| *bytes == memory[0] && *bytes > 0.0), "{memory:?}");
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}
