//! What a reference stands for: `env:`, `file:` and `yaml:`, each read as YAML.

use std::path::PathBuf;

use component::config::{Faults, Node, Value};

use super::super::environment::Environment;
use super::super::yaml;

/// A URI taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location<'u> {
    pub(crate) scheme: &'u str,
    pub(crate) opaque: &'u str,
}

/// What a provider has under a URI.
pub(crate) struct Retrieved {
    /// What it is called in `print-config`; never with its value.
    pub(crate) name: String,
    pub(crate) text: String,
    /// A file that was read.
    pub(crate) file: Option<PathBuf>,
    /// An environment variable that is not set and has no default.
    pub(crate) unset: bool,
}

impl<'u> Location<'u> {
    /// `scheme:opaque`, where a scheme has at least two letters, digits, or `+`, `.`, `-`.
    pub(crate) fn parse(uri: &'u str) -> Option<Self> {
        let (scheme, opaque) = uri.split_once(':')?;
        let word = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
        let valid = word && scheme.len() > 1 && scheme.starts_with(|c: char| c.is_ascii_alphabetic());
        valid.then_some(Self { scheme, opaque })
    }

    /// Reads it.
    ///
    /// # Errors
    /// In the Collector's words, and what to do.
    pub(crate) fn retrieve(self, environment: &dyn Environment) -> Result<Retrieved, String> {
        match self.scheme {
            "env" => self.variable(environment),
            "file" => self.file(environment),
            "yaml" => Ok(Retrieved { name: "yaml:".into(), text: self.opaque.into(), file: None, unset: false }),
            scheme => {
                let advice = match (self.opaque.strip_prefix('-'), scheme) {
                    (Some(_), _) => ", write ${env:NAME:-DEFAULT}",
                    (None, "http" | "https") => ", this agent reads no configuration over the network",
                    (None, _) => " (known: env, file, yaml)",
                };
                Err(format!("scheme {scheme:?} is not supported for uri \"{scheme}:{}\"{advice}", self.opaque))
            }
        }
    }

    fn variable(self, environment: &dyn Environment) -> Result<Retrieved, String> {
        let (name, default) = match self.opaque.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (self.opaque, None),
        };
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            let pattern = "^[a-zA-Z_][a-zA-Z0-9_]*$";
            return Err(format!("environment variable {name:?} has invalid name: must match regex {pattern}"));
        }
        let value = environment.variable(name);
        let (unset, missing) = (value.is_none() && default.is_none(), value.is_none());
        let name = if missing && default.is_some() { format!("default of env:{name}") } else { format!("env:{name}") };
        let text = value.or(default.map(str::to_owned)).unwrap_or_default();
        Ok(Retrieved { name, text, file: None, unset })
    }

    fn file(self, environment: &dyn Environment) -> Result<Retrieved, String> {
        let path = PathBuf::from(self.opaque);
        match environment.file(&path) {
            Ok(text) => Ok(Retrieved { name: format!("file:{}", self.opaque), text, file: Some(path), unset: false }),
            Err(error) => Err(format!(
                "unable to read the file file:{}: {error}: check that the file exists, is UTF-8 and may be read by \
                 this user",
                self.opaque
            )),
        }
    }
}

impl Retrieved {
    /// The text as YAML; what is no YAML, or is text in it, is taken letter by letter.
    pub(crate) fn value(&self) -> Node {
        let mut faults = Faults::default();
        let file = self.name.as_str().into();
        let read = yaml::read(&self.text, &file, &mut faults).filter(|_| faults.is_empty());
        match read {
            Some(node) if !matches!(node.value, Value::Text(_)) => node,
            read => {
                let start = component::config::Position { file, line: 1, column: 1 };
                let position = read.map_or(start, |node| node.position);
                Node::new(position, Value::Text(self.text.clone()))
            }
        }
    }
}
