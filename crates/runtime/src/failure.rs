//! A component that could not be built, prepared or started.

use component::{ComponentId, Kind};

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
