//! `type[/name]`: how components are called in YAML, logs and status.

use std::fmt;
use std::str::FromStr;

/// A component's type and, where there are several of it, its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentId {
    component_type: String,
    name: Option<String>,
}

/// Why a text is not a component id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidId {
    /// The part before the slash.
    #[error("invalid character(s) in type {0:?}: a type is a letter, then up to 62 letters, digits or underscores")]
    Type(String),
    /// The part after the slash.
    #[error("in {0:?} id: the part after / must be 1 to 1024 characters without spaces, symbols or control characters")]
    Name(String),
}

impl ComponentId {
    /// The word before the slash, such as `otlp_grpc`.
    #[must_use]
    pub fn component_type(&self) -> &str {
        &self.component_type
    }

    /// The word after the slash.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl FromStr for ComponentId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (component_type, name) = match text.split_once('/') {
            Some((component_type, name)) => (component_type.trim(), Some(name.trim())),
            None => (text.trim(), None),
        };
        if !is_type(component_type) {
            return Err(InvalidId::Type(component_type.to_owned()));
        }
        if name.is_some_and(|name| !is_name(name)) {
            return Err(InvalidId::Name(text.to_owned()));
        }
        Ok(Self { component_type: component_type.to_owned(), name: name.map(str::to_owned) })
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}/{name}", self.component_type),
            None => f.write_str(&self.component_type),
        }
    }
}

fn is_type(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The Collector's `[^\pZ\pC\pS]+`, with ASCII symbols spelt out.
fn is_name(text: &str) -> bool {
    let symbol = |c: char| matches!(c, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~');
    !text.is_empty()
        && text.chars().count() <= 1024
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || symbol(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_on_the_first_slash_and_trims_both_parts() {
        let id: ComponentId = " otlp_grpc / a/b ".parse().unwrap();
        assert_eq!((id.component_type(), id.name()), ("otlp_grpc", Some("a/b")));
        assert_eq!(id.to_string(), "otlp_grpc/a/b");
    }

    #[test]
    fn refuses_what_the_collector_refuses() {
        for bad in ["", "9p", "a-b", "otlp/", "otlp/a b", "otlp/a+b", &"x".repeat(64)] {
            assert!(bad.parse::<ComponentId>().is_err(), "{bad}");
        }
    }
}
