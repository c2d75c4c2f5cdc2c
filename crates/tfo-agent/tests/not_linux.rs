//! Where there is no Linux: the agent starts, says so, and its page is there, without a figure of the kernel.
//!
//! Feature `stub` has it do so on this machine: `scripts/cargo test -p tfo-agent --features stub --test not_linux`.
#![cfg(feature = "stub")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::path::Path;

use support::agent::{Agent, pin_path};
use support::eventually;

const RECEIVERS: &str = "ebpf_syscalls, ebpf_network, ebpf_fileio, ebpf_scheduler, ebpf_memory, ebpf_tcpstate";

fn configuration(pins: &str) -> String {
    let receivers: String =
        RECEIVERS.split(", ").map(|name| format!("  {name}: {{collection_interval: 50ms}}\n")).collect();
    format!(
        r#"
extensions: {{ebpf: {{pin_path: {pins} , tiers: [task_storage, hash, tracepoint], attach_types: [tp_btf]}}}}
receivers:
{receivers}
processors: {{process_filter: }}
exporters: {{prometheus: {{endpoint: "127.0.0.1:0"}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [{RECEIVERS}], processors: [process_filter], exporters: [prometheus]}}
"#
    )
}

#[test]
fn it_starts_says_so_once_and_serves_a_page_without_figures_of_a_kernel() {
    let pins = pin_path();
    let agent = Agent::start(&configuration(&pins));
    // Each receiver has read, and read nothing.
    let page = eventually("six receivers that have read", 60, || {
        let page = agent.page(0);
        let read = page.find("otelcol_receiver_accepted_metric_points", &[]).count();
        (read == 6).then_some(page)
    });
    assert_eq!(page.samples.iter().filter(|sample| sample.name.starts_with("tfo_ebpf_")).count(), 0, "{}", page.text);
    assert_eq!(page.sum("otelcol_receiver_accepted_metric_points", &[]), Some(0.0), "{}", page.text);
    assert!(!Path::new(&pins).exists());
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    let said = log.lines().filter(|line| line.contains("eBPF collector: not running on Linux, metrics will be empty"));
    assert_eq!(said.filter(|line| line.contains("INFO")).count(), 1, "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}
