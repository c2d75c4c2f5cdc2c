//! Ports and connections: few, and none that never ends its handshake.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use component::{Shutdown, TlsServer};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::intake::Intake;
use crate::preface::Preface;
use crate::web::Web;
use crate::{grpc, web};

/// What is spoken on a port.
#[derive(Debug, Clone)]
pub(crate) enum Speaks {
    Grpc { intake: Arc<Intake>, max_message: usize, max_streams: u32 },
    Http(Arc<Web>),
}

/// Connections at a time, of one port.
const CONNECTIONS: usize = 256;
/// A TLS handshake that takes longer is none, and so is what comes before the first frame of HTTP/2.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What requests may take that were begun when the end comes.
const GRACE: Duration = Duration::from_secs(3);
/// What a sender may have under way on one stream, and on one connection, before it is copied to where it stays.
const WINDOWS: (u32, u32) = (1 << 20, 4 << 20);

/// Serves the connections of `socket` until `stop`; those that are open then may end what they have begun.
pub(crate) async fn serve(socket: TcpListener, tls: Option<Arc<TlsServer>>, speaks: Speaks, mut stop: Shutdown) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
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
                        let (tls, speaks, stop) = (tls.clone(), speaks.clone(), stop.clone());
                        connections.spawn(async move {
                            connection(stream, tls, speaks, stop).await;
                            drop(slot);
                        });
                    }
                }
                // Descriptors have run out, or the peer was gone already: either passes.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    }
    drop(socket);
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(GRACE, ended).await;
}

async fn connection(stream: TcpStream, tls: Option<Arc<TlsServer>>, speaks: Speaks, stop: Shutdown) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return speak(stream, speaks, stop).await };
    match timeout(HANDSHAKE, tls.current().accept(stream)).await {
        Ok(Ok(stream)) => speak(stream, speaks, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, speaks: Speaks, stop: Shutdown) {
    match speaks {
        Speaks::Grpc { intake, max_message, max_streams } => {
            let service = service_fn(move |request| grpc::answer(request, intake.clone(), max_message));
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .initial_stream_window_size(WINDOWS.0)
                .initial_connection_window_size(WINDOWS.1)
                .max_frame_size(MAX_FRAME)
                .max_concurrent_streams(max_streams)
                .keep_alive_interval(Duration::from_secs(60))
                .serve_connection(TokioIo::new(Preface::new(stream, HANDSHAKE)), service);
            until_stopped(connection, stop, http2::Connection::graceful_shutdown).await;
        }
        Speaks::Http(state) => {
            let service = service_fn(move |request| web::answer(request, state.clone()));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .serve_connection(TokioIo::new(stream), service);
            until_stopped(connection, stop, http1::Connection::graceful_shutdown).await;
        }
    }
}

/// A connection of HTTP/1.1 that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Larger frames are fewer.
const MAX_FRAME: u32 = 1 << 18;

/// Runs `connection`, which is told by `graceful` when the end has come.
async fn until_stopped<C: Future>(connection: C, mut stop: Shutdown, graceful: impl FnOnce(Pin<&mut C>)) {
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.requested() => graceful(connection.as_mut()),
    }
    let _ = connection.await;
}
