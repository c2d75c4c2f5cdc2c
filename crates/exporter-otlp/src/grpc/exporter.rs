//! The `otlp_grpc` exporter: one attempt at a time over one channel.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::config::Configuration;
use component::{
    Accepted, BoxFuture, BuildError, BuiltExporter, Delivery, ExportError, Exporter, ExporterFactory, Stability,
};
use http::uri::PathAndQuery;
use pdata::Batch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Extensions, Request, Status};

use super::codec::BytesCodec;
use super::config::Config;
use crate::USER_AGENT;
use crate::failure::{of_status, with_causes};
use crate::split::split;

/// The `otlp_grpc` exporter type.
pub static FACTORY: ExporterFactory = ExporterFactory {
    component_type: "otlp_grpc",
    alias: Some("otlp"),
    stability: Stability::Beta,
    summary: "sends batches to an OTLP backend or a Collector over gRPC",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |context| {
            let delivery = Delivery::queued(&config.queue, &config.retry, config.temporality, context)?;
            Ok(BuiltExporter { exporter: Box::new(OtlpGrpc::new(&config)?), delivery })
        })
    },
};

/// A channel to one endpoint; connects when the first batch comes, and again whenever it has to.
#[derive(Debug)]
pub struct OtlpGrpc {
    /// `host:port`, as errors name it.
    name: String,
    endpoint: Endpoint,
    headers: MetadataMap,
    timeout: Duration,
    compression: Option<CompressionEncoding>,
    max_request_size: usize,
    /// Made on a tokio thread, where its background task can start.
    client: Option<Grpc<Channel>>,
}

impl OtlpGrpc {
    /// Does not connect yet.
    ///
    /// # Errors
    /// Where TLS cannot be set up, for instance because the system has no root certificates.
    pub fn new(config: &Config) -> Result<Self, BuildError> {
        let name = config.endpoint.authority().map(ToString::to_string).unwrap_or_default();
        Ok(Self {
            endpoint: endpoint(config).map_err(|error| format!("{name}: {}", with_causes("", Some(&error))))?,
            name,
            headers: config.headers.clone(),
            timeout: config.timeout,
            compression: config.compression,
            max_request_size: config.max_request_size,
            client: None,
        })
    }

    async fn attempt(&mut self, request: Bytes) -> Result<Bytes, ExportError> {
        let mut client = self.client.get_or_insert_with(|| client(&self.endpoint, self.compression)).clone();
        let request = Request::from_parts(self.headers.clone(), Extensions::default(), request);
        // A task of its own: tonic panics on some malformed answers, and no answer may end the exporter.
        let mut attempt = JoinSet::new();
        attempt.spawn(async move { call(&mut client, request).await });
        let reason = match timeout(self.timeout, attempt.join_next()).await {
            Ok(Some(Ok(answer))) => return answer.map_err(|status| of_status(&self.name, &status)),
            Ok(_) => format!("{}: malformed answer", self.name),
            Err(_) => format!("{}: no answer within {:?}", self.name, self.timeout),
        };
        // The connection may be dead without knowing it: the next attempt gets another.
        self.client = None;
        Err(ExportError::Retryable { reason, after: None })
    }
}

impl Exporter for OtlpGrpc {
    fn split(&self, batch: Arc<Batch>) -> Vec<Arc<Batch>> {
        split(batch, self.max_request_size, otlp::encoded_len)
    }

    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        Box::pin(async move {
            let answer = self.attempt(otlp::encode(&batch)).await?;
            Ok(match otlp::decode_response(&answer) {
                Ok(partial) => {
                    Accepted { rejected: partial.rejected.min(batch.items() as u64), message: partial.message }
                }
                // The status said that all is well, which is what counts.
                Err(error) => Accepted { rejected: 0, message: format!("{}: unreadable answer: {error}", self.name) },
            })
        })
    }
}

fn endpoint(config: &Config) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from(config.endpoint.clone()).user_agent(USER_AGENT)?.connect_timeout(config.timeout);
    if config.endpoint.scheme_str() != Some("https") {
        return Ok(endpoint);
    }
    let mut tls = ClientTlsConfig::new().timeout(config.timeout);
    if let Some(name) = &config.tls.server_name {
        tls = tls.domain_name(name);
    }
    if let Some(pem) = &config.tls.ca {
        tls = tls.ca_certificate(Certificate::from_pem(pem));
    }
    let with_system = endpoint.clone().tls_config(tls.clone().with_native_roots());
    // A small image has no system roots, and with a CA of one's own it needs none.
    if with_system.is_err() && config.tls.ca.is_some() { endpoint.tls_config(tls) } else { with_system }
}

fn client(endpoint: &Endpoint, compression: Option<CompressionEncoding>) -> Grpc<Channel> {
    let client = Grpc::new(endpoint.connect_lazy()).accept_compressed(CompressionEncoding::Gzip);
    match compression {
        Some(encoding) => client.send_compressed(encoding),
        None => client,
    }
}

async fn call(client: &mut Grpc<Channel>, request: Request<Bytes>) -> Result<Bytes, Status> {
    client.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let answer = client.unary(request, PathAndQuery::from_static(METHOD), BytesCodec).await?;
    Ok(answer.into_inner())
}

const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
