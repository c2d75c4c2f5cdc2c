//! Keys with `::` in them are paths: `yaml:exporters::debug::verbosity: basic` is three maps.

use component::config::{Entry, Node, Position, Value};

/// The tree with every such key as the maps that it stands for; inside of lists keys are left as they are.
pub(super) fn split(node: Node) -> Node {
    let Value::Map(mut entries) = node.value else { return node };
    if !entries.iter().any(|entry| entry.key.contains("::")) {
        let within = |Entry { key, position, node }| Entry { key, position, node: split(node) };
        return Node { value: Value::Map(entries.into_iter().map(within).collect()), ..node };
    }
    // The Collector goes by the keys' order, so that of two that meet the longer one is laid over the other.
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let mut into = Vec::with_capacity(entries.len());
    for Entry { key, position, node } in entries {
        let parts: Vec<&str> = key.split("::").collect();
        insert(&mut into, &parts, &position, split(node));
    }
    Node { value: Value::Map(into), ..node }
}

fn insert(entries: &mut Vec<Entry>, path: &[&str], position: &Position, node: Node) {
    let Some((first, rest)) = path.split_first() else { return };
    let found = entries.iter().position(|entry| entry.key == *first);
    if rest.is_empty() {
        let entry = Entry { key: (*first).to_owned(), position: position.clone(), node };
        match found {
            Some(index) => entries[index] = entry,
            None => entries.push(entry),
        }
        return;
    }
    let index = found.unwrap_or_else(|| {
        let node = Node::new(position.clone(), Value::Null);
        entries.push(Entry { key: (*first).to_owned(), position: position.clone(), node });
        entries.len() - 1
    });
    let value = &mut entries[index].node.value;
    if !matches!(value, Value::Map(_)) {
        *value = Value::Map(Vec::new());
    }
    if let Value::Map(inner) = value {
        insert(inner, rest, position, node);
    }
}

#[cfg(test)]
mod tests {
    use component::config::Faults;

    use super::super::yaml;
    use super::*;

    #[test]
    fn a_path_is_maps_that_join_what_is_there() {
        let text = "a: {b: 1}\na::c::d: 2\ne::f: 3\ne: {f: 4}\n";
        let tree = split(yaml::read(text, &"f".into(), &mut Faults::default()).unwrap());
        let at = |path: &str| path.split('.').fold(&tree, |node, key| &node.get(key).unwrap().node).value.clone();
        assert_eq!((at("a.b"), at("a.c.d"), at("e.f")), (Value::Int(1), Value::Int(2), Value::Int(3)));
    }
}
