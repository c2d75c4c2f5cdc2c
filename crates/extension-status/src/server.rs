//! A small HTTP server: every address of a host name, few connections, one answer each, short lives.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::Endpoint;
use component::config::Section;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What is answered to a request for a path.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// Answers requests by their path.
pub(crate) type Answers = Arc<dyn Fn(&str) -> Answer + Send + Sync>;

/// The key `endpoint`.
pub(crate) fn read_endpoint(section: &mut Section<'_>, default: &str) -> Endpoint {
    let text: String =
        section.field("endpoint", "host:port to listen on, at every address of the host", default.to_owned());
    Endpoint::parse(&text).unwrap_or_else(|| {
        let text = format!("{text:?} is no host:port, such as {default} or [::]:13133");
        section.fault_at("endpoint", text);
        Endpoint::default()
    })
}

/// A running server. Dropping it cuts every connection.
#[derive(Debug)]
pub(crate) struct Server {
    addresses: Vec<SocketAddr>,
    listeners: JoinSet<()>,
}

impl Server {
    /// Listens on every address of `endpoint`.
    pub(crate) async fn start(endpoint: &Endpoint, answers: Answers) -> Result<Self, String> {
        let sockets = endpoint.listen().await.map_err(|error| error.advise("endpoint"))?;
        let addresses = sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let mut listeners = JoinSet::new();
        for socket in sockets {
            listeners.spawn(listen(socket, answers.clone(), slots.clone()));
        }
        Ok(Self { addresses, listeners })
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Closes its sockets.
    pub(crate) async fn stop(mut self) {
        self.listeners.shutdown().await;
    }
}

async fn listen(socket: TcpListener, answers: Answers, slots: Arc<Semaphore>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = connections.join_next() => {}
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    // Without a free slot the stream is dropped, which closes it.
                    if let Ok(slot) = slots.clone().try_acquire_owned() {
                        let serve = serve(stream, answers.clone());
                        connections.spawn(async move {
                            let _ = timeout(LIFETIME, serve).await;
                            drop(slot);
                        });
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, answers: Answers) {
    let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&answers, &request))));
    let connection = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // An error is the client's: it went away or does not speak HTTP.
    let _ = connection.await;
}

fn answer<B>(answers: &Answers, request: &Request<B>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = Response::new(Full::from("only GET and HEAD\n"));
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Answer { status, content_type, body } = answers(request.uri().path());
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Most connections at a time.
const CONNECTIONS: usize = 16;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest life of a connection, so that a client that stops reading frees its slot.
const LIFETIME: Duration = Duration::from_secs(20);
