//! OTLP over HTTP/1.1: `otlp_http`.

mod answer;
mod body;
mod config;
mod connect;
mod exporter;

pub use body::{Compression, Encoding};
pub use config::HttpConfig;
pub use exporter::{HTTP_FACTORY, OtlpHttp};
