//! The configuration of the operations guide, `collectors: ebpf:`, as a pipeline.
//!
//! `keys` reads it, `pipeline` says what it comes to. Every value keeps the place of the
//! key that it was taken from, so that faults and `print-config` show that.

mod keys;
mod pipeline;
mod tree;

#[cfg(test)]
mod tests;

use component::Components;
use component::config::{Entry, Faults, Key, Node, Position, Section, Value};
use runtime::Environment;

use keys::Guide;

/// Variables of the environment that stand for keys of the guide's form.
pub(crate) const VARIABLES: [&str; 3] =
    ["TELEMETRYFLOW_EBPF_ENABLED", "TELEMETRYFLOW_EBPF_BTF_PATH", "TELEMETRYFLOW_EBPF_PIN_PATH"];

/// Where the form stands in a file.
const KEY: &str = "collectors";

/// Puts a pipeline in place of `collectors: ebpf:`, where the tree has that.
pub(crate) fn translate(
    root: Node,
    components: &Components,
    environment: &dyn Environment,
    faults: &mut Faults,
) -> Node {
    let Some(collectors) = root.get(KEY).cloned() else {
        for variable in VARIABLES.iter().filter(|name| is_set(environment, name)) {
            let text =
                "is set, and without effect: it is for the form `collectors: ebpf:`, write ${env:...} in this one";
            faults.notice(&of_variable(variable), text);
        }
        return root;
    };
    if let Some(pipelines) = root.get("service").and_then(|service| service.node.get("pipelines")) {
        let text = "service::pipelines beside `collectors: ebpf:`, which makes its own pipeline: write one of them \
                    (`tfo-agent print-config` shows what collectors comes to)";
        faults.add(&pipelines.position, text);
        return root;
    }
    let guide = Guide::of(&collectors, environment, faults);
    if guide.is_off() {
        let text = "eBPF is switched off here: this agent starts, and measures nothing";
        faults.notice(guide.enabled_at(), text);
        return root;
    }
    let wanted = pipeline::of(&guide, &root, components);
    tree::join(without(root), wanted)
}

/// The keys of the form, for the schema.
pub(crate) fn keys() -> Vec<Key> {
    Section::describe(keys::read)
}

fn without(root: Node) -> Node {
    let Value::Map(entries) = root.value else { return root };
    let others: Vec<Entry> = entries.into_iter().filter(|entry| entry.key != KEY).collect();
    Node::new(root.position, Value::Map(others))
}

fn is_set(environment: &dyn Environment, name: &str) -> bool {
    environment.variable(name).is_some_and(|value| !value.is_empty())
}

fn of_variable(name: &str) -> Position {
    Position { file: name.into(), line: 0, column: 0 }
}
