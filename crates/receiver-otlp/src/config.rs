//! Keys of `otlp`, as the Collector has them.

use component::config::{Configuration, Section};
use component::{Endpoint, ServerTls};

/// Keys of `otlp`; at least one protocol, or reading them noted a fault.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Where gRPC is taken.
    pub grpc: Option<Grpc>,
    /// Where HTTP is taken.
    pub http: Option<Http>,
}

/// Keys of `protocols.grpc`.
#[derive(Debug, Clone)]
pub struct Grpc {
    /// Host and port.
    pub endpoint: Endpoint,
    /// The server's certificate.
    pub tls: ServerTls,
    /// Most bytes of a request, after it was unpacked.
    pub max_message: usize,
    /// Most requests at a time on one connection.
    pub max_streams: u32,
}

/// Keys of `protocols.http`.
#[derive(Debug, Clone)]
pub struct Http {
    /// Host and port.
    pub endpoint: Endpoint,
    /// The server's certificate.
    pub tls: ServerTls,
    /// Most bytes of a request, after it was unpacked.
    pub max_body: usize,
    /// Where metrics are taken.
    pub path: String,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let config = section.section("protocols", |section| {
            let (has_grpc, has_http) = (section.has("grpc"), section.has("http"));
            let grpc = section.section("grpc", Grpc::read);
            let http = section.section("http", Http::read);
            Self { grpc: has_grpc.then_some(grpc), http: has_http.then_some(http) }
        });
        if config.grpc.is_none() && config.http.is_none() {
            section.fault_at("protocols", "must specify at least one protocol when using the OTLP receiver");
        }
        config
    }
}

impl Configuration for Grpc {
    fn read(section: &mut Section<'_>) -> Self {
        let endpoint = endpoint(section, "localhost:4317");
        let mib = section.field("max_recv_msg_size_mib", "most MiB of a request, after it was unpacked", 4_u32);
        let max_streams = section.field("max_concurrent_streams", "most requests at a time on one connection", 100_u32);
        for (key, zero) in [("max_recv_msg_size_mib", mib == 0), ("max_concurrent_streams", max_streams == 0)] {
            if zero {
                section.fault_at(key, "must be greater than 0");
            }
        }
        if mib > 4095 {
            section.fault_at("max_recv_msg_size_mib", "must be at most 4095");
        }
        Self { endpoint, tls: section.section("tls", ServerTls::read), max_message: (mib as usize) << 20, max_streams }
    }
}

impl Configuration for Http {
    fn read(section: &mut Section<'_>) -> Self {
        let endpoint = endpoint(section, "localhost:4318");
        let max_body =
            section.field("max_request_body_size", "most bytes of a request, after it was unpacked", 20_u64 << 20);
        let path = section.field("metrics_url_path", "where metrics are taken", "/v1/metrics".to_owned());
        for key in ["traces_url_path", "logs_url_path"] {
            section.refuse(key, &format!("{key:?} is not supported: this agent takes metrics only"));
        }
        if max_body == 0 || u32::try_from(max_body).is_err() {
            section.fault_at("max_request_body_size", "must be greater than 0 and less than 4294967296");
        }
        if !path.starts_with('/') {
            section.fault_at("metrics_url_path", "must begin with /");
        }
        let max_body = usize::try_from(max_body).unwrap_or(usize::MAX);
        Self { endpoint, tls: section.section("tls", ServerTls::read), max_body, path }
    }
}

fn endpoint(section: &mut Section<'_>, default: &str) -> Endpoint {
    let text: String = section.field("endpoint", "host:port to listen on", default.to_owned());
    Endpoint::parse(&text).unwrap_or_else(|| {
        section.fault_at("endpoint", format!("{text:?} is no host:port, such as {default}, 0.0.0.0:4317 or [::]:4317"));
        Endpoint::default()
    })
}
