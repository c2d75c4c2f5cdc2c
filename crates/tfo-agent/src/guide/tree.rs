//! Trees made by hand.

use component::config::{Entry, Node, Position, Value};

/// A map whose keys all stand at `position`; entries without a node are left out.
pub(super) fn map(position: &Position, entries: Vec<(&str, Option<Node>)>) -> Node {
    let entry = |(key, node): (&str, Option<Node>)| {
        Some(Entry { key: key.to_owned(), position: position.clone(), node: node? })
    };
    Node::new(position.clone(), Value::Map(entries.into_iter().filter_map(entry).collect()))
}

/// A list of texts.
pub(super) fn texts(position: &Position, items: &[impl AsRef<str>]) -> Node {
    Node::new(position.clone(), Value::List(items.iter().map(|item| text(position, item.as_ref())).collect()))
}

/// A text.
pub(super) fn text(position: &Position, text: &str) -> Node {
    Node::new(position.clone(), Value::Text(text.to_owned()))
}

/// `own` with what `wanted` has and it does not.
pub(super) fn join(own: Node, wanted: Node) -> Node {
    match (own.value, wanted.value) {
        (Value::Map(mut entries), Value::Map(more)) => {
            for entry in more {
                match entries.iter_mut().find(|own| own.key == entry.key) {
                    Some(own) => {
                        let node = std::mem::replace(&mut own.node, Node::new(own.position.clone(), Value::Null));
                        own.node = join(node, entry.node);
                    }
                    None => entries.push(entry),
                }
            }
            Node { position: own.position, value: Value::Map(entries), origin: own.origin }
        }
        (Value::Null, value) => Node { position: wanted.position, value, origin: wanted.origin },
        (value, _) => Node { position: own.position, value, origin: own.origin },
    }
}
