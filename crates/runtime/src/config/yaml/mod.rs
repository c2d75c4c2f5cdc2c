//! YAML text to a tree that knows where everything stands.
//!
//! What stops the parser is one fault; duplicate keys and tags are noted and
//! reading goes on. Aliases are copies, so what they add is bounded.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use component::config::{Entry, Fault, Faults, Node, Position, Value};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use super::scalar;

/// Levels of lists and maps; components need five or six.
pub(super) const MAX_DEPTH: usize = 64;

/// Nodes and bytes of text that all aliases together may add.
const MAX_ALIASED: usize = 1 << 20;

/// The tree of `text`, null where there is none in it, or nothing where a fault stopped the reading.
pub(super) fn read(text: &str, file: &Arc<str>, faults: &mut Faults) -> Option<Node> {
    let mut reader = Reader { file, events: Parser::new_from_str(text), anchors: HashMap::new(), aliased: 0, faults };
    match reader.document() {
        Ok(root) => Some(root),
        Err(fault) => {
            faults.add(&fault.position, fault.text);
            None
        }
    }
}

struct Reader<'i, 'f> {
    file: &'f Arc<str>,
    events: Parser<'i, StrInput<'i>>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    faults: &'f mut Faults,
}

impl<'i> Reader<'i, '_> {
    fn document(&mut self) -> Result<Node, Fault> {
        self.next()?;
        if self.next()?.0 == Event::StreamEnd {
            return Ok(Node::new(Position { file: self.file.clone(), line: 1, column: 1 }, Value::Null));
        }
        let (event, position) = self.next()?;
        let root = self.node(event, position, 0)?;
        self.next()?;
        match self.next()? {
            (Event::StreamEnd, _) => Ok(root),
            (_, position) => Err(fault(position, "only one document is allowed: remove --- and what follows")),
        }
    }

    fn node(&mut self, event: Event<'i>, position: Position, depth: usize) -> Result<Node, Fault> {
        if depth > MAX_DEPTH {
            return Err(fault(position, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let (anchor, value) = match event {
            Event::Alias(anchor) => return self.alias(anchor, position, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || tag.as_deref().is_some_and(|tag| is_core(tag, "str"));
                if let Some(tag) = tag.filter(|tag| !is_core(tag, "str")) {
                    (anchor, self.tagged(&tag, &text, &position))
                } else {
                    (anchor, if quoted { Value::Text(text.into_owned()) } else { scalar::plain(&text) })
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(tag.filter(|tag| !is_core(tag, "seq")), &position);
                (anchor, self.list(depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(tag.filter(|tag| !is_core(tag, "map")), &position);
                (anchor, self.map(depth)?)
            }
            _ => return Err(fault(position, "expected a value")),
        };
        let node = Node::new(position, value);
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, position: Position, depth: usize) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(fault(position, "an alias stands for a finished value, neither a key nor what contains it"));
        };
        let (size, levels) = extent(node);
        self.aliased += size;
        if self.aliased > MAX_ALIASED || depth + levels > MAX_DEPTH {
            return Err(fault(position, "aliases expand to too much"));
        }
        Ok(node.clone())
    }

    fn refuse(&mut self, tag: Option<Cow<'_, Tag>>, position: &Position) {
        if let Some(tag) = tag {
            let known = "!!str, !!int, !!float, !!bool, !!null, !!seq, !!map";
            self.faults.add(position, format!("tag {tag} is not supported, or not for this value (known: {known})"));
        }
    }

    /// A scalar that is to be of a type other than text.
    #[expect(clippy::cast_precision_loss, reason = "as YAML has it")]
    fn tagged(&mut self, tag: &Tag, text: &str, position: &Position) -> Value {
        match scalar::plain(text) {
            value @ Value::Int(_) if is_core(tag, "int") => value,
            Value::Int(number) if is_core(tag, "float") => Value::Float(number as f64),
            value @ Value::Float(_) if is_core(tag, "float") => value,
            value @ Value::Bool(_) if is_core(tag, "bool") => value,
            Value::Null if is_core(tag, "null") => Value::Null,
            _ => {
                self.refuse(Some(Cow::Borrowed(tag)), position);
                Value::Null
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, position) => items.push(self.node(event, position, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Fault> {
        let (mut entries, mut merged) = (Vec::<Entry>::new(), Vec::new());
        let mut lines = HashMap::<String, usize>::new();
        loop {
            let (key, style, position) = match self.next()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(text, style, ..), position) => (text.into_owned(), style, position),
                (_, position) => return Err(fault(position, "a key must be a scalar")),
            };
            let (event, value_position) = self.next()?;
            let node = self.node(event, value_position, depth + 1)?;
            if key == "<<" && style == ScalarStyle::Plain {
                self.merge(node, &mut merged);
            } else if let Some(line) = lines.get(&key) {
                self.faults.add(&position, format!("mapping key {key:?} already defined at line {line}"));
            } else {
                lines.insert(key.clone(), position.line);
                entries.push(Entry { key, position, node });
            }
        }
        for entry in merged {
            if lines.insert(entry.key.clone(), entry.position.line).is_none() {
                entries.push(entry);
            }
        }
        Ok(Value::Map(entries))
    }

    /// What `<<` brings in: of several maps the first that has a key gives it.
    fn merge(&mut self, node: Node, merged: &mut Vec<Entry>) {
        match node.value {
            Value::Map(entries) => merged.extend(entries),
            Value::List(maps) if maps.iter().all(|map| matches!(map.value, Value::Map(_))) => {
                maps.into_iter().for_each(|map| self.merge(map, merged));
            }
            _ => self.faults.add(&node.position, "<< takes a map or a list of maps"),
        }
    }

    fn next(&mut self) -> Result<(Event<'i>, Position), Fault> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, self.position(span.start))),
            Some(Err(error)) => Err(fault(self.position(*error.marker()), format!("not valid YAML: {}", error.info()))),
            None => Ok((Event::StreamEnd, self.position(Span::default().start))),
        }
    }

    fn position(&self, marker: Marker) -> Position {
        Position { file: self.file.clone(), line: marker.line(), column: marker.col() + 1 }
    }
}

fn fault(position: Position, text: impl Into<String>) -> Fault {
    Fault::new(position, text)
}

fn is_core(tag: &Tag, name: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == name
}

/// Nodes and bytes of text of a tree, and its levels.
fn extent(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        Value::Map(entries) => entries.iter().map(|entry| &entry.node).collect(),
        Value::Text(text) => return (1 + text.len(), 0),
        _ => return (1, 0),
    };
    children.into_iter().map(extent).fold((1, 0), |(size, levels), child| (size + child.0, levels.max(child.1 + 1)))
}

#[cfg(test)]
mod tests;
