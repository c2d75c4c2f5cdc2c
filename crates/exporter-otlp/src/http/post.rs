//! One request over a connection of its own, for what is sent seldom: the agent's own traces and metrics, and what
//! `top` asks of a page.

use bytes::Bytes;
use http::header::{HOST, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;

use super::connect::{Connection, connect, dialer};
use crate::dial::Dialer;
use crate::tls::Tls;

/// No answer has to be longer.
const LONGEST_ANSWER: usize = 1 << 20;

/// Sends requests to one URL.
#[derive(Debug)]
pub struct Post {
    dialer: Dialer,
    host: HeaderValue,
}

impl Post {
    /// Does not connect yet.
    ///
    /// # Errors
    /// Where `url` has no host, or TLS cannot be set up, for instance because the system has no root certificates.
    pub fn new(url: &str) -> Result<Self, String> {
        let url: Uri = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let host = url.authority().map(ToString::to_string).unwrap_or_default();
        let host = HeaderValue::from_str(&host).map_err(|error| format!("{url}: {error}"))?;
        Ok(Self { dialer: dialer(&url, &Tls::default())?, host })
    }

    /// Sends `request` and reads the whole answer, whatever its status. To be called inside tokio.
    ///
    /// # Errors
    /// Where there is no connection, it ends too early, or the answer is far too long.
    pub async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
        let (_connection, answer) = self.ask(request).await?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    }

    /// Sends `request` and hands the answer to `take` as it comes, however long it is. To be called inside tokio.
    ///
    /// # Errors
    /// Where there is no connection, or it ends too early.
    pub async fn read(
        &self,
        request: Request<Bytes>,
        mut take: impl FnMut(&[u8]),
    ) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
        let (_connection, mut answer) = self.ask(request).await?;
        while let Some(frame) = answer.frame().await {
            if let Some(bytes) = frame?.data_ref() {
                take(bytes);
            }
        }
        Ok(answer.status())
    }

    async fn ask(
        &self,
        request: Request<Bytes>,
    ) -> Result<(Connection, Response<Incoming>), Box<dyn std::error::Error + Send + Sync>> {
        let (mut head, body) = request.into_parts();
        head.uri = head.uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
        head.headers.insert(HOST, self.host.clone());
        head.headers.insert(USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
        let mut connection = connect(&self.dialer).await?;
        let request = Request::from_parts(head, Full::new(body));
        let answer = connection.sender.send_request(request).await?;
        Ok((connection, answer))
    }
}
