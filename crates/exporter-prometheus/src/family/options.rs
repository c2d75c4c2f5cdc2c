//! What a page has on it beside names and values.

use crate::naming::{Names, Naming};

/// How families are made, for all pages of one exporter.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) names: Names,
    /// Labels that every sample gets.
    pub(crate) const_labels: Vec<(String, String)>,
    /// Attributes of the resource are labels of every sample.
    pub(crate) resource_labels: bool,
    /// Every sample says when it was read.
    pub(crate) send_timestamps: bool,
    /// Lines that say when a total began, where the format has them.
    pub(crate) send_created: bool,
}

impl Options {
    /// Whether samples say which resource and scope they are of: the guide's do not.
    pub(crate) fn tells_sources(&self) -> bool {
        self.names.naming == Naming::Otel
    }
}
