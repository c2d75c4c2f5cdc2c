//! The schema says of a file what the agent says of it, and the one that is shipped is the one that the code makes.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use component::config::Node;
use jsonschema::Validator;

use super::*;

const SHIPPED: &str = include_str!("../../../../docs/tfo-agent.schema.json");

/// Made once: that takes a while in a debug build.
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft7::new(&schema()).unwrap());

fn json_of(node: &Node) -> Value {
    use component::config::Value as Yaml;
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => json!(truth),
        Yaml::Int(number) => json!(number),
        Yaml::Float(number) => json!(number),
        Yaml::Text(text) => json!(text),
        Yaml::List(items) => items.iter().map(json_of).collect(),
        Yaml::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.node))).collect(),
    }
}

/// What the schema has against a YAML text.
fn complaints(text: &str) -> Vec<String> {
    let (tree, faults) = runtime::read_tree(text, "f");
    assert!(faults.is_empty(), "{faults:?}");
    VALIDATOR.iter_errors(&json_of(&tree.unwrap())).map(|error| error.instance_path.to_string()).collect()
}

fn shipped() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = |name: &str| std::fs::read_dir(root.join(name)).unwrap().map(|entry| entry.unwrap().path());
    let yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml");
    let files = folder("pipelines").chain(folder("configs")).filter(yaml);
    let others = ["docker/config.yaml", "docker/compose/agent.yaml", "deploy/kubernetes/base/config.yaml"];
    files.chain(others.map(|file| root.join(file))).collect()
}

#[test]
fn the_schema_that_is_shipped_is_the_one_that_the_code_makes() {
    assert!(SHIPPED == text(), "write it anew: tfo-agent components --schema >docs/tfo-agent.schema.json");
}

#[test]
fn every_shipped_pipeline_is_valid_and_names_the_schema() {
    let files = shipped();
    assert!(files.len() > 3);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(complaints(&text), [""; 0], "{}", path.display());
        let schema = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=");
        let schema = path.with_file_name(schema.unwrap_or_else(|| panic!("{} names no schema", path.display())));
        assert_eq!(std::fs::read_to_string(&schema).unwrap_or_default(), SHIPPED, "{}", schema.display());
    }
}

#[test]
fn references_nulls_and_lists_as_text_are_valid() {
    let text = "receivers:\n  ebpf_syscalls: {collection_interval: \"${env:X:-15s}\", histograms: ~}\n  \
                ebpf_fileio/two: ${file:two.yaml}\nprocessors: {process_filter: {include: 'a,b', uids: [0]}}\n\
                exporters:\n  otlp: {endpoint: x:1, headers: {a: b}, retry_on_failure: {multiplier: 2, max_elapsed_time: 0}}\n\
                service: {pipelines: {metrics/a: {receivers: a, exporters: [b]}}}\n";
    assert_eq!(complaints(text), [""; 0]);
}

#[test]
fn what_the_agent_refuses_is_not_valid() {
    for (yaml, place) in [
        ("recievers: {}\n", ""),
        ("receivers: {ebpf_sycalls: }\n", "/receivers"),
        ("receivers: {ebpf_syscalls: {collection_interval: 15}}\n", "/receivers/ebpf_syscalls"),
        ("receivers: {ebpf_syscalls: {collection_interval: 15 s}}\n", "/receivers/ebpf_syscalls"),
        ("receivers: {ebpf_syscalls: {histograms: 1}}\n", "/receivers/ebpf_syscalls"),
        ("receivers: {ebpf_syscalls: {histogram: true}}\n", "/receivers/ebpf_syscalls"),
        ("processors: {process_filter: {uids: [-1]}}\n", "/processors/process_filter"),
        ("processors: {resource: {attributes: [{kee: a}]}}\n", "/processors/resource"),
        ("exporters: {otlp_grpc: {compression: brotli}}\n", "/exporters/otlp_grpc"),
        ("exporters: {otlp_grpc: {tls: {insecur: true}}}\n", "/exporters/otlp_grpc"),
        ("exporters: {otlp_grpc: {headers: {a: 1}}}\n", "/exporters/otlp_grpc"),
        ("extensions: {ebpf: {max_map_memory: lots}}\n", "/extensions/ebpf"),
        ("service: {pipelines: {traces: {receivers: [a], exporters: [b]}}}\n", "/service"),
        ("service: {pipelines: {metrics: {receivers: [a]}}}\n", "/service"),
        ("collectors: {ebpf: {sample_rat: 1}}\n", "/collectors"),
    ] {
        let found = complaints(yaml);
        assert!(found.iter().any(|path| path.starts_with(place)), "{yaml}: {found:?}");
    }
}

#[test]
fn what_is_secret_is_marked() {
    let schema = schema().to_string();
    let headers = schema.split("\"headers\":").nth(1).unwrap();
    let end = headers.find("\"max_request_size\"").unwrap();
    assert!(headers[..end].contains("\"writeOnly\":true"), "{}", &headers[..end]);
}
