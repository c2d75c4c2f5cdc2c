//! What a value looks like, for a schema that editors check files by.

use super::Key;

/// The values that a key takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Whatever YAML has.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number from zero to the given one.
    Unsigned(u64),
    /// A number, with or without a fraction.
    Number,
    /// Text.
    Text,
    /// Text such as `1m30s`.
    Duration,
    /// A whole number, or text such as `32MiB`.
    Bytes,
    /// One of some words.
    Choice(Vec<&'static str>),
    /// A list of what is inside; text is split at its commas.
    List(Box<Shape>),
    /// A map from names that the user chooses to what is inside.
    Map(Box<Shape>),
    /// A map with these keys and no others.
    Section(Vec<Key>),
    /// One of several shapes.
    Either(Vec<Shape>),
}
