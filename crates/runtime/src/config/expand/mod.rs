//! Substitution, exactly as the Collector's confmap does it after all sources are merged.
//!
//! `find` says which reference of a text is next, `retrieve` what it stands for. What is
//! retrieved may have references again. Keys are never expanded, `$$` is a dollar sign in
//! the end. Every value keeps the place of the reference that it stands for.

mod find;
mod retrieve;

use std::path::PathBuf;
use std::sync::Arc;

use component::config::{Entry, Faults, Node, Origin, Position, Value};

pub(crate) use retrieve::Location;

use super::environment::Environment;
use super::yaml::MAX_DEPTH;

/// As in the Collector: how often a value is expanded again.
const MAX_ROUNDS: usize = 1000;

/// Bytes that all references together may bring in, however they refer to each other.
const MAX_RETRIEVED: usize = 8 << 20;

/// What a reference counts as at least.
const MIN_RETRIEVED: usize = 64;

const TOO_MANY: &str = "too many recursive expansions";

/// What expanding found besides values.
pub(crate) struct Expansion<'e> {
    environment: &'e dyn Environment,
    pub(crate) faults: &'e mut Faults,
    /// Files that were read.
    pub(crate) files: Vec<PathBuf>,
    retrieved: usize,
}

/// A text while it is expanded.
enum Current {
    Text(String),
    /// One reference was all of it: its value, and how that is written.
    Whole(Node, String),
}

/// One step further.
enum Step {
    Unchanged,
    Spliced(String),
    Whole(Node, String),
}

impl<'e> Expansion<'e> {
    pub(crate) fn new(environment: &'e dyn Environment, faults: &'e mut Faults) -> Self {
        Self { environment, faults, files: Vec::new(), retrieved: 0 }
    }

    /// The tree without references; a faulty one is null and noted.
    pub(crate) fn expand(&mut self, node: Node) -> Node {
        self.node(node, MAX_ROUNDS, 0)
    }

    fn node(&mut self, node: Node, rounds: usize, depth: usize) -> Node {
        let Node { position, value, origin } = node;
        if depth > MAX_DEPTH {
            self.faults.add(&position, TOO_MANY);
            return Node::new(position, Value::Null);
        }
        let value = match value {
            Value::Text(text) => return self.text(text, position, origin, rounds, depth),
            Value::List(items) => {
                Value::List(items.into_iter().map(|item| self.node(item, rounds, depth + 1)).collect())
            }
            Value::Map(entries) => {
                let expand =
                    |Entry { key, position, node }| Entry { key, position, node: self.node(node, rounds, depth + 1) };
                Value::Map(entries.into_iter().map(expand).collect())
            }
            scalar => scalar,
        };
        Node { position, value, origin }
    }

    fn text(
        &mut self,
        text: String,
        position: Position,
        origin: Option<Arc<Origin>>,
        rounds: usize,
        depth: usize,
    ) -> Node {
        let mut sources = origin.map(|origin| origin.sources.clone()).unwrap_or_default();
        match self.rounds(text, &position, &mut sources, rounds) {
            Ok((Current::Text(text), _)) => {
                let origin = (!sources.is_empty()).then(|| Arc::new(Origin { sources, text: None }));
                Node { position, value: Value::Text(unescape(&text)), origin }
            }
            Ok((Current::Whole(node, text), left)) => {
                // A map or a list has references of its own, and so has how it is written.
                let text = self.written(text, &position, &mut sources, left);
                let inner = Arc::new(Origin { sources: sources.clone(), text: None });
                let node = self.node(relocated(node, &position, &inner), left, depth);
                let origin = Some(Arc::new(Origin { sources, text }));
                Node { position, value: node.value, origin }
            }
            Err(text) => {
                self.faults.add(&position, text);
                Node::new(position, Value::Null)
            }
        }
    }

    /// Expands `text` until nothing is left to expand, or it is something else; and the rounds that are left.
    fn rounds(
        &mut self,
        text: String,
        position: &Position,
        sources: &mut Vec<String>,
        rounds: usize,
    ) -> Result<(Current, usize), String> {
        let mut text = text;
        for left in (0..rounds).rev() {
            match self.step(&text, position, sources)? {
                Step::Unchanged => return Ok((Current::Text(text), left)),
                Step::Spliced(spliced) => text = spliced,
                Step::Whole(Node { value: Value::Text(whole), .. }, _) => text = whole,
                Step::Whole(node, written) => return Ok((Current::Whole(node, written), left)),
            }
        }
        Err(TOO_MANY.to_owned())
    }

    /// How a value is written once its references are expanded, where that is text.
    fn written(
        &mut self,
        mut text: String,
        position: &Position,
        sources: &mut Vec<String>,
        rounds: usize,
    ) -> Option<String> {
        for _ in 0..rounds {
            match self.step(&text, position, sources) {
                Ok(Step::Unchanged) => return Some(unescape(&text)),
                Ok(Step::Spliced(spliced)) => text = spliced,
                Ok(Step::Whole(..)) | Err(_) => return None,
            }
        }
        None
    }

    /// Expands the next reference of `text`, at all of its places.
    fn step(&mut self, text: &str, position: &Position, sources: &mut Vec<String>) -> Result<Step, String> {
        if !text.contains("${") {
            return Ok(Step::Unchanged);
        }
        let Some(reference) = find::reference(text) else { return Ok(Step::Unchanged) };
        let inside = &reference[2..reference.len() - 1];
        let uri = if inside.contains(':') { inside.to_owned() } else { format!("env:{inside}") };
        let location = Location::parse(&uri).ok_or_else(|| format!("invalid uri: {uri:?}"))?;
        if location.opaque.contains('$') {
            return Err(format!("the uri {uri:?} contains unsupported characters ('$')"));
        }
        let retrieved = location.retrieve(self.environment)?;
        self.retrieved += MIN_RETRIEVED + retrieved.text.len() + text.len();
        if self.retrieved > MAX_RETRIEVED {
            return Err(TOO_MANY.to_owned());
        }
        if retrieved.unset {
            let name = &retrieved.name["env:".len()..];
            let text = format!(
                "environment variable {name:?} is not set, so this is empty; ${{env:{name}:-DEFAULT}} gives a default"
            );
            self.faults.notice(position, text);
        }
        self.files.extend(retrieved.file.clone());
        if !sources.contains(&retrieved.name) {
            sources.push(retrieved.name.clone());
        }
        Ok(if reference == text {
            Step::Whole(retrieved.value(), retrieved.text)
        } else {
            let size = text.matches(reference).count().saturating_mul(retrieved.text.len());
            if size > MAX_RETRIEVED {
                return Err(TOO_MANY.to_owned());
            }
            Step::Spliced(text.replace(reference, &retrieved.text))
        })
    }
}

/// The tree as it stands in place of a reference at `position`.
fn relocated(node: Node, position: &Position, origin: &Arc<Origin>) -> Node {
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| relocated(item, position, origin)).collect()),
        Value::Map(entries) => {
            let inside = |Entry { key, node, .. }| Entry {
                key,
                position: position.clone(),
                node: relocated(node, position, origin),
            };
            Value::Map(entries.into_iter().map(inside).collect())
        }
        scalar => scalar,
    };
    Node { position: position.clone(), value, origin: Some(origin.clone()) }
}

fn unescape(text: &str) -> String {
    text.replace("$$", "$")
}

#[cfg(test)]
mod tests;
