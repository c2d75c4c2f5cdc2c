//! The agent's own log: tracing to stderr, for people or as JSON.

use std::io::{self, IsTerminal as _};

use runtime::{Encoding, Logs};
use tracing_subscriber::filter::LevelFilter;

use crate::cli::LogFormat;

/// Starts logging as configured; `format` from the command line wins.
pub(crate) fn start(logs: Logs, format: Option<LogFormat>) {
    let json = match format {
        Some(format) => format == LogFormat::Json,
        None => logs.encoding == Encoding::Json,
    };
    let builder = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(LevelFilter::from_level(logs.level));
    if json {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_ansi(io::stderr().is_terminal()).with_target(false).init();
    }
}
