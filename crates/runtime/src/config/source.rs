//! Where configuration comes from: files, URIs as the Collector takes them, and `--set`.

use std::path::PathBuf;
use std::sync::Arc;

use component::config::{Faults, Node, Position, Value};

use super::environment::Environment;
use super::expand::Location;
use super::{paths, yaml};

/// Where configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A YAML file.
    File(PathBuf),
    /// YAML that is built in.
    Text {
        /// Stands where the path stands in faults.
        name: &'static str,
        /// The YAML.
        text: &'static str,
    },
    /// `scheme:opaque`, with `file`, `env` or `yaml` as scheme.
    Uri(String),
    /// A single value, as `--set` has it.
    Set {
        /// Its keys, with `::` in between.
        path: String,
        /// The value as YAML.
        value: String,
    },
}

impl Source {
    /// What stands behind `--config`: a path, or a URI where there is a colon in it.
    ///
    /// # Errors
    /// A scheme that is not known, in the Collector's words.
    pub fn from_argument(text: &str) -> Result<Self, String> {
        let drive = text.as_bytes().get(1) == Some(&b':') && text.starts_with(|c: char| c.is_ascii_alphabetic());
        if drive || !text.contains(':') {
            return Ok(Self::File(text.into()));
        }
        match Location::parse(text) {
            None => Err(format!("invalid uri: {text:?}")),
            Some(Location { scheme: "file", opaque }) => Ok(Self::File(opaque.into())),
            Some(Location { scheme: "env" | "yaml", .. }) => Ok(Self::Uri(text.to_owned())),
            Some(_) => Err(format!("unsupported scheme on URI {text:?} (known: file, env, yaml)")),
        }
    }

    /// What stands behind `--set`: `exporters.otlp_grpc.timeout=2s`.
    ///
    /// # Errors
    /// One without `=`, in the Collector's words.
    pub fn from_set(text: &str) -> Result<Self, String> {
        let (path, value) = text.split_once('=').ok_or("missing equal sign")?;
        Ok(Self::Set { path: path.replace('.', "::").trim().to_owned(), value: value.trim().to_owned() })
    }

    /// The file that it is.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            _ => None,
        }
    }

    /// The source's tree, a map; what keeps it from being one is noted.
    pub(super) fn read(&self, environment: &dyn Environment, faults: &mut Faults) -> Option<Node> {
        let name: Arc<str> = self.name().into();
        let start = Position { file: name.clone(), line: 1, column: 1 };
        let text = self.text(environment, &start, faults)?;
        let tree = paths::split(yaml::read(&text, &name, faults)?);
        match tree.value {
            Value::Map(_) => Some(if let Self::Set { .. } = self { without_lines(tree, &name) } else { tree }),
            // As in the Collector, one of several may be empty.
            Value::Null => Some(Node { value: Value::Map(Vec::new()), ..tree }),
            value => {
                faults.add(&tree.position, format!("expected a map, found {}", value.kind()));
                None
            }
        }
    }

    /// What it is called in faults; a value is never part of it.
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Text { name, .. } => (*name).to_owned(),
            Self::Set { path, .. } => format!("--set {}", path.replace("::", ".")),
            Self::Uri(uri) => {
                let key = uri.find([' ', '\n', '{']).unwrap_or(uri.len());
                uri[..key].trim_end_matches(':').to_owned()
            }
        }
    }

    fn text(&self, environment: &dyn Environment, start: &Position, faults: &mut Faults) -> Option<String> {
        match self {
            Self::File(path) => environment
                .file(path)
                .map_err(|error| {
                    let advice = "check that the file exists, is UTF-8 and may be read by this user";
                    faults.add(start, format!("cannot read {}: {error}: {advice}", path.display()));
                })
                .ok(),
            Self::Text { text, .. } => Some((*text).to_owned()),
            Self::Set { path, value } => Some(format!("{path}: {value}")),
            Self::Uri(uri) => {
                let retrieved = Location::parse(uri).map(|location| location.retrieve(environment))?;
                let retrieved = retrieved.map_err(|text| faults.add(start, text)).ok()?;
                if retrieved.unset {
                    faults.notice(start, "the environment variable is not set, so this configuration is empty");
                }
                Some(retrieved.text)
            }
        }
    }
}

/// The tree of a `--set`, whose one line needs no number.
fn without_lines(node: Node, name: &Arc<str>) -> Node {
    let position = Position { file: name.clone(), line: 0, column: 0 };
    let value = match node.value {
        Value::List(items) => Value::List(items.into_iter().map(|item| without_lines(item, name)).collect()),
        Value::Map(entries) => {
            let bare = |mut entry: component::config::Entry| {
                entry.position = position.clone();
                entry.node = without_lines(entry.node, name);
                entry
            };
            Value::Map(entries.into_iter().map(bare).collect())
        }
        scalar => scalar,
    };
    Node::new(position, value)
}
