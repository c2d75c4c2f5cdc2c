//! The labels of one sample, written as the page's format has them.

use std::fmt::Write as _;

use pdata::{Attributes, SeedLabel, SeedName, Value};

use super::{Format, protobuf, text};
use crate::naming::{Naming, OVERFLOW};

/// A buffer that takes the labels of one point after the other.
pub(super) struct Labels {
    format: Format,
    bytes: Vec<u8>,
    /// For the digits of a number.
    number: String,
}

impl Labels {
    pub(super) fn new(format: Format) -> Self {
        Self { format, bytes: Vec::new(), number: String::new() }
    }

    /// The guide's labels in its order; a label whose attribute is missing is left out.
    pub(super) fn of_guide(&mut self, seed: &SeedName, attributes: &[(&str, Value<'_>)]) -> &[u8] {
        self.bytes.clear();
        let value = |key| attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
        if let Some(overflow) = value(Attributes::OVERFLOW) {
            self.push(OVERFLOW, overflow, None);
        }
        for label in seed.labels {
            if let Some(value) = value(label.attribute) {
                self.push(label.label, value, Some(label));
            }
        }
        &self.bytes
    }

    /// A label for every attribute.
    pub(super) fn of_all(&mut self, naming: Naming, attributes: &[(&str, Value<'_>)]) -> &[u8] {
        self.bytes.clear();
        for (key, value) in attributes {
            self.push(&naming.label(key), value, None);
        }
        &self.bytes
    }

    fn push(&mut self, name: &str, value: &Value<'_>, spelled: Option<&SeedLabel>) {
        let value = if let Some(text) = value.as_str() {
            text
        } else {
            self.number.clear();
            let _ = write!(self.number, "{value}");
            &self.number
        };
        let value = spelled.map_or(value, |label| label.spell(value));
        match self.format {
            Format::Text => text::label(&mut self.bytes, name, value),
            Format::Protobuf => protobuf::label(&mut self.bytes, name, value),
        }
    }
}
