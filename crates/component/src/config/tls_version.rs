//! Oldest version of TLS, as components that speak it have it in their `tls`.

use super::{Faults, Field, Node, Value};

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    #[default]
    V1_2,
    /// 1.3
    V1_3,
}

impl Field for TlsVersion {
    const TYPE: &'static str = "1.2 or 1.3";

    /// Without quotes it is a number, which is what many write.
    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        let written = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Float(number) => number.to_string(),
            other => other.kind().to_owned(),
        };
        match written.as_str() {
            "1.2" => Some(Self::V1_2),
            "1.3" => Some(Self::V1_3),
            other => {
                faults.add(&node.position, format!("unsupported TLS version: {other:?}; write \"1.2\" or \"1.3\""));
                None
            }
        }
    }

    fn show(&self) -> String {
        match self {
            Self::V1_2 => "\"1.2\"".to_owned(),
            Self::V1_3 => "\"1.3\"".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Entry, Position, Section};

    #[test]
    fn a_version_may_stand_in_quotes_or_not() {
        let of = |value| {
            let position = Position { file: "f".into(), line: 1, column: 1 };
            let value = Node { position: position.clone(), value };
            let entry = Entry { key: "v".to_owned(), position: position.clone(), node: value };
            let node = Node { position, value: Value::Map(vec![entry]) };
            let mut faults = Faults::default();
            let read = |section: &mut Section<'_>| section.field("v", "", TlsVersion::V1_2);
            let version = Section::read_node(Some(&node), &mut faults, read);
            (version, faults.into_sorted().first().map(ToString::to_string))
        };
        assert_eq!(of(Value::Float(1.3)), (TlsVersion::V1_3, None));
        assert_eq!(of(Value::Text("1.3".to_owned())), (TlsVersion::V1_3, None));
        let old = of(Value::Text("1.1".to_owned())).1.unwrap();
        assert_eq!(old, "f:1:1: unsupported TLS version: \"1.1\"; write \"1.2\" or \"1.3\"");
        assert!(of(Value::Int(1)).1.is_some());
    }
}
