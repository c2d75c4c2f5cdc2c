//! From sources to a checked configuration.
//!
//! `yaml` reads a source into a tree, `layers` lays the trees over each other,
//! `document` splits the result, `group` has every component read its own keys,
//! `pipelines` and `required` check what refers to what. Every fault of every
//! source is found before anything is built.

mod connectors;
mod document;
mod group;
mod layers;
mod pipelines;
mod required;
mod scalar;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use component::config::{Configuration, Fault, Faults, Node, Position, Section, Value};
use component::{Builder, BuiltExporter, ComponentId, Components, Connector, Extension, Processor, Receiver};

pub use document::{Encoding, Logs};
pub(crate) use pipelines::Pipeline;

use crate::Kind;
use document::Document;
use group::{Findings, Group};
use pipelines::Configured;
use required::Required;

/// Where configuration comes from.
#[derive(Debug, Clone)]
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
}

/// What every component says of itself, by which a change is known.
pub(crate) type Trees = BTreeMap<(Kind, ComponentId), Value>;

/// A checked configuration: every component's part has been read, nothing is built.
pub struct Config {
    pub(crate) extensions: Vec<(ComponentId, Builder<Box<dyn Extension>>)>,
    pub(crate) receivers: BTreeMap<ComponentId, Builder<Box<dyn Receiver>>>,
    pub(crate) processors: BTreeMap<ComponentId, Builder<Box<dyn Processor>>>,
    pub(crate) exporters: BTreeMap<ComponentId, Builder<BuiltExporter>>,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) trees: Trees,
    notices: Vec<Fault>,
    logs: Logs,
    own_metrics: bool,
}

impl Config {
    /// Reads `sources`, at least one and a later one over an earlier one, and checks the whole.
    ///
    /// # Errors
    /// Every fault of every source, in order of file, line and column.
    pub fn load(sources: &[Source], components: &'static Components) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let trees: Vec<Node> = sources.iter().filter_map(|source| source.read(&mut faults)).collect();
        let complete = trees.len() == sources.len();
        let config = layers::merge(&trees).map(|root| check(&root, complete, components, &mut faults));
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(faults.into_sorted()),
        }
    }

    /// What is accepted but should be written another way.
    #[must_use]
    pub fn notices(&self) -> &[Fault] {
        &self.notices
    }

    /// Whether the agent's own figures stand on its pages.
    pub(crate) fn own_metrics(&self) -> bool {
        self.own_metrics
    }

    /// How the agent's own log looks.
    #[must_use]
    pub fn logs(&self) -> Logs {
        self.logs
    }
}

impl Source {
    /// The source's tree, a map; what keeps it from being one is noted.
    fn read(&self, faults: &mut Faults) -> Option<Node> {
        let (file, text): (Arc<str>, _) = match self {
            Self::File(path) => (path.display().to_string().into(), std::fs::read_to_string(path)),
            Self::Text { name, text } => ((*name).into(), Ok((*text).to_owned())),
        };
        let text = text.map_err(|error| {
            let advice = "check that the file exists, is UTF-8 and may be read by this user";
            let start = Position { file: file.clone(), line: 1, column: 1 };
            faults.add(&start, format!("cannot read {file}: {error}: {advice}"));
        });
        let tree = yaml::read(&text.ok()?, &file, faults)?;
        if matches!(tree.value, Value::Map(_)) {
            return Some(tree);
        }
        faults.add(&tree.position, format!("expected a map, found {}", tree.value.kind()));
        None
    }
}

/// Reads the tree. What refers to what is judged only where every source was read.
fn check(root: &Node, complete: bool, components: &'static Components, faults: &mut Faults) -> Config {
    let document = Section::read_node(Some(root), faults, Document::read);
    let mut findings = Findings { faults, notices: Faults::default() };
    let receivers = Group::read(Kind::Receiver, components.receivers, &document.receivers, &mut findings);
    let processors = Group::read(Kind::Processor, components.processors, &document.processors, &mut findings);
    let exporters = Group::read(Kind::Exporter, components.exporters, &document.exporters, &mut findings);
    let connectors: Group<Connector> =
        Group::read(Kind::Connector, components.connectors, &document.connectors, &mut findings);
    let extensions = Group::read(Kind::Extension, components.extensions, &document.extensions, &mut findings);
    let Findings { faults, notices } = findings;

    let mut ignored = Faults::default();
    let faults = if complete { faults } else { &mut ignored };
    let service = document.service;
    let place = root.get("service").map_or(&root.position, |entry| &entry.position);
    if service.pipelines.0.is_empty() && root.get("collectors").is_none() {
        faults.add(place, "service must have at least one pipeline");
    }
    let others = [(Kind::Exporter, &exporters.declared), (Kind::Receiver, &receivers.declared)];
    connectors::check_ids(&document.connectors, others, faults);
    let configured =
        Configured { receivers: &receivers, processors: &processors, exporters: &exporters, connectors: &connectors };
    let pipelines = pipelines::read(&service.pipelines, &configured, faults);
    connectors::check_use(&document.connectors, &pipelines, faults);
    let mut trees = Trees::new();
    receivers.trees(&mut trees);
    processors.trees(&mut trees);
    exporters.trees(&mut trees);
    extensions.trees(&mut trees);
    let listed = pipelines::resolve("service::extensions", &service.extensions, &extensions, faults);
    let required = Required::new(&pipelines, components.receivers, place);
    Config {
        extensions: required.join(listed, extensions, faults),
        receivers: receivers.builders,
        processors: processors.builders,
        exporters: exporters.builders,
        pipelines,
        trees,
        notices: notices.into_sorted(),
        logs: service.logs,
        own_metrics: service.own_metrics,
    }
}
