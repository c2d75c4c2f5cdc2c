//! OTLP over HTTP/1.1: `otlp_http`.

mod answer;
mod body;
mod config;
mod connect;
mod exporter;
mod post;

pub use body::Encoding;
pub use config::HttpConfig;
pub use exporter::{HTTP_FACTORY, OtlpHttp};
pub use post::Post;
