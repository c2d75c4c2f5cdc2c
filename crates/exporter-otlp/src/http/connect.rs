//! HTTP/1.1 on top of a connection.

use std::io;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

use crate::dial::{Dialer, HTTP_1_1};
use crate::tls::Tls;

/// An open connection. Its task moves the bytes and ends with it.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    _task: JoinSet<()>,
}

/// # Errors
/// Where TLS cannot be set up, for instance because the system has no root certificates.
pub(super) fn dialer(url: &Uri, tls: &Tls) -> Result<Dialer, String> {
    let encrypted = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    Dialer::to_host(url.host().unwrap_or_default(), port, encrypted.then_some(tls), HTTP_1_1)
}

pub(super) async fn connect(dialer: &Dialer) -> io::Result<Connection> {
    let (sender, connection) = handshake(TokioIo::new(dialer.connect().await?)).await.map_err(io::Error::other)?;
    let mut task = JoinSet::new();
    // How it ended is told to whoever waits for an answer.
    task.spawn(async { drop(connection.await) });
    Ok(Connection { sender, _task: task })
}
