//! OTLP out of the agent: the bytes that `otlp` writes, over gRPC or HTTP.
#![forbid(unsafe_code)]

mod dial;
mod failure;
mod grpc;
mod headers;
mod http;
mod packing;
mod split;
mod tls;
mod token;

pub use grpc::{Config, FACTORY, OtlpGrpc};
pub use http::{Encoding, HTTP_FACTORY, HttpConfig, OtlpHttp, Post};
pub use packing::Compression;
pub use tls::{Pem, Tls};

const USER_AGENT: &str = concat!("tfo-agent/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
