//! More processes than there is room for, in a file of its own: it takes the slots of all other tests beside it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use support::agent::{Agent, pin_path};
use support::eventually;
use support::sink::Sink;
use support::workload::{Workload, comm};

fn start(sink: &Sink) -> Agent {
    Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins}, max_processes: 10240 }}
receivers:
  ebpf_syscalls: {{collection_interval: 20s}}
exporters:
  otlp_grpc: {{endpoint: "{sink}", tls: {{insecure: true}}}}
  prometheus: {{endpoint: "127.0.0.1:0", naming: otel}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], exporters: [otlp_grpc, prometheus]}}
"#,
        pins = pin_path(),
        sink = sink.address,
    ))
}

/// Bytes of all pages of sockets but the first; they come with connections.
const FURTHER_SOCKETS: f64 = 15.0 * 327_680.0;

#[test]
fn twenty_thousand_short_lives_between_two_reads_lose_no_call_and_no_memory() {
    let sink = Sink::start(0);
    let agent = start(&sink);
    // With that many alive the table has all of its pages; it keeps them.
    let mut alive = Workload::start(comm("alive"), "alive", &[9_000]);
    alive.rested();
    let memory = || agent.page(0).sum("tfo_ebpf_map_memory_bytes", &[]).unwrap_or(0.0);
    let most = agent.expect_log("maps ready", 1);
    let most: f64 = most.split_once("map_bytes_at_most=").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    drop(alive.finish());
    eventually("a table of 10,240 in which those that ended have been read", 60, || {
        let free = agent.page(0).sum("tfo_ebpf_slots_free", &[]).unwrap_or(0.0);
        (memory() >= most - FURTHER_SOCKETS && free > 5_000.0).then_some(())
    });
    let before = memory();
    Workload::start(comm("crowd"), "crowd", &[20_000, 10]).finish();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    let call = ("ebpf.syscall.name", "sched_rr_get_interval");
    let named = sink.sum("ebpf.syscalls", &[("ebpf.comm", comm("crowd")), call]);
    let overflow = sink.sum("ebpf.syscalls", &[("otel.metric.overflow", "true"), call]);
    let folded = ["process_folded", "cell_folded"].map(|reason| sink.sum("tfo.ebpf.loss", &[("reason", reason)]));
    println!("{}", log.lines().rev().take(14).collect::<Vec<_>>().join("\n"));
    println!("named {named}, overflow {overflow}, folded processes {} cells {}, memory {before}", folded[0], folded[1]);
    assert_eq!(named + overflow, 200_000.0);
    assert!(folded.iter().sum::<f64>() > 0.0, "they cannot all have had room");
    assert!(folded.iter().sum::<f64>() >= overflow / 10.0, "each of them made ten calls: {folded:?}");
    assert_eq!(sink.sum("tfo.ebpf.map.memory", &[]), before);
    assert_eq!(sink.sum("tfo.ebpf.selfcheck.difference", &[]), 0.0);
}
