//! `type[/name]`: how components are called in YAML, logs and status.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use regex::Regex;

/// A component's type and, where there are several of it, its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentId {
    component_type: String,
    name: Option<String>,
}

/// Why a text is not a component id, in the Collector's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidId {
    /// There is none.
    #[error("id must not be empty")]
    Empty,
    /// Nothing before the slash.
    #[error("in {0:?} id: the part before / should not be empty")]
    NoType(String),
    /// Nothing after the slash.
    #[error("in {0:?} id: the part after / should not be empty")]
    NoName(String),
    /// The part before the slash.
    #[error("invalid character(s) in type {0:?}: a type is a letter, then up to 62 letters, digits or underscores")]
    Type(String),
    /// The part after the slash.
    #[error("invalid character(s) in name {0:?}: a name has no spaces, symbols or control characters")]
    Name(String),
    /// The part after the slash.
    #[error("name {0:?} is longer than 1024 characters")]
    LongName(String),
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
        match name {
            None if component_type.is_empty() => return Err(InvalidId::Empty),
            Some(_) if component_type.is_empty() => return Err(InvalidId::NoType(text.to_owned())),
            Some("") => return Err(InvalidId::NoName(text.to_owned())),
            // Go counts bytes.
            Some(name) if name.len() > 1024 => return Err(InvalidId::LongName(name.to_owned())),
            Some(name) if !NAME.is_match(name) => return Err(InvalidId::Name(name.to_owned())),
            _ => {}
        }
        if !is_type(component_type) {
            return Err(InvalidId::Type(component_type.to_owned()));
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

/// The Collector's own: no separators, no control characters, no symbols.
static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[^\pZ\pC\pS]+$").unwrap_or_else(|_| unreachable!()));

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
        for bad in [
            "",
            "9p",
            "a-b",
            "otlp/",
            "otlp/a b",
            "otlp/a+b",
            "otlp/a\u{20ac}",
            "otlp/a\u{2192}b",
            "/x",
            &"x".repeat(64),
        ] {
            assert!(bad.parse::<ComponentId>().is_err(), "{bad}");
        }
    }
}
