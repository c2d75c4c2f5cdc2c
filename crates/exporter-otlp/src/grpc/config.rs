//! Keys of `otlp_grpc`, checked and ready to connect with.

use std::path::PathBuf;
use std::time::Duration;

use component::config::{Configuration, Section};
use component::{QueueConfig, RetryConfig, read_temporality};
use http::{HeaderMap, Uri};
use pdata::Temporality;
use tonic::metadata::MetadataMap;

use crate::headers::read_headers;
use crate::packing::Compression;
use crate::split::read_max_request_size;
use crate::tls::Tls;
use crate::token::read_bearer_token_file;

/// Keys of `otlp_grpc`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to connect; scheme `http` is plaintext, `https` is TLS.
    pub endpoint: Uri,
    /// The socket of this machine to connect to instead.
    pub socket: Option<PathBuf>,
    /// Sent with every request.
    pub headers: MetadataMap,
    /// Path of the file of a token to send; empty for none.
    pub bearer_token_file: String,
    /// Longest time of one attempt, connecting included.
    pub timeout: Duration,
    /// How requests are compressed.
    pub compression: Compression,
    /// Most bytes of a request before compression.
    pub max_request_size: usize,
    /// What is trusted.
    pub tls: Tls,
    /// What sums and histograms leave as; the runtime's business.
    pub temporality: Temporality,
    /// When to try again; the runtime's business.
    pub retry: RetryConfig,
    /// What waits for the far side; the runtime's business.
    pub queue: QueueConfig,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let endpoint: String = section.field(
            "endpoint",
            "host:port; http:// before it means plaintext, https:// TLS, unix:// a socket of this machine",
            DEFAULT.to_owned(),
        );
        let headers = read_headers(section);
        let bearer_token_file = read_bearer_token_file(section, &headers);
        let timeout = section.field("timeout", "longest time of one attempt", Duration::from_secs(5));
        let compression = section.choice(
            "compression",
            "how requests are compressed",
            &[("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("none", Compression::None)],
        );
        let max_request_size = read_max_request_size(section);
        let temporality = read_temporality(section);
        let tls = section.section("tls", Tls::read);
        let retry = section.section("retry_on_failure", RetryConfig::read);
        let queue = section.section("sending_queue", QueueConfig::read);
        queue.check(temporality, section);
        if timeout.is_zero() {
            section.fault_at("timeout", "must be greater than 0");
        }
        Self {
            endpoint: parse_endpoint(&endpoint, tls.insecure).unwrap_or_else(|text| {
                section.fault_at("endpoint", text);
                Uri::default()
            }),
            socket: endpoint.strip_prefix(SOCKET).map(PathBuf::from),
            headers: metadata(section, headers),
            bearer_token_file,
            timeout,
            compression,
            max_request_size,
            tls,
            temporality,
            retry,
            queue,
        }
    }
}

fn parse_endpoint(endpoint: &str, insecure: bool) -> Result<Uri, String> {
    if let Some(path) = endpoint.strip_prefix(SOCKET) {
        // The name that servers see: there is no other in the path of a socket.
        return if path.starts_with('/') {
            Ok(Uri::from_static("http://localhost"))
        } else {
            Err(format!("{endpoint:?} is no unix:///path"))
        };
    }
    let scheme = if insecure { "http" } else { "https" };
    let url = if endpoint.contains("://") { endpoint.to_owned() } else { format!("{scheme}://{endpoint}") };
    let uri: Uri = url.parse().map_err(|error| format!("{endpoint:?}: {error}; write host:port, such as {DEFAULT}"))?;
    let known_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let host_and_port = uri.host().is_some_and(|host| !host.is_empty()) && uri.port_u16().is_some();
    let bare = uri.path_and_query().is_none_or(|path| path == "/") && !url.contains('@');
    if known_scheme && host_and_port && bare {
        Ok(uri)
    } else {
        Err(format!("{endpoint:?} is no [http[s]://]host:port, such as {DEFAULT}"))
    }
}

/// gRPC has headers of bytes too, whose names end in -bin; there is no way to write them in YAML.
fn metadata(section: &mut Section<'_>, headers: HeaderMap) -> MetadataMap {
    for name in headers.keys().filter(|name| name.as_str().ends_with("-bin")) {
        section.fault_at("headers", format!("{name:?} ends in -bin"));
    }
    MetadataMap::from_headers(headers)
}

const DEFAULT: &str = "localhost:4317";
const SOCKET: &str = "unix://";

#[cfg(test)]
mod tests {
    use component::config::Value;

    use super::*;
    use crate::tests::{faults_of, key_of, map, text};

    #[test]
    fn a_scheme_decides_over_insecure() {
        let uri = |endpoint, insecure| parse_endpoint(endpoint, insecure).map(|uri| uri.to_string());
        assert_eq!(uri("localhost:4317", false).unwrap(), "https://localhost:4317/");
        assert_eq!(uri("localhost:4317", true).unwrap(), "http://localhost:4317/");
        assert_eq!(uri("http://[::1]:4317", false).unwrap(), "http://[::1]:4317/");
        assert_eq!(uri("https://host:1/", true).unwrap(), "https://host:1/");
        assert_eq!(uri("unix:///run/otel.sock", false).unwrap(), "http://localhost/");
        for bad in [
            "unix://",
            "unix://run",
            "",
            "host",
            ":4317",
            "http://",
            "ftp://host:1",
            "host:1/v1",
            "u:p@host:1",
            "host:99999",
            "a b:1",
        ] {
            assert!(parse_endpoint(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_faulty_value_is_noted_and_no_header_value_is_told() {
        let found = faults_of(
            map(vec![
                ("endpoint", text("nowhere")),
                (
                    "headers",
                    map(vec![
                        ("a b", text("x")),
                        ("token", text("sec\nret")),
                        ("x-bin", text("x")),
                        ("ok", text("fine")),
                    ]),
                ),
                ("tls", map(vec![("ca_file", text("/nonexistent/ca.pem"))])),
                ("timeout", Value::Int(0)),
                ("max_request_size", Value::Int(4)),
            ]),
            Config::read,
        );
        assert_eq!(found.len(), 7, "{found:?}");
        assert!(found.iter().any(|text| text.starts_with("/nonexistent/ca.pem: No such file")), "{found:?}");
        assert!(!found.iter().any(|text| text.contains("ret")), "{found:?}");
    }

    #[test]
    fn keys_and_defaults_are_the_collectors() {
        let default = |path| key_of(path, Config::read).default;
        assert_eq!(default("endpoint"), "\"localhost:4317\"");
        assert_eq!([default("compression"), default("timeout"), default("tls.insecure")], ["gzip", "5s", "false"]);
        assert_eq!(default("max_request_size"), "4000KiB");
        let runtime = ["retry_on_failure.max_elapsed_time", "sending_queue.queue_size"];
        assert_eq!(runtime.map(default), ["5m", "1000"]);
    }
}
