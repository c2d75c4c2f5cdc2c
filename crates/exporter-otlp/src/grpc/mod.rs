//! OTLP over gRPC: `otlp_grpc`.

mod codec;
mod config;
mod exporter;

pub use config::Config;
pub use exporter::{FACTORY, OtlpGrpc};
