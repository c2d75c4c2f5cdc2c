//! The tree of a configuration file, with the place of every key and value.

use super::Position;

/// One value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value begins.
    pub position: Position,
    /// The value.
    pub value: Value,
}

/// A YAML value under the core schema.
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
