//! The keys of `collectors: ebpf:`, each read with its type, and the variables that stand above them.

use std::collections::BTreeMap;
use std::time::Duration;

use component::config::{Entry, Faults, Field, Node, Position, Section, Value};
use runtime::Environment;

use super::{is_set, of_variable};

/// What the form says; values that are passed on stay nodes, which know their place.
pub(super) struct Guide {
    enabled: bool,
    enabled_at: Position,
    /// Where `ebpf` stands.
    pub(super) position: Position,
    /// Receivers that are wanted, with the key that says so where there is one.
    pub(super) receivers: Vec<(&'static str, Position)>,
    pub(super) interval: Option<Node>,
    pub(super) include: Option<Node>,
    pub(super) exclude: Option<Node>,
    pub(super) excludes_agent: bool,
    pub(super) sample_rate: Option<Node>,
    pub(super) btf_path: Option<Node>,
    pub(super) pin_path: Option<Node>,
    pub(super) labels: Option<Node>,
}

/// Sub-collectors: their keys, and the receiver of each.
const SUB_COLLECTORS: [(&str, &str); 6] = [
    ("collect_syscalls", "ebpf_syscalls"),
    ("collect_network", "ebpf_network"),
    ("collect_file_io", "ebpf_fileio"),
    ("collect_scheduler", "ebpf_scheduler"),
    ("collect_memory", "ebpf_memory"),
    ("collect_tcp_events", "ebpf_tcpstate"),
];

/// The guide's other word for `collect_file_io`.
const FILE_IO: &str = "collect_fileio";

/// What reading has found out; the nodes are looked up beside it.
pub(super) struct Read {
    enabled: bool,
    collect: Vec<bool>,
    excluded: Vec<String>,
}

/// Reads the section `ebpf`.
pub(super) fn read(section: &mut Section<'_>) -> Read {
    let enabled = section.field("enabled", "whether anything is measured at all", true);
    let _: Duration = section.field("interval", "time between two reads of the maps", Duration::from_secs(15));
    let mut collect = Vec::new();
    for (key, receiver) in SUB_COLLECTORS {
        let doc = match receiver {
            "ebpf_syscalls" => "whether the receiver ebpf_syscalls runs",
            "ebpf_network" => "whether the receiver ebpf_network runs",
            "ebpf_fileio" => "whether the receiver ebpf_fileio runs; also spelt collect_fileio",
            "ebpf_scheduler" => "whether the receiver ebpf_scheduler runs",
            "ebpf_memory" => "whether the receiver ebpf_memory runs",
            _ => "whether the receiver ebpf_tcpstate runs",
        };
        let wanted = section.field(key, doc, true);
        collect.push(wanted);
    }
    collect[2] &= section.field(FILE_IO, "the same as collect_file_io", true);
    let _: Vec<String> =
        section.field("process_filter", "regular expressions on the process name to include; empty means all", vec![]);
    let excluded = section.field("exclude_processes", "exact names of processes to leave out", default_excluded());
    let rate: u32 =
        section.field("sample_rate", "of 100 calls so many have their time measured; counts stay exact", 100);
    if !(1..=100).contains(&rate) {
        section.fault_at("sample_rate", "must be within [1, 100]");
    }
    for key in ["ring_buffer_size", "perf_buffer_size"] {
        section.ignore(
            key,
            &format!("{key} has no effect: nothing is passed through such a buffer, counts are read from maps"),
        );
    }
    let _: String = section.field("btf_path", "detached BTF file, in place of the kernel's own", String::new());
    let _: String = section.field(
        "pin_path",
        "directory on a bpffs where maps are pinned",
        receiver_ebpf::DEFAULT_PIN_PATH.to_owned(),
    );
    let _: BTreeMap<String, String> = section.field("labels", "added to every point", BTreeMap::new());
    Read { enabled, collect, excluded }
}

/// What is left out unless configured otherwise.
pub(super) fn default_excluded() -> Vec<String> {
    ["tfo-agent", "systemd"].map(str::to_owned).to_vec()
}

impl Guide {
    /// Reads `collectors` with the environment over it.
    pub(super) fn of(collectors: &Entry, environment: &dyn Environment, faults: &mut Faults) -> Self {
        let ebpf = collectors.node.get("ebpf");
        let mut read_ebpf = None;
        Section::read_node(Some(&collectors.node), faults, |section| {
            read_ebpf = Some(section.section("ebpf", read));
        });
        let Read { mut enabled, collect, excluded } =
            read_ebpf.unwrap_or(Read { enabled: true, collect: vec![true; 6], excluded: default_excluded() });
        let node = |key: &str| {
            let node = &ebpf?.node.get(key)?.node;
            (node.value != Value::Null).then(|| node.clone())
        };
        let position = ebpf.map_or(&collectors.position, |entry| &entry.position).clone();
        let at = |key: &str| node(key).map_or_else(|| position.clone(), |node| node.position);
        let mut enabled_at = at("enabled");
        let [variable, btf_path, pin_path] = super::VARIABLES;
        if let Some(value) = environment.variable(variable).filter(|value| !value.is_empty()) {
            enabled_at = of_variable(variable);
            let node = Node::new(enabled_at.clone(), word(&value));
            enabled = bool::parse(&node, faults).unwrap_or(enabled);
        }
        let of = |variable: &str, key: &str| match environment.variable(variable) {
            Some(value) if is_set(environment, variable) => Some(Node::new(of_variable(variable), Value::Text(value))),
            _ => node(key),
        };
        let wanted = SUB_COLLECTORS.into_iter().zip(collect).filter(|(_, wanted)| *wanted);
        Self {
            enabled,
            enabled_at,
            receivers: wanted.map(|((key, receiver), _)| (receiver, at(key))).collect(),
            interval: node("interval"),
            include: node("process_filter"),
            exclude: node("exclude_processes"),
            excludes_agent: excluded.iter().any(|name| name == "tfo-agent"),
            sample_rate: node("sample_rate"),
            btf_path: of(btf_path, "btf_path"),
            pin_path: of(pin_path, "pin_path"),
            labels: node("labels").filter(|node| node.value != Value::Map(Vec::new())),
            position,
        }
    }

    /// Whether there is nothing to run.
    pub(super) fn is_off(&self) -> bool {
        !self.enabled || self.receivers.is_empty()
    }

    /// What switched it on or off.
    pub(super) fn enabled_at(&self) -> &Position {
        &self.enabled_at
    }
}

/// As shells and manifests write a truth.
fn word(value: &str) -> Value {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Value::Bool(true),
        "false" | "0" | "no" | "off" => Value::Bool(false),
        _ => Value::Text(value.to_owned()),
    }
}
