//! An agent that measures the whole machine into a sink and a page, for tests that make known events and look for
//! them by the names of their processes.

use std::process::Command;
use std::time::{Duration, Instant};

use super::agent::{Agent, binary, pin_path};
use super::sink::Sink;
use super::{patience, workload};

/// A running agent, its sink, and its page with the operations guide's names.
pub(crate) struct Measurement {
    pub(crate) agent: Agent,
    pub(crate) sink: Sink,
}

impl Measurement {
    /// An agent with `receivers`, each with its keys, such as `("ebpf_fileio", "file_types: [pipe]")`.
    pub(crate) fn start(receivers: &[(&str, &str)]) -> Self {
        Self::start_on(&pin_path(), "", receivers)
    }

    /// As [`start`](Self::start), with `keys` of the extension.
    pub(crate) fn start_with(keys: &str, receivers: &[(&str, &str)]) -> Self {
        Self::start_on(&pin_path(), keys, receivers)
    }

    fn start_on(pins: &str, keys: &str, receivers: &[(&str, &str)]) -> Self {
        Self::start_by(binary(), pins, keys, receivers)
    }

    /// As [`start`](Self::start), by a command that ends in the agent's binary.
    pub(crate) fn start_by(command: Command, pins: &str, keys: &str, receivers: &[(&str, &str)]) -> Self {
        let sink = Sink::start(0);
        let agent = Agent::start_by(&configuration(pins, keys, receivers, &sink), command);
        Self { agent, sink }
    }

    /// Ends the agent, which delivers all that it has counted.
    pub(crate) fn end(self) -> Sink {
        let (status, log) = self.agent.stop();
        println!("{log}");
        assert!(status.success());
        self.sink
    }

    /// Waits until the page says `expected` in sum for what has `labels`, and not more.
    pub(crate) fn expect_page(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let deadline = Instant::now() + patience(10);
        let is_all = || {
            let page = self.agent.page(0);
            let left_out = page.sum("tfo_ebpf_loss_total", &[("reason", "recursion")]).unwrap_or(0.0);
            let largest = if name.contains("bytes") { 65_536.0 } else { 1.0 };
            let seen = page.sum(name, labels);
            (seen, seen.is_some_and(|seen| accounts_for(seen, expected, left_out * largest)))
        };
        let mut last = is_all();
        while !last.1 && last.0 <= Some(expected) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
            last = is_all();
        }
        if last.0 != Some(expected) {
            let of_this_run = format!("{:x}-", std::process::id());
            let page = self.agent.page(0).text;
            page.lines()
                .filter(|line| line.contains(&of_this_run) || line.starts_with("tfo_ebpf_loss"))
                .for_each(|line| println!("{line}"));
        }
        assert!(last.1, "{name} {labels:?}: {:?} of {expected}, {}", last.0, self.agent.log());
    }
}

/// Whether `seen` is all that was `made`. From Linux 7.0 on a task may leave its CPU within a program, and the kernel
/// leaves that program out meanwhile: there what is missing is no more than it says it `left_out`.
pub(crate) fn accounts_for(seen: f64, made: f64, left_out: f64) -> bool {
    let missing = made - seen;
    missing == 0.0 || (receiver_ebpf::kernel_series() >= (7, 0) && (0.0..=left_out).contains(&missing))
}

/// A configuration with `receivers` that read twice a second, unless they say how often, a page and `sink`.
pub(crate) fn configuration(pins: &str, keys: &str, receivers: &[(&str, &str)], sink: &Sink) -> String {
    let names: Vec<&str> = receivers.iter().map(|(name, _)| *name).collect();
    let each: String = receivers
        .iter()
        .map(|(name, keys)| {
            let interval = if keys.contains("collection_interval") { "" } else { "collection_interval: 500ms, " };
            format!("  {name}: {{{interval}{keys}}}\n")
        })
        .collect();
    let keys = if keys.is_empty() { String::new() } else { format!(", {keys}") };
    format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} {keys} }}
receivers:
{each}
exporters:
  prometheus: {{endpoint: "localhost:0"}}
  otlp_grpc: {{endpoint: "{sink}", tls: {{insecure: true}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [{names}], exporters: [prometheus, otlp_grpc]}}
"#,
        names = names.join(", "),
        sink = sink.address,
    )
}

/// Name of the process `role` of the workload of `test`, which was started as [`main_of`] it.
pub(crate) fn role(test: &str, role: &str) -> &'static str {
    workload::comm(&format!("{test}.{role}"))
}

/// Name of the first process of the workload of `test`.
pub(crate) fn main_of(test: &str) -> &'static str {
    role(test, "main")
}
