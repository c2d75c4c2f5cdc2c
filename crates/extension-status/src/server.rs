//! A small HTTP server: every address of a host name, few connections, one answer each, short lives.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use component::config::Section;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, lookup_host};
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

/// `host:port`, as `endpoint` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// The key `endpoint`.
    pub(crate) fn read(section: &mut Section<'_>, default: &str) -> Self {
        let text: String =
            section.field("endpoint", "host:port to listen on, at every address of the host", default.to_owned());
        Self::parse(&text).unwrap_or_else(|| {
            let text = format!("{text:?} is no host:port, such as {default} or [::]:13133");
            section.fault_at("endpoint", text);
            Self { host: String::new(), port: 0 }
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let plain = !host.is_empty() && !host.contains(['/', ' ', '[', ']']);
        Some(Self { host: host.to_owned(), port: port.parse().ok()? }).filter(|_| plain)
    }
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
        let sockets = bind(&endpoint.host, endpoint.port).await?;
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

/// Binds every address of `host`; with port 0 the first picks the port for all. One of a family that the machine
/// lacks is left out; a port that somebody else holds on one of them is an error.
async fn bind(host: &str, mut port: u16) -> Result<Vec<TcpListener>, String> {
    let failed = |what: &dyn std::fmt::Display, error: &io::Error| {
        let or_stop = if error.kind() == io::ErrorKind::AddrInUse { " or stop the other process" } else { "" };
        format!("cannot listen on {what}: {error}; change endpoint{or_stop}")
    };
    let addresses: Vec<SocketAddr> = if host == "localhost" {
        // RFC 6761 section 6.3; many a container's /etc/hosts names only the first.
        vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
    } else {
        lookup_host((host, port)).await.map_err(|error| failed(&host, &error))?.collect()
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
                let text = failed(&address, &error);
                if fatal {
                    return Err(text);
                }
                skipped = Some(text);
            }
        }
    }
    if sockets.is_empty() {
        return Err(skipped.unwrap_or_else(|| format!("cannot listen on {host}: it has no address; change endpoint")));
    }
    Ok(sockets)
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
