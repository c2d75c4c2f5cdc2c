//! The HTTP server of the page: every address of a host name, few connections, short lives.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use component::Shutdown;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, VARY};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::accept;
use crate::family::Format;
use crate::naming::Naming;
use crate::page::{Held, Page};

/// A running server. Dropping it cuts every connection.
#[derive(Debug)]
pub(crate) struct Server {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

impl Server {
    /// Listens on every address of `host` and answers from `held`.
    pub(crate) async fn start(host: &str, port: u16, held: Arc<Held>) -> Result<Self, ListenError> {
        let sockets = bind(host, port).await?;
        let addresses = sockets.iter().map(TcpListener::local_addr).collect::<io::Result<_>>();
        let addresses = addresses.map_err(|error| ListenError { what: host.to_owned(), error })?;
        let (stop, stopped) = watch::channel(false);
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        let mut listeners = JoinSet::new();
        for socket in sockets {
            listeners.spawn(listen(socket, held.clone(), slots.clone(), Shutdown::new(stopped.clone())));
        }
        Ok(Self { addresses, stop, listeners })
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes no more connections and gives the open ones a moment to end.
    pub(crate) async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.listeners.join_next().await.is_some() {} };
        let _ = timeout(GRACE, ended).await;
    }
}

/// Why a server could not listen.
#[derive(Debug)]
pub(crate) struct ListenError {
    /// The address, or the host name where it has none.
    pub(crate) what: String,
    pub(crate) error: io::Error,
}

/// Binds every address of `host`; with port 0 the first picks the port for all.
///
/// An address of a family that the machine lacks is left out. A port that somebody else
/// holds on one of them is an error: half of the scrapers would read another's page.
async fn bind(host: &str, mut port: u16) -> Result<Vec<TcpListener>, ListenError> {
    let unresolved = |error| ListenError { what: host.to_owned(), error };
    let addresses: Vec<SocketAddr> = if host == "localhost" {
        // RFC 6761 section 6.3; many a container's /etc/hosts names only the first.
        vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
    } else {
        lookup_host((host, port)).await.map_err(unresolved)?.collect()
    };
    let (mut sockets, mut skipped) = (Vec::new(), None);
    for mut address in addresses {
        address.set_port(port);
        match TcpListener::bind(address).await {
            Ok(socket) => {
                port = socket.local_addr().map_or(port, |bound| bound.port());
                sockets.push(socket);
            }
            Err(error) => {
                let fatal = matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied);
                let error = ListenError { what: address.to_string(), error };
                if fatal {
                    return Err(error);
                }
                skipped = Some(error);
            }
        }
    }
    match skipped {
        Some(error) if sockets.is_empty() => Err(error),
        _ if sockets.is_empty() => Err(unresolved(io::Error::other("it has no address"))),
        _ => Ok(sockets),
    }
}

async fn listen(socket: TcpListener, held: Arc<Held>, slots: Arc<Semaphore>, mut stop: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.requested() => break,
            Some(_) = connections.join_next() => {}
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    // Without a free slot the stream is dropped, which closes it.
                    if let Ok(slot) = slots.clone().try_acquire_owned() {
                        let serve = serve(stream, held.clone(), stop.clone());
                        connections.spawn(async move {
                            let _ = timeout(LIFETIME, serve).await;
                            drop(slot);
                        });
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "scrape connection not accepted");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Answers one request: what a scraper gains by keeping its connection is less than what an idle one costs.
async fn serve(stream: TcpStream, held: Arc<Held>, mut stop: Shutdown) {
    let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&held, &request))));
    let connection = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // An error is the scraper's: it went away or does not speak HTTP.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.requested() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

fn answer<B>(held: &Arc<Held>, request: &Request<B>) -> Response<Page> {
    if request.uri().path() != "/metrics" {
        return text(StatusCode::NOT_FOUND, "not found: the metrics are at /metrics\n");
    }
    // Native histograms are for names that Prometheus' users expect them under; the guide's page is text.
    let negotiated = held.naming() == Naming::Otel;
    let accepted = request.headers().get_all(ACCEPT);
    let format = if negotiated { accept::format(accepted.iter().map(HeaderValue::as_bytes)) } else { Format::Text };
    let body = match *request.method() {
        Method::GET => held.page(format, SystemTime::now()),
        Method::HEAD => Page::Text(None),
        _ => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
    };
    let mut response = Response::new(body);
    let content_type = match format {
        Format::Text => TEXT_FORMAT,
        Format::Protobuf => PROTOBUF_FORMAT,
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if negotiated {
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    }
    response
}

fn text(status: StatusCode, text: &'static str) -> Response<Page> {
    let mut response = Response::new(Page::Text(Some(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
const PROTOBUF_FORMAT: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";
/// Most connections at a time: a scraper needs one.
pub(crate) const CONNECTIONS: usize = 32;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest life of a connection, so that a scraper that stops reading frees its slot.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a page that is being sent may delay the shutdown.
const GRACE: Duration = Duration::from_secs(2);
