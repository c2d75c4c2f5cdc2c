//! Factories: a component type, the configuration it takes, and how it is built.

use std::sync::Arc;

use crate::config::Section;
use crate::{ComponentId, Delivery, Exporter, Extension, Extensions, Observe, Processor, Receiver, Reporter};

/// How far a component's behaviour may still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// May change in any release.
    Alpha,
    /// Changes come with a notice.
    Beta,
    /// Does not change within a major version.
    Stable,
}

/// What a builder gets besides its configuration.
#[derive(Clone)]
pub struct BuildContext<'a> {
    /// The component's own id.
    pub id: &'a ComponentId,
    /// The shared parts of the extensions.
    pub extensions: &'a Extensions,
    /// By which it says how it is doing.
    pub status: &'a Reporter,
    /// The service that it is part of, for those that show it.
    pub service: &'a Arc<dyn Observe>,
}

/// Why a component could not be built from a valid configuration; a text for people.
pub type BuildError = String;

/// Makes a component from configuration that has been read already.
pub type Builder<T> = Box<dyn Fn(&BuildContext<'_>) -> Result<T, BuildError>>;

/// A component type, where `T` is what it builds.
pub struct Factory<T: 'static> {
    /// The word in YAML.
    pub component_type: &'static str,
    /// Older word for the same, accepted with a notice.
    pub alias: Option<&'static str>,
    /// How far its behaviour may still change.
    pub stability: Stability,
    /// One line for `components`.
    pub summary: &'static str,
    /// Extension types that it cannot do without; one that is not configured runs with its defaults.
    pub requires: &'static [&'static str],
    /// Reads its configuration, noting faults, and says how to build it.
    pub configure: fn(&mut Section<'_>) -> Builder<T>,
}

/// A receiver type. Pipelines share an instance.
pub type ReceiverFactory = Factory<Box<dyn Receiver>>;

/// A processor type. Each pipeline gets an instance of its own.
pub type ProcessorFactory = Factory<Box<dyn Processor>>;

/// An exporter type. Pipelines share an instance.
pub type ExporterFactory = Factory<BuiltExporter>;

/// An extension type.
pub type ExtensionFactory = Factory<Box<dyn Extension>>;

/// A connector type.
pub type ConnectorFactory = Factory<Connector>;

/// An exporter of one pipeline that is a receiver of another: passes on what it gets.
#[derive(Debug, Clone, Copy)]
pub struct Connector;

/// An exporter and how the runtime is to deliver to it.
pub struct BuiltExporter {
    /// The exporter itself.
    pub exporter: Box<dyn Exporter>,
    /// At once, or through a queue with retries.
    pub delivery: Delivery,
}

/// The explicit list of everything that a configuration may name.
pub struct Components {
    /// All receiver types.
    pub receivers: &'static [&'static ReceiverFactory],
    /// All processor types.
    pub processors: &'static [&'static ProcessorFactory],
    /// All exporter types.
    pub exporters: &'static [&'static ExporterFactory],
    /// All connector types.
    pub connectors: &'static [&'static ConnectorFactory],
    /// All extension types.
    pub extensions: &'static [&'static ExtensionFactory],
}
