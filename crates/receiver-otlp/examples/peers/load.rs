//! Sends requests that are made already: nothing is copied or compressed on the way into the socket.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// One connection to the agent.
pub(crate) struct Sender {
    connection: http2::SendRequest<Full<Bytes>>,
    url: String,
    encoding: HeaderValue,
}

impl Sender {
    /// Waits until there is somebody.
    pub(crate) async fn connect(endpoint: &str, compression: &str) -> Self {
        let stream = loop {
            match TcpStream::connect(endpoint).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        stream.set_nodelay(true).unwrap();
        let (connection, driver) =
            http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(driver);
        let encoding = if compression == "none" { "identity" } else { compression };
        let url = format!("http://{endpoint}/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
        Self { connection, url, encoding: encoding.parse().unwrap() }
    }

    /// Sends `frame` until it is taken.
    pub(crate) async fn deliver(&mut self, frame: &Bytes) {
        while let Err(status) = self.send(frame.clone()).await {
            println!("turned away: {status}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn send(&mut self, frame: Bytes) -> Result<(), String> {
        let request = Request::post(&self.url)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-encoding", &self.encoding)
            .body(Full::new(frame))
            .unwrap();
        self.connection.ready().await.unwrap();
        let (head, body) = self.connection.send_request(request).await.unwrap().into_parts();
        let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
        let said = |headers: &HeaderMap| Some(headers.get("grpc-status")?.to_str().unwrap().to_owned());
        match said(&trailers).or_else(|| said(&head.headers)).as_deref() {
            Some("0") => Ok(()),
            other => Err(format!("status {other:?}, HTTP {}", head.status)),
        }
    }
}
