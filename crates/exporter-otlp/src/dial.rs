//! A connection to the far side: TCP or a socket of this machine, with TLS around it where the endpoint says so.

use std::io;
use std::path::PathBuf;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::tls::{Identity, Tls};

/// Where to connect, and as whom the server has to show itself.
#[derive(Debug)]
pub(crate) struct Dialer {
    place: Place,
    tls: Option<(Identity, ServerName<'static>, &'static [u8])>,
}

#[derive(Debug)]
enum Place {
    Host(String, u16),
    Socket(PathBuf),
}

/// Bytes there and back.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Dialer {
    /// To `host`; with `tls`, `protocol` is what is spoken inside.
    ///
    /// # Errors
    /// Where TLS cannot be set up, for instance because the system has no root certificates.
    pub(crate) fn to_host(host: &str, port: u16, tls: Option<&Tls>, protocol: &'static [u8]) -> Result<Self, String> {
        // An IPv6 address stands in brackets in a URL, and nowhere else.
        let host = host.trim_matches(['[', ']']).to_owned();
        let tls = tls.map(|tls| {
            let name = tls.server_name.as_ref().unwrap_or(&host).clone();
            let name = ServerName::try_from(name.clone()).map_err(|error| format!("{name:?}: {error}"))?;
            Ok::<_, String>((Identity::new(tls, protocol)?, name, protocol))
        });
        Ok(Self { place: Place::Host(host, port), tls: tls.transpose()? })
    }

    /// To a socket in the file system, without TLS.
    pub(crate) fn to_socket(path: PathBuf) -> Self {
        Self { place: Place::Socket(path), tls: None }
    }

    pub(crate) async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let stream = match &self.place {
            Place::Host(host, port) => TcpStream::connect((&**host, *port)).await?,
            Place::Socket(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        };
        stream.set_nodelay(true)?;
        let Some((identity, name, protocol)) = &self.tls else { return Ok(Box::new(stream)) };
        let stream = TlsConnector::from(identity.current()).connect(name.clone(), stream).await?;
        // HTTP/1.1 is what a server speaks that says nothing.
        let spoken = stream.get_ref().1.alpn_protocol();
        if *protocol == H2 && spoken != Some(H2) {
            return Err(io::Error::other("the server does not speak HTTP/2, which gRPC needs"));
        }
        Ok(Box::new(stream))
    }
}

/// What gRPC speaks.
pub(crate) const H2: &[u8] = b"h2";
/// What OTLP over HTTP speaks.
pub(crate) const HTTP_1_1: &[u8] = b"http/1.1";
