//! Keys of `otlp_grpc`, checked and ready to connect with.

use std::collections::BTreeMap;
use std::time::Duration;

use component::config::{Configuration, Section};
use component::{QueueConfig, RetryConfig};
use http::Uri;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{Ascii, AsciiMetadataValue, MetadataKey, MetadataMap};

use crate::split::read_max_request_size;

/// Keys of `otlp_grpc`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to connect; scheme `http` is plaintext, `https` is TLS.
    pub endpoint: Uri,
    /// Sent with every request.
    pub headers: MetadataMap,
    /// Longest time of one attempt, connecting included.
    pub timeout: Duration,
    /// How requests are compressed.
    pub compression: Option<CompressionEncoding>,
    /// Most bytes of a request before compression.
    pub max_request_size: usize,
    /// Certificates in PEM that are trusted besides the system's.
    pub ca: Option<String>,
    /// The name that the server's certificate must be for, where it is not that of `endpoint`.
    pub server_name: Option<String>,
    /// When to try again; the runtime's business.
    pub retry: RetryConfig,
    /// What waits for the far side; the runtime's business.
    pub queue: QueueConfig,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let endpoint: String =
            section.field("endpoint", "host:port; http:// before it means plaintext, https:// TLS", DEFAULT.to_owned());
        let headers = section.field("headers", "headers sent with every request", BTreeMap::new());
        let timeout = section.field("timeout", "longest time of one attempt", Duration::from_secs(5));
        let compression = section.choice(
            "compression",
            "how requests are compressed",
            &[("gzip", Some(CompressionEncoding::Gzip)), ("none", None)],
        );
        let max_request_size = read_max_request_size(section);
        let tls = section.section("tls", Tls::read);
        if timeout.is_zero() {
            section.fault_at("timeout", "must be greater than 0");
        }
        Self {
            endpoint: parse_endpoint(&endpoint, tls.insecure).unwrap_or_else(|text| {
                section.fault_at("endpoint", text);
                Uri::default()
            }),
            headers: parse_headers(section, headers),
            timeout,
            compression,
            max_request_size,
            ca: tls.ca,
            server_name: tls.server_name,
            retry: section.section("retry_on_failure", RetryConfig::read),
            queue: section.section("sending_queue", QueueConfig::read),
        }
    }
}

/// Keys of `tls`.
struct Tls {
    insecure: bool,
    ca: Option<String>,
    server_name: Option<String>,
}

impl Configuration for Tls {
    fn read(section: &mut Section<'_>) -> Self {
        let insecure = section.field("insecure", "plaintext, where endpoint names no scheme", false);
        let ca_file: String =
            section.field("ca_file", "PEM file of certificates trusted besides the system's", String::new());
        let server_name: String = section.field(
            "server_name_override",
            "name that the server's certificate must be for, instead of endpoint's",
            String::new(),
        );
        let ca = (!ca_file.is_empty()).then(|| read_ca(&ca_file));
        let ca = ca.transpose().unwrap_or_else(|text| {
            section.fault_at("ca_file", text);
            None
        });
        Self { insecure, ca, server_name: (!server_name.is_empty()).then_some(server_name) }
    }
}

fn read_ca(path: &str) -> Result<String, String> {
    let pem = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    if pem.contains("-----BEGIN CERTIFICATE-----") { Ok(pem) } else { Err(format!("{path}: no PEM certificate in it")) }
}

fn parse_endpoint(endpoint: &str, insecure: bool) -> Result<Uri, String> {
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

/// Faults name the header, never its value, which is often a secret.
fn parse_headers(section: &mut Section<'_>, headers: BTreeMap<String, String>) -> MetadataMap {
    let mut map = MetadataMap::new();
    for (name, value) in headers {
        let key = MetadataKey::<Ascii>::from_bytes(name.as_bytes());
        match (key, AsciiMetadataValue::try_from(value)) {
            (Ok(key), Ok(mut value)) => {
                value.set_sensitive(true);
                map.insert(key, value);
            }
            (Err(_), _) => section.fault_at("headers", format!("{name:?} is no header name, or ends in -bin")),
            (_, Err(_)) => section.fault_at("headers", format!("the value of {name:?} has control characters in it")),
        }
    }
    map
}

const DEFAULT: &str = "localhost:4317";

#[cfg(test)]
mod tests {
    use component::config::{Entry, Faults, Node, Position, Value};

    use super::*;

    fn node(value: Value) -> Node {
        Node { position: Position { file: "f".into(), line: 1, column: 1 }, value }
    }

    fn map(entries: Vec<(&str, Value)>) -> Value {
        let entry = |(key, value): (&str, Value)| Entry {
            key: key.to_owned(),
            position: node(Value::Null).position,
            node: node(value),
        };
        Value::Map(entries.into_iter().map(entry).collect())
    }

    fn faults(entries: Vec<(&str, Value)>) -> Vec<String> {
        let mut faults = Faults::default();
        Section::read_node(Some(&node(map(entries))), &mut faults, Config::read);
        faults.into_sorted().into_iter().map(|fault| fault.text).collect()
    }

    #[test]
    fn a_scheme_decides_over_insecure() {
        let uri = |endpoint, insecure| parse_endpoint(endpoint, insecure).map(|uri| uri.to_string());
        assert_eq!(uri("localhost:4317", false).unwrap(), "https://localhost:4317/");
        assert_eq!(uri("localhost:4317", true).unwrap(), "http://localhost:4317/");
        assert_eq!(uri("http://[::1]:4317", false).unwrap(), "http://[::1]:4317/");
        assert_eq!(uri("https://host:1/", true).unwrap(), "https://host:1/");
        for bad in ["", "host", ":4317", "http://", "ftp://host:1", "host:1/v1", "u:p@host:1", "host:99999", "a b:1"] {
            assert!(parse_endpoint(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_faulty_value_is_noted_and_no_header_value_is_told() {
        let text = |text: &str| Value::Text(text.to_owned());
        let found = faults(vec![
            ("endpoint", text("nowhere")),
            ("headers", map(vec![("a b", text("x")), ("token", text("sec\nret")), ("ok", text("fine"))])),
            ("tls", map(vec![("ca_file", text("/nonexistent/ca.pem"))])),
            ("timeout", Value::Int(0)),
            ("max_request_size", Value::Int(4)),
        ]);
        assert_eq!(found.len(), 6, "{found:?}");
        assert!(found.iter().any(|text| text.starts_with("/nonexistent/ca.pem: No such file")), "{found:?}");
        assert!(!found.iter().any(|text| text.contains("ret")), "{found:?}");
    }

    #[test]
    fn keys_and_defaults_are_the_collectors() {
        let keys = Section::describe(Config::read);
        let default = |path: &str| &*keys.iter().find(|key| key.path == path).unwrap().default;
        assert_eq!(default("endpoint"), "\"localhost:4317\"");
        assert_eq!((default("compression"), default("timeout"), default("tls.insecure")), ("gzip", "5s", "false"));
        assert_eq!(default("max_request_size"), "4000KiB");
        assert_eq!((default("retry_on_failure.max_elapsed_time"), default("sending_queue.queue_size")), ("5m", "1000"));
    }
}
