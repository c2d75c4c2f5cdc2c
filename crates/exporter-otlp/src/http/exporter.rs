//! The `otlp_http` exporter: one POST at a time over one connection that is kept open.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::config::Configuration;
use component::{
    Accepted, BoxFuture, BuildError, BuiltExporter, Delivery, ExportError, Exporter, ExporterFactory, Stability,
};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use pdata::Batch;
use tokio::time::timeout;

use super::answer::Answer;
use super::body::Encoding;
use super::config::HttpConfig;
use super::connect::{Connection, connect, dialer};
use crate::dial::Dialer;
use crate::failure::with_causes;
use crate::packing::Compression;
use crate::split::split;
use crate::token::Token;

/// The `otlp_http` exporter type.
pub static HTTP_FACTORY: ExporterFactory = ExporterFactory {
    component_type: "otlp_http",
    alias: Some("otlphttp"),
    stability: Stability::Alpha,
    summary: "sends batches to an OTLP backend or a Collector over HTTP, as protobuf or JSON",
    requires: &[],
    configure: |section| {
        let config = HttpConfig::read(section);
        Box::new(move |context| {
            let delivery = Delivery::queued(&config.queue, &config.retry, config.temporality, context)?;
            Ok(BuiltExporter { exporter: Box::new(OtlpHttp::new(&config)?), delivery })
        })
    },
};

/// A connection to one URL; made when the first batch comes, and again whenever it has to be.
pub struct OtlpHttp {
    /// `host:port`, as errors name it.
    name: String,
    path: Uri,
    headers: HeaderMap,
    timeout: Duration,
    encoding: Encoding,
    compression: Compression,
    max_request_size: usize,
    dialer: Dialer,
    token: Option<Token>,
    connection: Option<Connection>,
}

impl OtlpHttp {
    /// Does not connect yet.
    ///
    /// # Errors
    /// Where TLS cannot be set up, for instance because the system has no root certificates.
    pub fn new(config: &HttpConfig) -> Result<Self, BuildError> {
        let name = config.url.authority().map(ToString::to_string).unwrap_or_default();
        let mut headers = config.headers.clone();
        // What the far side has to know to read the request is not the user's to change.
        headers.insert(HOST, HeaderValue::from_str(&name).map_err(|error| format!("{name}: {error}"))?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(config.encoding.content_type()));
        headers.remove(CONTENT_ENCODING);
        if let Some(encoding) = config.compression.content_encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(crate::USER_AGENT));
        Ok(Self {
            dialer: dialer(&config.url, &config.tls).map_err(|error| format!("{name}: {error}"))?,
            token: Token::new(&config.bearer_token_file)?,
            path: config.url.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from),
            name,
            headers,
            timeout: config.timeout,
            encoding: config.encoding,
            compression: config.compression,
            max_request_size: config.max_request_size,
            connection: None,
        })
    }

    async fn attempt(&mut self, body: Bytes) -> Result<Answer, Box<dyn Error + Send + Sync>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(token) = &mut self.token {
            request.headers_mut().insert(AUTHORIZATION, token.header());
        }
        // Taken, and put back after an answer that was read to its end: a connection in any other state is of no use.
        let mut kept = self.connection.take();
        if let Some(connection) = &mut kept
            && connection.sender.ready().await.is_err()
        {
            // The far side closes what was idle for long.
            kept = None;
        }
        let mut connection = match kept {
            Some(connection) => connection,
            None => connect(&self.dialer).await?,
        };
        let (head, body) = connection.sender.send_request(request).await?.into_parts();
        match Limited::new(body, LONGEST_ANSWER).collect().await {
            Ok(body) => {
                self.connection = Some(connection);
                Ok(Answer { head, body: Some(body.to_bytes()) })
            }
            Err(error) if error.is::<LengthLimitError>() => Ok(Answer { head, body: None }),
            Err(error) => Err(error),
        }
    }
}

impl Exporter for OtlpHttp {
    fn split(&self, batch: Arc<Batch>) -> Vec<Arc<Batch>> {
        split(batch, self.max_request_size, |batch| self.encoding.size_of(batch))
    }

    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        Box::pin(async move {
            let body = self.encoding.encode(&batch, self.compression);
            let body = body.map_err(|error| ExportError::Permanent(format!("compression: {error}")))?;
            let answer = match timeout(self.timeout, self.attempt(body)).await {
                Ok(Ok(answer)) => answer.judge(&self.name, self.token.is_some())?,
                Ok(Err(error)) => return Err(self.unanswered(&with_causes("", Some(&*error)))),
                Err(_) => return Err(self.unanswered(&format!("no answer within {:?}", self.timeout))),
            };
            Ok(Accepted { rejected: answer.rejected.min(batch.items() as u64), message: answer.message })
        })
    }
}

impl OtlpHttp {
    /// The far side has not judged the batch then.
    fn unanswered(&self, reason: &str) -> ExportError {
        ExportError::Retryable { reason: format!("{}: {reason}", self.name), after: None }
    }
}

/// In bytes, as much as the Collector reads of an answer.
const LONGEST_ANSWER: usize = 64 << 10;
