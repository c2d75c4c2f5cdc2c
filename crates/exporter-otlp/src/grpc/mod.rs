//! OTLP over gRPC: `otlp_grpc`.

mod call;
mod config;
mod exporter;
mod gather;
mod message;

pub use config::Config;
pub use exporter::{FACTORY, OtlpGrpc};
