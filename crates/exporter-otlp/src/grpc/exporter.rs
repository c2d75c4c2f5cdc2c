//! The `otlp_grpc` exporter: one attempt at a time over one channel.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use component::config::Configuration;
use component::{
    Accepted, BoxFuture, BuildError, BuiltExporter, Delivery, ExportError, Exporter, ExporterFactory, Stability,
};
use http::Uri;
use http::header::AUTHORIZATION;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use pdata::Batch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower_service::Service;

use super::call::call;
use super::config::Config;
use super::gather::Gather;
use super::message::Message;
use crate::USER_AGENT;
use crate::dial::{Dialer, H2, Stream};
use crate::failure::{of_status, with_causes};
use crate::packing::Compression;
use crate::split::split;
use crate::token::Token;

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
    dialer: Arc<Dialer>,
    token: Option<Token>,
    headers: MetadataMap,
    timeout: Duration,
    compression: Compression,
    max_request_size: usize,
    /// Made on a tokio thread, where its background task can start.
    channel: Option<Channel>,
}

impl OtlpGrpc {
    /// Does not connect yet.
    ///
    /// # Errors
    /// Where TLS cannot be set up, for instance because the system has no root certificates.
    pub fn new(config: &Config) -> Result<Self, BuildError> {
        let name = config.endpoint.authority().map(ToString::to_string).unwrap_or_default();
        Ok(Self {
            endpoint: endpoint(config).map_err(|error| format!("{name}: {error}"))?,
            dialer: Arc::new(dialer(config).map_err(|error| format!("{name}: {error}"))?),
            token: Token::new(&config.bearer_token_file)?,
            name,
            headers: config.headers.clone(),
            timeout: config.timeout,
            compression: config.compression,
            max_request_size: config.max_request_size,
            channel: None,
        })
    }

    async fn attempt(&mut self, message: Message) -> Result<Bytes, ExportError> {
        let connect = || self.endpoint.connect_with_connector_lazy(Connector(self.dialer.clone()));
        let mut channel = self.channel.get_or_insert_with(connect).clone();
        let mut headers = self.headers.clone().into_headers();
        if let Some(token) = &mut self.token {
            headers.insert(AUTHORIZATION, token.header());
        }
        // A task of its own: tonic panics on some malformed answers, and no answer may end the exporter.
        let mut attempt = JoinSet::new();
        attempt.spawn(async move { call(&mut channel, headers, message).await });
        let reason = match timeout(self.timeout, attempt.join_next()).await {
            Ok(Some(Ok(answer))) => return answer.map_err(|status| self.judged(&status)),
            Ok(_) => format!("{}: malformed answer", self.name),
            Err(_) => format!("{}: no answer within {:?}", self.name, self.timeout),
        };
        // The connection may be dead without knowing it: the next attempt gets another.
        self.channel = None;
        Err(ExportError::Retryable { reason, after: None })
    }

    /// A token that is renewed may be good next time.
    fn judged(&self, status: &Status) -> ExportError {
        match of_status(&self.name, status) {
            ExportError::Permanent(reason) if self.token.is_some() && status.code() == Code::Unauthenticated => {
                ExportError::Retryable { reason, after: None }
            }
            error => error,
        }
    }
}

impl Exporter for OtlpGrpc {
    fn split(&self, batch: Arc<Batch>) -> Vec<Arc<Batch>> {
        split(batch, self.max_request_size, otlp::encoded_len)
    }

    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        Box::pin(async move {
            let message = Message::new(batch.clone(), self.compression);
            let message = message.map_err(|error| ExportError::Permanent(format!("{}: {error}", self.name)))?;
            let answer = self.attempt(message).await?;
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

/// TLS is ours to make: to tonic all endpoints are plain, but the origin that servers see is the one they are.
fn endpoint(config: &Config) -> Result<Endpoint, String> {
    let origin = config.endpoint.clone();
    let mut plain = origin.clone().into_parts();
    plain.scheme = Some(Scheme::HTTP);
    let plain = Uri::from_parts(plain).map_err(|error| error.to_string())?;
    let endpoint = Endpoint::from(plain).origin(origin).connect_timeout(config.timeout);
    endpoint.user_agent(USER_AGENT).map_err(|error| with_causes("", Some(&error)))
}

fn dialer(config: &Config) -> Result<Dialer, String> {
    if let Some(path) = &config.socket {
        return Ok(Dialer::to_socket(path.clone()));
    }
    let encrypted = config.endpoint.scheme_str() == Some("https");
    let port = config.endpoint.port_u16().unwrap_or_default();
    Dialer::to_host(config.endpoint.host().unwrap_or_default(), port, encrypted.then_some(&config.tls), H2)
}

/// What tonic asks for a connection.
struct Connector(Arc<Dialer>);

impl Service<Uri> for Connector {
    type Response = TokioIo<Gather<Box<dyn Stream>>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialer = self.0.clone();
        Box::pin(async move { dialer.connect().await.map(Gather::new).map(TokioIo::new) })
    }
}
