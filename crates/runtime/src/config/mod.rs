//! From sources to a checked configuration.
//!
//! `yaml` reads a source into a tree, `layers` lays the trees over each other,
//! `expand` puts in what the result refers to, `document` splits it, `group` has every
//! component read its own keys, `pipelines` and `required` check what refers to what.
//! Every fault of every source is found before anything is built. `collector` answers
//! what users bring along and is not here.

mod collector;
mod connectors;
mod document;
mod environment;
mod expand;
mod group;
mod layers;
mod paths;
mod pipelines;
mod print;
mod required;
mod scalar;
mod source;
mod target;
mod telemetry;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;

use component::config::{Configuration, Fault, Faults, Key, Node, Section, Value};
use component::{Builder, BuiltExporter, ComponentId, Components, Connector, Extension, Processor, Receiver};

pub use document::{Encoding, Logs};
pub use environment::{Environment, ProcessEnvironment};
pub(crate) use pipelines::Pipeline;
pub use source::Source;
pub use target::{Protocol, Target};
pub use telemetry::{Batching, Periodic, Telemetry};

use crate::Kind;
use document::Document;
use expand::Expansion;
use group::Group;
use pipelines::Configured;
use required::Required;

/// Changes a tree before it is read, such as one of another form of configuration.
pub type Translate = fn(Node, &Components, &dyn Environment, &mut Faults) -> Node;

/// How sources are read.
#[derive(Clone, Copy)]
pub struct Loading<'a> {
    /// What they may refer to.
    pub environment: &'a dyn Environment,
    /// What is done with them when they are one tree without references.
    pub translate: Translate,
}

impl Default for Loading<'_> {
    fn default() -> Self {
        Self { environment: &ProcessEnvironment, translate: refuse_collectors }
    }
}

fn refuse_collectors(root: Node, _: &Components, _: &dyn Environment, faults: &mut Faults) -> Node {
    if let Some(entry) = root.get("collectors") {
        faults
            .add(&entry.position, "the form `collectors: ebpf:` is not accepted here: declare receivers and pipelines");
    }
    root
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
    telemetry: Telemetry,
    root: Node,
    files: Vec<PathBuf>,
}

impl Config {
    /// Reads `sources`, at least one and a later one over an earlier one, and checks the whole.
    ///
    /// # Errors
    /// Every fault of every source, in order of file, line and column.
    pub fn load(sources: &[Source], components: &'static Components) -> Result<Self, Vec<Fault>> {
        Self::load_with(sources, components, Loading::default())
    }

    /// The same, with what `loading` says.
    ///
    /// # Errors
    /// Every fault of every source, in order of file, line and column.
    pub fn load_with(
        sources: &[Source],
        components: &'static Components,
        loading: Loading<'_>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let read = |source: &Source| source.read(loading.environment, &mut faults);
        let trees: Vec<Node> = sources.iter().filter_map(read).collect();
        let complete = trees.len() == sources.len();
        let Some(merged) = layers::merge(&trees) else { return Err(faults.into_sorted()) };
        let mut expansion = Expansion::new(loading.environment, &mut faults);
        let root = expansion.expand(paths::split(merged));
        let files = sources.iter().filter_map(Source::path).chain(expansion.files).collect();
        let root = (loading.translate)(root, components, loading.environment, &mut faults);
        if complete && matches!(&root.value, Value::Map(entries) if entries.is_empty()) {
            faults.add(&root.position, "empty configuration file");
            return Err(faults.into_sorted());
        }
        let mut config = check(&root, complete, components, &mut faults);
        if !faults.is_empty() {
            return Err(faults.into_sorted());
        }
        config.notices = faults.take_notices();
        (config.root, config.files) = (root, files);
        Ok(config)
    }

    /// The whole as one tree, after all sources, references and forms: what was checked.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Every file that was read, also by `${file:...}`: a change of one is a change of the configuration.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
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

    /// Where the agent's own traces and metrics go.
    #[must_use]
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// How the agent's own log looks.
    #[must_use]
    pub fn logs(&self) -> Logs {
        self.logs
    }
}

/// The keys of the top of a configuration, for a schema.
#[must_use]
pub fn document_keys() -> Vec<Key> {
    Section::describe(Document::read)
}

/// The tree of a YAML text, and what is wrong with it; for tests of whatever text there may be.
#[must_use]
pub fn read_tree(text: &str, name: &str) -> (Option<Node>, Vec<Fault>) {
    let mut faults = Faults::default();
    let tree = yaml::read(text, &name.into(), &mut faults).map(paths::split);
    (tree, faults.into_sorted())
}

/// The tree with what it refers to in place of its references, and what is wrong with them.
#[must_use]
pub fn expand_tree(tree: Node, environment: &dyn Environment) -> (Node, Vec<Fault>) {
    let mut faults = Faults::default();
    let tree = Expansion::new(environment, &mut faults).expand(tree);
    (tree, faults.into_sorted())
}

/// Reads the tree. What refers to what is judged only where every source was read.
fn check(root: &Node, complete: bool, components: &'static Components, faults: &mut Faults) -> Config {
    let document = Section::read_beside(collector::SERVICE, Some(root), faults, Document::read);
    let receivers = Group::read(Kind::Receiver, components.receivers, &document.receivers, faults);
    let processors = Group::read(Kind::Processor, components.processors, &document.processors, faults);
    let exporters = Group::read(Kind::Exporter, components.exporters, &document.exporters, faults);
    let connectors: Group<Connector> =
        Group::read(Kind::Connector, components.connectors, &document.connectors, faults);
    let extensions = Group::read(Kind::Extension, components.extensions, &document.extensions, faults);

    let mut ignored = Faults::default();
    let faults = if complete { faults } else { &mut ignored };
    let service = document.service;
    let place = root.get("service").map_or(&root.position, |entry| &entry.position);
    if service.pipelines.0.is_empty() && root.get("collectors").is_none() {
        faults.add(place, "service must have at least one pipeline");
    }
    if root.get("collectors").is_none() {
        let sections = ["receivers", "processors", "exporters", "connectors", "extensions"];
        if sections.iter().any(|section| root.get(section).is_some()) {
            missing(root, Kind::Receiver, receivers.declared.is_empty(), faults);
            missing(root, Kind::Exporter, exporters.declared.is_empty(), faults);
        } else {
            faults.add(&root.position, "empty configuration file: no receivers, exporters or other components");
        }
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
        notices: Vec::new(),
        logs: service.logs,
        own_metrics: service.own_metrics,
        telemetry: service.telemetry,
        root: Node::new(root.position.clone(), Value::Null),
        files: Vec::new(),
    }
}

/// Notes that there is no component of a kind, where there must be one.
fn missing(root: &Node, kind: Kind, is: bool, faults: &mut Faults) {
    if is {
        let place = root.get(&format!("{kind}s")).map_or(&root.position, |entry| &entry.position);
        faults.add(place, format!("no {kind} configuration specified in config"));
    }
}
