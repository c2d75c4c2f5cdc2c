//! The formats that a page is served in.

/// What a page is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Prometheus' text format.
    Text,
    /// OpenMetrics' text format.
    OpenMetrics,
    /// Messages `io.prometheus.client.MetricFamily`, each after its length.
    Protobuf,
}

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) syntax: Syntax,
    /// Version 1.0.0 of a text format, not the one before.
    pub(crate) latest: bool,
    /// Names may have any character in them.
    pub(crate) utf8: bool,
    /// Every sample of a text says when it was read, for this one reader.
    pub(crate) timestamps: bool,
}

impl Format {
    /// What people get, and scrapers that ask for nothing.
    pub(crate) const TEXT: Self = Self { syntax: Syntax::Text, latest: false, utf8: false, timestamps: false };

    /// Whether two wishes are for one format, whatever its names.
    pub(crate) fn is_like(self, other: Self) -> bool {
        self.syntax == other.syntax && self.latest == other.latest
    }

    /// The value of `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match (self.syntax, self.latest, self.utf8) {
            (Syntax::Text, false, false) => "text/plain; version=0.0.4; charset=utf-8",
            (Syntax::Text, false, true) => "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
            (Syntax::Text, true, false) => "text/plain; version=1.0.0; charset=utf-8; escaping=underscores",
            (Syntax::Text, true, true) => "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
            (Syntax::OpenMetrics, false, false) => "application/openmetrics-text; version=0.0.1; charset=utf-8",
            (Syntax::OpenMetrics, false, true) => {
                "application/openmetrics-text; version=0.0.1; charset=utf-8; escaping=allow-utf-8"
            }
            (Syntax::OpenMetrics, true, false) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            (Syntax::OpenMetrics, true, true) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            (Syntax::Protobuf, _, false) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
            (Syntax::Protobuf, _, true) => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; \
                 escaping=allow-utf-8"
            }
        }
    }
}
