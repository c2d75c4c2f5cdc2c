//! The HTTP server of the page: every address of a host name, few connections, short lives.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use component::{Endpoint, ListenError, Shutdown, TlsServer};
use http::header::{ACCEPT, ALLOW, AUTHORIZATION, CONTENT_TYPE, VARY, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::accept;
use crate::auth::Guard;
use crate::clients::{Client, Clients, RETRY, Watched};
use crate::format::Format;
use crate::naming::Naming;
use crate::page::{Held, Page, Reader};

/// A running server. Dropping it cuts every connection.
#[derive(Debug)]
pub(crate) struct Server {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
}

impl Server {
    /// Listens on every address of `endpoint`.
    pub(crate) async fn start(endpoint: &Endpoint, site: Arc<Site>) -> Result<Self, ListenError> {
        let sockets = endpoint.listen().await?;
        let addresses = sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let (stop, stopped) = watch::channel(false);
        let mut listeners = JoinSet::new();
        for socket in sockets {
            listeners.spawn(listen(socket, site.clone(), Shutdown::new(stopped.clone())));
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

/// What all connections have in common.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) held: Arc<Held>,
    pub(crate) open_metrics: bool,
    pub(crate) tls: Option<TlsServer>,
    pub(crate) guard: Option<Guard>,
    pub(crate) clients: Arc<Clients>,
}

async fn listen(socket: TcpListener, site: Arc<Site>, mut stop: Shutdown) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.requested() => break,
            Some(_) = connections.join_next() => {}
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => {
                    // While there is no room this one waits here, and those behind it where the kernel keeps them.
                    let client = tokio::select! {
                        () = stop.requested() => break,
                        client = admitted(&site.clients) => client,
                    };
                    let reader = Reader { client: client.clone(), clients: site.clients.clone() };
                    let serve = serve(stream, site.clone(), reader, stop.clone());
                    let task = connections.spawn(async {
                        let _ = timeout(LIFETIME, serve).await;
                    });
                    site.clients.begin(client, task);
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

async fn admitted(clients: &Clients) -> Arc<Client> {
    loop {
        match clients.admit() {
            Ok(client) => return client,
            Err(wait) => sleep(wait.min(RETRY)).await,
        }
    }
}

/// Answers one request: what a scraper gains by keeping its connection is less than what an idle one costs.
async fn serve(stream: TcpStream, site: Arc<Site>, reader: Reader, stop: Shutdown) {
    let stream = Watched { stream, client: reader.client.clone(), clients: reader.clients.clone() };
    match site.tls.as_ref().map(TlsServer::current) {
        None => converse(stream, site, reader, stop).await,
        // An error is the scraper's: it does not speak TLS, or has no certificate that is trusted.
        Some(acceptor) => match timeout(HEADER_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, site, reader, stop).await,
            Ok(Err(error)) => tracing::debug!(%error, "scrape connection without TLS"),
            Err(_) => {}
        },
    }
}

async fn converse<S>(stream: S, site: Arc<Site>, reader: Reader, mut stop: Shutdown)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| {
        let (site, reader) = (site.clone(), reader.clone());
        async move { Ok::<_, Infallible>(answer(&site, reader, &request).await) }
    });
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

async fn answer(site: &Site, reader: Reader, request: &Request<Incoming>) -> Response<Page> {
    if let Some(guard) = &site.guard {
        let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        if !guard.admits(authorization).await {
            let mut response = text(StatusCode::UNAUTHORIZED, "name and password are wanted\n");
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"metrics\""));
            return response;
        }
    }
    if request.uri().path() != "/metrics" {
        return text(StatusCode::NOT_FOUND, "not found: the metrics are at /metrics\n");
    }
    // The other formats are for names that Prometheus' users expect in them; the guide's page is text.
    let negotiated = site.held.options().names.naming == Naming::Otel;
    let accepted = request.headers().get_all(ACCEPT).iter().map(HeaderValue::as_bytes);
    let format = if negotiated { accept::format(accepted, site.open_metrics) } else { Format::TEXT };
    // `tfo-agent top` asks so: rates are over the time between two reads, not between two scrapes.
    let format = Format { timestamps: request.uri().query() == Some("timestamps"), ..format };
    let body = match *request.method() {
        Method::GET => site.held.page(format, Instant::now(), reader),
        Method::HEAD => Page::Text(None),
        _ => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
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

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest life of a connection, so that a scraper that stops reading frees its slot.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a page that is being sent may delay the shutdown.
const GRACE: Duration = Duration::from_secs(2);
