//! OTLP out of the agent: the bytes that `otlp` writes, over one gRPC channel.
#![forbid(unsafe_code)]

mod codec;
mod config;
mod exporter;
mod failure;
mod split;

pub use config::Config;
pub use exporter::{FACTORY, OtlpGrpc};

#[cfg(test)]
mod tests;
