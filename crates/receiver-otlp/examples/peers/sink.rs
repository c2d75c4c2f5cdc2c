//! A backend that counts: of messages that have a length which none had before it reads the points, and of one in a hundred.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pdata::wire::{Field, Reader};
use tokio::net::TcpListener;

/// What has come so far.
pub(crate) struct Sink {
    pub(crate) points: AtomicU64,
    /// Of the messages, as they came.
    pub(crate) bytes: AtomicU64,
    messages: AtomicU64,
    /// Points of a message of so many bytes.
    known: Mutex<HashMap<usize, u64>>,
}

/// Of so many messages one is read all the same.
const CHECKED: u64 = 100;

impl Sink {
    pub(crate) fn new() -> Self {
        let [points, bytes, messages] = std::array::from_fn(|_| AtomicU64::new(0));
        Self { points, bytes, messages, known: Mutex::default() }
    }

    async fn take(&self, request: Request<Incoming>) {
        let gzip = request.headers().get("grpc-encoding").is_some_and(|encoding| encoding == "gzip");
        let mut body = request.into_body();
        let (mut head, mut length, mut kept, mut seen) = (BytesMut::new(), None, None, 0);
        while let Some(frame) = body.frame().await {
            let mut data = frame.unwrap().into_data().unwrap_or_default();
            while length.is_none() && data.has_remaining() {
                head.extend([data.get_u8()]);
                if head.len() == 5 {
                    length = Some(head[1..].try_into().map(u32::from_be_bytes).unwrap() as usize);
                    let known = self.known.lock().unwrap().get(&length.unwrap_or_default()).copied();
                    let read = self.messages.fetch_add(1, Ordering::Relaxed).is_multiple_of(CHECKED) || known.is_none();
                    kept = read.then(BytesMut::new);
                }
            }
            seen += data.len();
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(&data);
            }
        }
        assert_eq!(Some(seen), length, "one message a request");
        if let Some(message) = kept {
            let points = count(&unpacked(&message, head[0] == 1, gzip), &[1, 2, 2, 7, 1]);
            let before = self.known.lock().unwrap().insert(seen, points);
            assert!(
                before.is_none_or(|before| before == points),
                "messages of a length have different numbers of points"
            );
        }
        self.points.fetch_add(self.known.lock().unwrap()[&seen], Ordering::Relaxed);
        self.bytes.fetch_add(seen as u64, Ordering::Relaxed);
    }
}

fn unpacked(message: &[u8], compressed: bool, gzip: bool) -> Vec<u8> {
    let mut out = Vec::new();
    match (compressed, gzip) {
        (false, _) => out.extend_from_slice(message),
        (true, true) => _ = flate2::read::GzDecoder::new(message).read_to_end(&mut out).unwrap(),
        (true, false) => out = zstd::decode_all(message).unwrap(),
    }
    out
}

/// Messages that are found along `path`: resources, scopes, metrics, data, points.
fn count(bytes: &[u8], path: &[u32]) -> u64 {
    let Some((number, deeper)) = path.split_first() else { return 1 };
    let (mut reader, mut sum) = (Reader::new(bytes), 0);
    while let Some((found, field)) = reader.field().unwrap() {
        if let Field::Bytes(bytes) = field
            && found == *number
        {
            sum += count(bytes, deeper);
        }
    }
    sum
}

/// Serves whoever comes.
pub(crate) async fn serve(listener: TcpListener, sink: Arc<Sink>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let sink = sink.clone();
        let service = service_fn(move |request| {
            let sink = sink.clone();
            async move {
                sink.take(request).await;
                Ok::<_, Infallible>(taken())
            }
        });
        tokio::spawn(
            http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(4 << 20)
                .initial_connection_window_size(8 << 20)
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// An empty answer that all is well.
fn taken() -> Response<impl Body<Data = Bytes, Error = Infallible>> {
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(std::future::ready(Some(Ok(trailers))));
    let response = Response::builder().header("content-type", "application/grpc");
    response.body(body).unwrap()
}
