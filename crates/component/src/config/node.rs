//! The tree of a configuration file, with the place of every key and value.

use std::borrow::Cow;
use std::sync::Arc;

use super::Position;

/// One value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value begins; of a value that was substituted, where the reference begins.
    pub position: Position,
    /// The value.
    pub value: Value,
    /// Where it was taken from, if a reference such as `${env:X}` stands there.
    pub origin: Option<Arc<Origin>>,
}

/// What a substituted value came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Names of what was read, such as `env:X`, in order; never a value.
    pub sources: Vec<String>,
    /// What is written there, letter by letter, for whoever wants text: `0123` is one as text and another as a number.
    pub text: Option<String>,
}

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing after the colon, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Any other scalar, or a quoted one.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key begins.
    pub position: Position,
    /// What it leads to.
    pub node: Node,
}

impl Value {
    /// What the value is, in the words of a fault.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Node {
    /// A value that stands where it is read.
    #[must_use]
    pub fn new(position: Position, value: Value) -> Self {
        Self { position, value, origin: None }
    }

    /// The value as text: as it is written where it was substituted from, else if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        let written = self.origin.as_deref().and_then(|origin| origin.text.as_deref());
        match &self.value {
            Value::Text(text) => Some(written.unwrap_or(text)),
            _ => written,
        }
    }

    /// Whether it is null because what was referred to is not there: a zero, where a null of the file is the default.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.value == Value::Null && self.origin.is_some()
    }

    /// The elements of a list; of text, what stands between its commas, as the Collector has it.
    #[must_use]
    pub fn elements(&self) -> Cow<'_, [Self]> {
        match &self.value {
            Value::List(items) => Cow::Borrowed(items),
            Value::Text(text) if !text.is_empty() => {
                let part = |part: &str| Self::new(self.position.clone(), Value::Text(part.to_owned()));
                text.split(',').map(part).collect()
            }
            _ => Cow::Borrowed(&[]),
        }
    }

    /// The entry under `key`, where the node is a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }
}

impl Value {
    /// Whether `other` says the same, wherever in a file it stands and in whatever order its keys do.
    #[must_use]
    pub fn says_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(one), Self::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.value.says_as(&other.value))
            }
            (Self::Map(one), Self::Map(other)) => {
                let same = |entry: &Entry| {
                    let found = other.iter().find(|candidate| candidate.key == entry.key);
                    found.is_some_and(|found| entry.node.value.says_as(&found.node.value))
                };
                one.len() == other.len() && one.iter().all(same)
            }
            // A number that is none says the same as itself.
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (one, other) => one == other,
        }
    }
}
