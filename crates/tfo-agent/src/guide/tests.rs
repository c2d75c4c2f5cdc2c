//! What the guide's form comes to, key by key.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use runtime::{Config, Loading, Source, read_tree};

use super::*;
use crate::components::COMPONENTS;

#[derive(Default)]
struct Variables(BTreeMap<&'static str, &'static str>);

impl Environment for Variables {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// What `text` comes to without its comments, and the notices; or the faults.
fn load(text: &'static str, variables: &[(&'static str, &'static str)]) -> Result<(String, Vec<String>), Vec<String>> {
    let environment = Variables(variables.iter().copied().collect());
    let loading = Loading { environment: &environment, translate };
    let config = Config::load_with(&[Source::Text { name: "f", text }], &COMPONENTS, loading);
    let config = config.map_err(|faults| faults.into_iter().map(String::from).collect::<Vec<_>>())?;
    let notices = config.notices().iter().map(ToString::to_string).collect();
    Ok((config.print(&COMPONENTS), notices))
}

/// The value at `path` of what `text` comes to.
fn value(text: &'static str, variables: &[(&'static str, &'static str)], path: &str) -> Option<Value> {
    let (printed, _) = load(text, variables).unwrap();
    let (tree, faults) = read_tree(&printed, "printed");
    assert!(faults.is_empty(), "{faults:?}\n{printed}");
    let tree = tree.unwrap();
    path.split("::").try_fold(&tree, |node, key| Some(&node.get(key)?.node)).map(|node| node.value.clone())
}

fn words(value: Option<Value>) -> Vec<String> {
    let Some(Value::List(items)) = value else { return vec![] };
    items.iter().map(|item| item.text().unwrap().to_owned()).collect()
}

const ALL: [&str; 6] =
    ["ebpf_syscalls", "ebpf_network", "ebpf_fileio", "ebpf_scheduler", "ebpf_memory", "ebpf_tcpstate"];

#[test]
fn an_empty_form_is_all_sub_collectors_on_the_page() {
    for text in ["collectors: {ebpf: }\n", "collectors:\n"] {
        assert_eq!(words(value(text, &[], "service::pipelines::metrics::receivers")), ALL);
        assert_eq!(words(value(text, &[], "service::pipelines::metrics::processors")), ["process_filter"]);
        assert_eq!(words(value(text, &[], "service::pipelines::metrics::exporters")), ["prometheus"]);
        assert_eq!(words(value(text, &[], "processors::process_filter::exclude")), ["tfo-agent", "systemd"]);
        assert_eq!(value(text, &[], "exporters::prometheus::endpoint"), Some(Value::Text("localhost:8888".into())));
    }
}

#[test]
fn every_key_has_its_effect() {
    let text = "collectors:\n  ebpf:\n    enabled: true\n    interval: 30s\n    collect_network: false\n    \
                collect_fileio: false\n    process_filter: [nginx]\n    exclude_processes: [bash]\n    sample_rate: 10\n    \
                btf_path: /b\n    pin_path: /p\n    labels: {env: prod, rack: 7up}\n";
    let at = |path| value(text, &[], path);
    let is = |path, word: &str| assert_eq!(at(path), Some(Value::Text(word.into())), "{path}");
    let receivers = words(at("service::pipelines::metrics::receivers"));
    assert_eq!(receivers, ["ebpf_syscalls", "ebpf_scheduler", "ebpf_memory", "ebpf_tcpstate"]);
    is("receivers::ebpf_memory::collection_interval", "30s");
    assert_eq!(words(at("processors::process_filter::include")), ["nginx"]);
    assert_eq!(words(at("processors::process_filter::exclude")), ["bash"]);
    assert_eq!(at("processors::process_filter::exclude_self"), Some(Value::Bool(false)));
    assert_eq!(at("extensions::ebpf::sample_rate"), Some(Value::Int(10)));
    is("extensions::ebpf::btf_path", "/b");
    is("extensions::ebpf::pin_path", "/p");
    let (printed, notices) = load(text, &[]).unwrap();
    assert!(!printed.contains("attributes/labels"), "{printed}");
    is("exporters::prometheus::const_labels::env", "prod");
    is("exporters::prometheus::const_labels::rack", "7up");
    assert_eq!(notices, [""; 0]);
}

#[test]
fn each_sub_collector_can_be_left_out() {
    for (key, receiver) in [
        ("collect_syscalls", ALL[0]),
        ("collect_network", ALL[1]),
        ("collect_file_io", ALL[2]),
        ("collect_fileio", ALL[2]),
        ("collect_scheduler", ALL[3]),
        ("collect_memory", ALL[4]),
        ("collect_tcp_events", ALL[5]),
    ] {
        let text = format!("collectors: {{ebpf: {{{key}: false}}}}\n").leak();
        let found = words(value(text, &[], "service::pipelines::metrics::receivers"));
        assert!(!found.iter().any(|word| word == receiver) && found.len() == 5, "{key}: {found:?}");
    }
}

#[test]
fn buffers_are_accepted_with_a_notice() {
    let text = "collectors:\n  ebpf:\n    ring_buffer_size: 256\n    perf_buffer_size: 64\n";
    let (_, notices) = load(text, &[]).unwrap();
    assert_eq!(notices.len(), 2);
    assert!(notices[0].starts_with("f:3:5: ring_buffer_size has no effect"), "{notices:?}");
    assert!(notices[1].starts_with("f:4:5: perf_buffer_size has no effect"), "{notices:?}");
}

#[test]
fn variables_stand_above_keys() {
    let text = "collectors: {ebpf: {btf_path: /b, pin_path: /p, enabled: false}}\n";
    let paths = [("TELEMETRYFLOW_EBPF_BTF_PATH", "/B"), ("TELEMETRYFLOW_EBPF_PIN_PATH", "/P")];
    let set: Vec<_> = paths.into_iter().chain([("TELEMETRYFLOW_EBPF_ENABLED", "true")]).collect();
    assert_eq!(value(text, &set, "extensions::ebpf::btf_path"), Some(Value::Text("/B".into())));
    assert_eq!(value(text, &set, "extensions::ebpf::pin_path"), Some(Value::Text("/P".into())));
    let (printed, _) = load(text, &set).unwrap();
    assert!(printed.lines().any(|line| line.trim_end().ends_with("# TELEMETRYFLOW_EBPF_PIN_PATH")), "{printed}");
    let faults = load(text, &[("TELEMETRYFLOW_EBPF_ENABLED", "perhaps")]).unwrap_err();
    assert_eq!(faults, ["TELEMETRYFLOW_EBPF_ENABLED: expected a boolean, found a string"]);
}

#[test]
fn what_is_switched_off_measures_nothing_and_is_no_fault() {
    let off = "collectors:\n  ebpf:\n    enabled: false\n";
    let (printed, notices) = load(off, &[]).unwrap();
    assert!(printed.contains("enabled: false"), "{printed}");
    assert_eq!(notices, ["f:3:14: eBPF is switched off here: this agent starts, and measures nothing"]);
    let (_, notices) = load("collectors: {ebpf: }\n", &[("TELEMETRYFLOW_EBPF_ENABLED", "0")]).unwrap();
    assert!(notices[0].starts_with("TELEMETRYFLOW_EBPF_ENABLED: eBPF is switched off"), "{notices:?}");
}

#[test]
fn a_variable_beside_another_form_is_a_notice() {
    let text = "receivers: {ebpf_memory: }\nexporters: {debug: }\n\
                service: {pipelines: {metrics: {receivers: [ebpf_memory], exporters: [debug]}}}\n";
    let (_, notices) = load(text, &[("TELEMETRYFLOW_EBPF_PIN_PATH", "/p")]).unwrap();
    assert!(notices[0].starts_with("TELEMETRYFLOW_EBPF_PIN_PATH: is set, and without effect"), "{notices:?}");
}

#[test]
fn other_exporters_of_the_file_get_the_same_beside_the_page() {
    let text = "collectors: {ebpf: {labels: {a: b}}}\nexporters:\n  otlp_grpc: {tls: {insecure: true}}\n";
    assert_eq!(words(value(text, &[], "service::pipelines::metrics::exporters")), ["prometheus"]);
    assert_eq!(words(value(text, &[], "service::pipelines::metrics/push::exporters")), ["otlp_grpc"]);
    let (printed, _) = load(text, &[]).unwrap();
    assert!(printed.contains("- {key: a, value: b, action: insert}"), "{printed}");
    assert_eq!(words(value(text, &[], "service::pipelines::metrics::processors")), ["process_filter"]);
    let chain = words(value(text, &[], "service::pipelines::metrics/push::processors"));
    assert_eq!(chain, ["process_filter", "attributes/labels"]);
}

#[test]
fn faults_are_told_at_the_keys_of_the_form() {
    let text = "collectors:\n  ebpf:\n    interval: 15\n    process_filter: [\"(\"]\n    sample_rate: 0\n    \
                intervall: 1s\n    labels: {a: [1]}\n  system:\n";
    let faults = load(text, &[]).unwrap_err();
    let told = |at: &str| assert!(faults.iter().any(|fault| fault.starts_with(at)), "{at}: {faults:#?}");
    told("f:3:15: time: missing unit in duration \"15\"");
    told("f:4:22: include[0]: ");
    told("f:5:18: must be within [1, 100]");
    told("f:6:5: unknown key \"intervall\", did you mean \"interval\"?");
    told("f:7:17: expected a string, found a list");
    told("f:8:3: unknown key \"system\"");
    let both = "collectors: {ebpf: }\nservice:\n  pipelines:\n";
    let faults = load(both, &[]).unwrap_err();
    assert!(faults.len() == 1 && faults[0].starts_with("f:3:3: service::pipelines beside `collectors: ebpf:`"));
}

#[test]
fn the_shipped_file_has_every_key_and_means_the_defaults() {
    let shipped = include_str!("../../../../configs/tfo-agent.yaml");
    for key in keys() {
        assert!(shipped.contains(&format!("{}:", key.path)) || key.path == "collect_fileio", "{}", key.path);
    }
    let (of_file, notices) = load(shipped, &[]).unwrap();
    let (of_none, _) = load("collectors:\n  ebpf:\n", &[]).unwrap();
    let values = |text: &str| {
        text.lines()
            .map(|line| line.split("  #").next().unwrap_or_default().trim_end().replace('"', ""))
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&of_file), values(&of_none));
    assert_eq!(notices, [""; 0]);
}
