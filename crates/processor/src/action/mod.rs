//! What `resource` and `attributes` can do to a set of attributes.

mod read;

#[cfg(test)]
mod tests;

use pdata::{Attribute, AttributeValue, Key};
pub(crate) use read::actions;

/// One step: what is done to the attribute under `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    key: Key,
    verb: Verb,
}

/// The word after `action:`, with what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verb {
    /// Where there is none under the key.
    Insert(Source),
    /// Where there is one.
    Update(Source),
    /// In either case.
    Upsert(Source),
    Delete,
    /// One that is there already under the new key is replaced.
    Rename(Key),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Value(AttributeValue),
    /// Another attribute; where that is not there, nothing is done.
    Attribute(Key),
}

impl Action {
    /// Does it to `attributes`, whose keys differ and stay so.
    pub(crate) fn apply(&self, attributes: &mut Vec<Attribute>) {
        let present = position(attributes, &self.key);
        match (&self.verb, present) {
            (Verb::Insert(source), None) | (Verb::Update(source), Some(_)) | (Verb::Upsert(source), _) => {
                if let Some(value) = source.value(attributes) {
                    put(attributes, &self.key, value);
                }
            }
            (Verb::Delete, Some(present)) => {
                attributes.remove(present);
            }
            (Verb::Rename(new_key), Some(present)) => {
                let (_, value) = attributes.remove(present);
                put(attributes, new_key, value);
            }
            (Verb::Insert(_), Some(_)) | (Verb::Update(_) | Verb::Delete | Verb::Rename(_), None) => {}
        }
    }
}

impl Source {
    fn value(&self, attributes: &[Attribute]) -> Option<AttributeValue> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Attribute(key) => position(attributes, key).map(|present| attributes[present].1.clone()),
        }
    }
}

fn position(attributes: &[Attribute], key: &str) -> Option<usize> {
    attributes.iter().position(|(name, _)| *name == key)
}

fn put(attributes: &mut Vec<Attribute>, key: &Key, value: AttributeValue) {
    match position(attributes, key) {
        Some(present) => attributes[present].1 = value,
        None => attributes.push((key.clone(), value)),
    }
}
