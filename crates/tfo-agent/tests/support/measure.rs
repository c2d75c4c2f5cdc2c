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
        let mut last = self.agent.page(0).sum(name, labels);
        while last < Some(expected) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
            last = self.agent.page(0).sum(name, labels);
        }
        if last != Some(expected) {
            let of_this_run = format!("{:x}-", std::process::id());
            let page = self.agent.page(0).text;
            page.lines()
                .filter(|line| line.contains(&of_this_run) || line.starts_with("tfo_ebpf_loss"))
                .for_each(|line| println!("{line}"));
        }
        assert_eq!(last, Some(expected), "{name} {labels:?}, {}", self.agent.log());
    }
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
