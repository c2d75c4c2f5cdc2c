//! One connection to one server: TCP, TLS where the URL says so, HTTP/1.1 on top.

use std::io;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::tls::Tls;

/// Where to connect, and as whom the server has to show itself.
pub(super) struct Target {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// An open connection. Its task moves the bytes and ends with it.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    _task: JoinSet<()>,
}

impl Target {
    /// # Errors
    /// Where TLS cannot be set up, for instance because the system has no root certificates.
    pub(super) fn new(url: &Uri, tls: &Tls) -> Result<Self, String> {
        let encrypted = url.scheme_str() == Some("https");
        // An IPv6 address stands in brackets in a URL, and nowhere else.
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let tls = encrypted.then(|| {
            let name = tls.server_name.as_ref().unwrap_or(&host).clone();
            let name = ServerName::try_from(name.clone()).map_err(|error| format!("{name:?}: {error}"))?;
            Ok::<_, String>((tls.connector()?, name))
        });
        let default_port = if encrypted { 443 } else { 80 };
        Ok(Self { host, port: url.port_u16().unwrap_or(default_port), tls: tls.transpose()? })
    }

    pub(super) async fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            Some((connector, name)) => open(connector.connect(name.clone(), stream).await?).await,
            None => open(stream).await,
        }
    }
}

async fn open(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> io::Result<Connection> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut task = JoinSet::new();
    // How it ended is told to whoever waits for an answer.
    task.spawn(async { drop(connection.await) });
    Ok(Connection { sender, _task: task })
}
