//! `otlp` of `service::telemetry`: where the agent's own traces or metrics go.

use std::collections::BTreeMap;
use std::time::Duration;

use component::config::Section;

use super::telemetry::{Headers, millis};

/// A backend of the agent's own traces or metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What is spoken.
    pub protocol: Protocol,
    /// `http://` is plaintext, `https://` is TLS; with HTTP the path is that of the requests.
    pub url: String,
    /// Sent with every request, often a token.
    pub headers: BTreeMap<String, String>,
    /// Longest time of one attempt.
    pub timeout: Duration,
    /// Whether requests are compressed by gzip.
    pub gzip: bool,
}

/// What is spoken with a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP over gRPC.
    Grpc,
    /// Protobuf over HTTP/1.1.
    Http,
}

impl Target {
    /// Reads the keys; requests over HTTP go to `path` where the URL has none.
    pub(super) fn read(section: &mut Section<'_>, path: &str) -> Option<Self> {
        let words = [("http/protobuf", Protocol::Http), ("grpc", Protocol::Grpc)];
        let protocol = section.choice("protocol", "what is spoken; must be given", &words);
        if section.is_given() && !section.has("protocol") {
            section.fault_at("protocol", "must have protocol: grpc or http/protobuf");
        }
        let endpoint: String = section.field(
            "endpoint",
            "URL; localhost:4317 with grpc, localhost:4318 with http/protobuf",
            String::new(),
        );
        let insecure = section.field("insecure", "plaintext, where the endpoint names no scheme", false);
        let Headers(headers) = section.secret("headers", "headers sent with every request", Headers::default());
        let timeout = millis(section, "timeout", "milliseconds of one attempt, at most", 10_000);
        let gzip = section.choice("compression", "how requests are compressed", &[("none", false), ("gzip", true)]);
        for key in ["certificate", "client_certificate", "client_key", "headers_list"] {
            section.refuse(key, &format!("{key:?} of the Collector: not supported by this agent"));
        }
        for (name, value) in &headers {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if name.is_empty() || !name.chars().all(token) {
                section.fault_at("headers", format!("{name:?} is no header name"));
            }
            if !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
                section.fault_at("headers", format!("the value of {name:?} has characters that a header cannot have"));
            }
        }
        let url = url(&endpoint, protocol, insecure, path).map_err(|text| section.fault_at("endpoint", text)).ok()?;
        Some(Self { protocol, url, headers, timeout, gzip })
    }
}

fn url(endpoint: &str, protocol: Protocol, insecure: bool, path: &str) -> Result<String, String> {
    let endpoint = match (endpoint, protocol) {
        ("", Protocol::Grpc) => "http://localhost:4317",
        ("", Protocol::Http) => "http://localhost:4318",
        _ => endpoint,
    };
    let (scheme, rest) = match endpoint.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        Some((scheme, _)) => return Err(format!("unknown scheme {scheme:?}: write http:// or https://")),
        None => (if insecure { "http" } else { "https" }, endpoint),
    };
    let (authority, given) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bad = |c: char| c.is_whitespace() || c.is_control() || !c.is_ascii() || "<>\"{}|\\^`@?#".contains(c);
    if host.is_empty() || rest.contains(bad) || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Err(format!("{endpoint:?} is no URL: write http://host:port"));
    }
    Ok(match (protocol, given) {
        (Protocol::Grpc, _) => format!("{scheme}://{authority}"),
        (Protocol::Http, "" | "/") => format!("{scheme}://{authority}{path}"),
        (Protocol::Http, given) => format!("{scheme}://{authority}{given}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_says_how_and_where_to() {
        let grpc = |endpoint, insecure| url(endpoint, Protocol::Grpc, insecure, "/v1/traces");
        let http = |endpoint| url(endpoint, Protocol::Http, true, "/v1/traces");
        assert_eq!(grpc("", false), Ok("http://localhost:4317".into()));
        assert_eq!(grpc("there:4317", false), Ok("https://there:4317".into()));
        assert_eq!(grpc("there:4317", true), Ok("http://there:4317".into()));
        assert_eq!(grpc("http://[::1]:4317/", false), Ok("http://[::1]:4317".into()));
        assert_eq!(http(""), Ok("http://localhost:4318/v1/traces".into()));
        assert_eq!(http("https://there"), Ok("https://there/v1/traces".into()));
        assert_eq!(http("https://there/else"), Ok("https://there/else".into()));
        for bad in ["grpc://there:1", "http://", ":4317", "there:port", "a b:1", "http://user@there", "there:99999"] {
            assert!(grpc(bad, true).is_err(), "{bad}");
        }
    }
}
