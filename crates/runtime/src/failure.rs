//! A component that could not be built, prepared or started.

use std::fmt;

use component::ComponentId;

/// What a part of the graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A way out.
    Exporter,
    /// Something beside the pipelines.
    Extension,
    /// A chain of processors with its receivers and exporters.
    Pipeline,
    /// A step of a pipeline.
    Processor,
    /// A source of batches.
    Receiver,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exporter => "exporter",
            Self::Extension => "extension",
            Self::Pipeline => "pipeline",
            Self::Processor => "processor",
            Self::Receiver => "receiver",
        })
    }
}

/// Why the service does not start; prints as `exporter debug: reason`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {id}: {reason}")]
pub struct Failure {
    /// What failed.
    pub kind: Kind,
    /// Which one.
    pub id: ComponentId,
    /// In its own words.
    pub reason: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, id: &ComponentId, reason: String) -> Self {
        Self { kind, id: id.clone(), reason }
    }
}
