//! The top of a configuration: its sections, and `service`.

use component::ComponentId;
use component::config::{Configuration, Entry, Faults, Field, Node, Position, Section, Shape, Value};
use tracing::Level;

use super::telemetry::{Keys, Telemetry};

/// How the agent's own log looks: `service::telemetry::logs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logs {
    /// What is logged: this and all that is graver.
    pub level: Level,
    /// How a line looks.
    pub encoding: Encoding,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// For people.
    Console,
    /// One JSON object per line.
    Json,
}

/// The sections, split but not read further.
pub(super) struct Document {
    pub(super) receivers: Entries,
    pub(super) processors: Entries,
    pub(super) exporters: Entries,
    pub(super) connectors: Entries,
    pub(super) extensions: Entries,
    pub(super) service: Service,
}

/// The section `service`.
pub(super) struct Service {
    pub(super) extensions: References,
    pub(super) pipelines: Entries,
    pub(super) logs: Logs,
    pub(super) own_metrics: bool,
    pub(super) telemetry: Telemetry,
}

impl Configuration for Document {
    fn read(section: &mut Section<'_>) -> Self {
        // Whoever loads it translates it first; what is left of it says that nothing is to run.
        section.field("collectors", "the form of the operations guide: ebpf and its keys", Entries::default());
        Self {
            receivers: section.field("receivers", "where metrics come from, by id", Entries::default()),
            processors: section.field("processors", "what happens to them on their way, by id", Entries::default()),
            exporters: section.field("exporters", "where they leave, by id", Entries::default()),
            connectors: section.field("connectors", "what joins pipelines, by id", Entries::default()),
            extensions: section.field("extensions", "what lives beside the pipelines, by id", Entries::default()),
            service: section.section("service", Service::read),
        }
    }
}

impl Configuration for Service {
    fn read(section: &mut Section<'_>) -> Self {
        let Keys { logs, own_metrics, telemetry } = section.section("telemetry", Keys::read);
        Self {
            extensions: section.field("extensions", "ids of the extensions to run", References::default()),
            pipelines: section.field("pipelines", "metrics[/name] and what it consists of", Entries::default()),
            logs,
            own_metrics,
            telemetry,
        }
    }
}

impl Configuration for Logs {
    fn read(section: &mut Section<'_>) -> Self {
        let levels = [("info", Level::INFO), ("debug", Level::DEBUG), ("warn", Level::WARN), ("error", Level::ERROR)];
        let encodings = [("console", Encoding::Console), ("json", Encoding::Json)];
        Self {
            level: section.choice("level", "least grave line that is logged", &levels),
            encoding: section.choice("encoding", "how a line looks", &encodings),
        }
    }
}

/// A map whose keys are chosen by the user.
#[derive(Default)]
pub(super) struct Entries(pub(super) Vec<Entry>);

impl Field for Entries {
    const TYPE: &'static str = "a map";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            faults.add(&node.position, format!("expected {}, found {}", Self::TYPE, node.value.kind()));
            return None;
        };
        Some(Self(entries.clone()))
    }

    fn show(&self) -> String {
        "{}".to_owned()
    }

    fn shape() -> Shape {
        Shape::Map(Box::new(Shape::Any))
    }
}

/// A list of component ids.
#[derive(Default)]
pub(super) struct References(pub(super) Vec<Reference>);

/// One of them; without an id where it is none, which has been noted.
pub(super) struct Reference {
    pub(super) id: Option<ComponentId>,
    pub(super) position: Position,
}

impl Field for References {
    const TYPE: &'static str = "a list";

    /// What is no list counts as one reference, so that nothing is said to be missing as well.
    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        if !matches!(node.value, Value::List(_) | Value::Text(_)) {
            faults.add(&node.position, format!("expected {}, found {}", Self::TYPE, node.value.kind()));
            return Some(Self(vec![Reference { id: None, position: node.position.clone() }]));
        }
        Some(Self(node.elements().iter().map(|item| reference(item, faults)).collect()))
    }

    fn show(&self) -> String {
        "[]".to_owned()
    }

    fn shape() -> Shape {
        Vec::<String>::shape()
    }
}

fn reference(node: &Node, faults: &mut Faults) -> Reference {
    let id = String::parse(node, faults).and_then(|text| component_id(&text, &node.position, faults));
    Reference { id, position: node.position.clone() }
}

/// The id that `text` is; that it is none is noted.
pub(super) fn component_id(text: &str, position: &Position, faults: &mut Faults) -> Option<ComponentId> {
    text.parse().map_err(|error: component::InvalidId| faults.add(position, error.to_string())).ok()
}
