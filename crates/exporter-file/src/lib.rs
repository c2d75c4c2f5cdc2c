//! The `file` exporter: every batch as a line of OTLP/JSON, or as a message behind its length.
//!
//! [`exporter`](FACTORY) encodes, `log` is the file: a batch is in it whole or not at all, whatever the disk does.
#![forbid(unsafe_code)]

mod config;
mod exporter;
mod log;

pub use config::{Config, Format, Rotation};
pub use exporter::{FACTORY, FileExporter};

#[cfg(test)]
mod tests;
