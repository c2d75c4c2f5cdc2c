//! A configured backend as an exporter of the SDK: gRPC by its tonic, HTTP by the connections of `otlp_http`.
//!
//! The SDK's threads know no tokio: bytes are moved by the agent's one, whose handle both ways take along.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use exporter_otlp::Post;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{Compression, Protocol as Spoken, WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::metrics::Temporality;
use runtime::{Protocol, Target};
use tokio::runtime::Handle;

use super::told::Told;

/// What sends figures.
pub(super) type MetricExporter = Told<opentelemetry_otlp::MetricExporter>;

/// What sends spans to `target`.
pub(super) fn span_exporter(target: &Target) -> Result<Told<opentelemetry_otlp::SpanExporter>, String> {
    let builder = opentelemetry_otlp::SpanExporter::builder();
    let exporter = match target.protocol {
        Protocol::Grpc => over_grpc(builder.with_tonic(), target)?.build(),
        Protocol::Http => over_http(builder.with_http(), target)?.build(),
    };
    Ok(Told::new(exporter.map_err(|error| text(&error))?, "traces", &target.url))
}

/// What sends figures to `target`.
pub(super) fn metric_exporter(target: &Target, temporality: pdata::Temporality) -> Result<MetricExporter, String> {
    let builder = opentelemetry_otlp::MetricExporter::builder().with_temporality(match temporality {
        pdata::Temporality::Cumulative => Temporality::Cumulative,
        pdata::Temporality::Delta => Temporality::Delta,
    });
    let exporter = match target.protocol {
        Protocol::Grpc => over_grpc(builder.with_tonic(), target)?.build(),
        Protocol::Http => over_http(builder.with_http(), target)?.build(),
    };
    Ok(Told::new(exporter.map_err(|error| text(&error))?, "metrics", &target.url))
}

fn over_grpc<B: WithExportConfig + WithTonicConfig>(builder: B, target: &Target) -> Result<B, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &target.headers {
        let name: HeaderName = name.parse().map_err(|error| format!("header {name:?}: {error}"))?;
        let mut value: HeaderValue = value.parse().map_err(|error| format!("the value of {name:?}: {error}"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let metadata = MetadataMap::from_headers(headers);
    let builder = builder.with_endpoint(&target.url).with_timeout(target.timeout).with_metadata(metadata);
    let builder = if target.gzip { builder.with_compression(Compression::Gzip) } else { builder };
    let tls = target.url.starts_with("https://");
    Ok(if tls { builder.with_tls_config(ClientTlsConfig::new().with_enabled_roots()) } else { builder })
}

fn over_http<B: WithExportConfig + WithHttpConfig>(builder: B, target: &Target) -> Result<B, String> {
    let client = Client { post: Arc::new(Post::new(&target.url)?), tokio: Handle::current(), timeout: target.timeout };
    let headers: HashMap<String, String> = target.headers.clone().into_iter().collect();
    let builder = builder.with_endpoint(&target.url).with_protocol(Spoken::HttpBinary).with_timeout(target.timeout);
    let builder = builder.with_http_client(client).with_headers(headers);
    Ok(if target.gzip { builder.with_compression(Compression::Gzip) } else { builder })
}

/// The HTTP client of the SDK's exporters.
#[derive(Debug)]
struct Client {
    post: Arc<Post>,
    tokio: Handle,
    timeout: Duration,
}

impl HttpClient for Client {
    fn send_bytes<'client, 'answer>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'answer>>
    where
        'client: 'answer,
        Self: 'answer,
    {
        let (post, timeout) = (self.post.clone(), self.timeout);
        let sent = self.tokio.spawn(async move { tokio::time::timeout(timeout, post.send(request)).await });
        Box::pin(async move { sent.await?? })
    }
}

/// An error with its causes.
fn text(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
