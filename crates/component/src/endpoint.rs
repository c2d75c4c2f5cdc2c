//! Where a server listens: `host:port`, at every address of the host.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, lookup_host};

/// `host:port`, as a key `endpoint` of a server has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Without the brackets of an IPv6 address.
    pub host: String,
    /// 0 picks a free one.
    pub port: u16,
}

/// Why nobody can listen there.
#[derive(Debug)]
pub struct ListenError {
    /// The address, or the host name where it has none.
    what: String,
    error: io::Error,
}

impl Endpoint {
    /// What `text` says; `None` where it is no `host:port`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let plain = !host.is_empty() && !host.contains(['/', ' ', '[', ']']);
        Some(Self { host: host.to_owned(), port: port.parse().ok()? }).filter(|_| plain)
    }

    /// Binds every address of the host; with port 0 the first picks the port for all.
    ///
    /// # Errors
    /// A host without an address that can be had. An address of a family that the machine lacks is left out; a port
    /// that somebody else holds on one of them is an error: half of the clients would speak to another.
    pub async fn listen(&self) -> Result<Vec<TcpListener>, ListenError> {
        let mut tries = if self.port == 0 { ANY_PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            match self.try_listen().await {
                // A port that was free at the first address need not be at the next.
                Err(error) if tries > 0 && error.error.kind() == io::ErrorKind::AddrInUse => {}
                outcome => return outcome,
            }
        }
    }

    async fn try_listen(&self) -> Result<Vec<TcpListener>, ListenError> {
        let unresolved = |error| ListenError { what: self.host.clone(), error };
        let mut port = self.port;
        let addresses: Vec<SocketAddr> = if self.host == "localhost" {
            // RFC 6761 section 6.3; many a container's /etc/hosts names only the first.
            vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
        } else {
            lookup_host((self.host.as_str(), port)).await.map_err(unresolved)?.collect()
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
}

/// How often another port is tried where any will do.
const ANY_PORT_TRIES: u32 = 16;

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.what, self.error)
    }
}

impl ListenError {
    /// What could not be listened on, why, and what to do about the endpoint called `key`.
    #[must_use]
    pub fn advise(&self, key: &str) -> String {
        let or_stop = if self.error.kind() == io::ErrorKind::AddrInUse { " or stop the other process" } else { "" };
        format!("{self}; change {key}{or_stop}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_a_host_and_a_port() {
        let parsed = |text| Endpoint::parse(text).map(|endpoint| (endpoint.host, endpoint.port));
        assert_eq!(parsed("localhost:8888"), Some(("localhost".to_owned(), 8888)));
        assert_eq!(parsed("[::1]:0"), Some(("::1".to_owned(), 0)));
        for bad in ["localhost", ":8888", "localhost:", "localhost:70000", "http://localhost:8888"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
