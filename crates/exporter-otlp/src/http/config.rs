//! Keys of `otlp_http`, checked and ready to connect with.

use std::time::Duration;

use component::config::{Configuration, Section};
use component::{QueueConfig, RetryConfig, read_temporality};
use http::{HeaderMap, Uri};
use pdata::Temporality;

use super::body::Encoding;
use crate::headers::read_headers;
use crate::packing::Compression;
use crate::split::read_max_request_size;
use crate::tls::Tls;
use crate::token::read_bearer_token_file;

/// Keys of `otlp_http`.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Where requests go; scheme `http` is plaintext, `https` is TLS.
    pub url: Uri,
    /// Sent with every request.
    pub headers: HeaderMap,
    /// Path of the file of a token to send; empty for none.
    pub bearer_token_file: String,
    /// Longest time of one attempt, connecting included.
    pub timeout: Duration,
    /// How batches are written.
    pub encoding: Encoding,
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

impl Configuration for HttpConfig {
    fn read(section: &mut Section<'_>) -> Self {
        let endpoint: String =
            section.field("endpoint", "URL to which /v1/metrics is appended; http:// or https://", DEFAULT.to_owned());
        let metrics_endpoint: String =
            section.field("metrics_endpoint", "URL to send to as it is, instead of endpoint's", String::new());
        let headers = read_headers(section);
        let bearer_token_file = read_bearer_token_file(section, &headers);
        // The Collector's default here, where that of gRPC is 5s.
        let timeout = section.field("timeout", "longest time of one attempt", Duration::from_secs(30));
        let encoding = section.choice(
            "encoding",
            "how batches are written",
            &[("proto", Encoding::Proto), ("json", Encoding::Json)],
        );
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
        let (key, url) = if metrics_endpoint.is_empty() {
            ("endpoint", metrics_url(&endpoint, tls.insecure))
        } else {
            ("metrics_endpoint", parse_url(&metrics_endpoint, tls.insecure))
        };
        Self {
            url: url.unwrap_or_else(|text| {
                section.fault_at(key, text);
                Uri::default()
            }),
            headers,
            bearer_token_file,
            timeout,
            encoding,
            compression,
            max_request_size,
            tls,
            temporality,
            retry,
            queue,
        }
    }
}

fn metrics_url(endpoint: &str, insecure: bool) -> Result<Uri, String> {
    let base = parse_url(endpoint, insecure)?;
    if base.query().is_some() {
        return Err(format!("{endpoint:?} has a query in it; metrics_endpoint takes one"));
    }
    parse_url(&format!("{}/v1/metrics", base.to_string().trim_end_matches('/')), insecure)
}

/// As `otlp_grpc` has it, a scheme that is left out is that of `tls.insecure`.
fn parse_url(text: &str, insecure: bool) -> Result<Uri, String> {
    let scheme = if insecure { "http" } else { "https" };
    let url = if text.contains("://") { text.to_owned() } else { format!("{scheme}://{text}") };
    let uri: Uri = url.parse().map_err(|error| format!("{text:?}: {error}; write a URL, such as {DEFAULT}"))?;
    let known_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let named = uri.host().is_some_and(|host| !host.is_empty());
    let plain = !uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let port = uri.port_u16().is_some() || uri.authority().is_some_and(|it| Some(it.as_str()) == uri.host());
    if known_scheme && named && plain && port {
        Ok(uri)
    } else {
        Err(format!("{text:?} is no http[s]://host[:port][/path], such as {DEFAULT}"))
    }
}

const DEFAULT: &str = "http://localhost:4318";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{faults_of, key_of, map, text};

    #[test]
    fn endpoint_gets_the_path_and_metrics_endpoint_is_taken_as_it_is() {
        let url = |endpoint: &str, metrics: &str| {
            let entries = map(vec![("endpoint", text(endpoint)), ("metrics_endpoint", text(metrics))]);
            let (config, faults) = crate::tests::read(entries, HttpConfig::read);
            (config.url.to_string(), faults.len())
        };
        let fine = |url: &str| (url.to_owned(), 0);
        assert_eq!(url("http://localhost:4318", ""), fine("http://localhost:4318/v1/metrics"));
        assert_eq!(url("https://host/otlp/", ""), fine("https://host/otlp/v1/metrics"));
        assert_eq!(url("host:1", ""), fine("https://host:1/v1/metrics"));
        assert_eq!(url("nowhere at all", "http://[::1]:9/in?key=1"), fine("http://[::1]:9/in?key=1"));
        for bad in
            ["", "http://", "http://host/?key=1", "ftp://host:1", "http://u:p@host:1", "http://host:99999", "a b:1"]
        {
            assert_eq!(url(bad, "").1, 1, "{bad}");
            assert!(bad.is_empty() || bad.contains('?') || url("host", bad).1 == 1, "{bad}");
        }
    }

    #[test]
    fn every_faulty_value_is_noted() {
        let found = faults_of(
            map(vec![
                ("endpoint", text("ftp://host")),
                ("timeout", component::config::Value::Int(0)),
                ("max_request_size", component::config::Value::Int(1)),
                ("encoding", text("yaml")),
                ("compression", text("snappy")),
            ]),
            HttpConfig::read,
        );
        assert_eq!(found.len(), 5, "{found:?}");
    }

    #[test]
    fn keys_and_defaults_are_the_collectors() {
        let default = |path| key_of(path, HttpConfig::read).default;
        assert_eq!(default("endpoint"), "\"http://localhost:4318\"");
        assert_eq!([default("compression"), default("encoding"), default("timeout")], ["gzip", "proto", "30s"]);
        assert_eq!([default("metrics_endpoint"), default("sending_queue.queue_size")], ["\"\"", "1000"]);
    }
}
