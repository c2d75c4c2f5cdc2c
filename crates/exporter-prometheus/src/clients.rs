//! Who is connected, and who has to leave when there is no room: never the one that reads.
//!
//! A scraper sends its request at once and takes its page as fast as it comes. What does neither, by
//! the hundred, keeps its connection only as long as nobody else needs it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// All connections of one page.
#[derive(Debug)]
pub(crate) struct Clients {
    epoch: Instant,
    open: Mutex<Vec<(Arc<Client>, AbortHandle)>>,
    /// Most that was rendered and not yet sent at any time.
    peak: AtomicU64,
}

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// When it was accepted, or took bytes last: milliseconds since the epoch of all.
    progress: AtomicU64,
    /// Bytes of its page so far, and those of them that the socket has.
    rendered: AtomicU64,
    written: AtomicU64,
}

impl Client {
    /// Bytes that are held for it.
    fn held(&self) -> u64 {
        self.rendered.load(Ordering::Relaxed).saturating_sub(self.written.load(Ordering::Relaxed))
    }
}

impl Clients {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { epoch: Instant::now(), open: Mutex::default(), peak: AtomicU64::new(0) })
    }

    /// Makes room for one more connection.
    ///
    /// # Errors
    /// How long to wait before another try, where each of those that are there is too young to go.
    pub(crate) fn admit(&self) -> Result<Arc<Client>, Duration> {
        let mut open = self.open();
        open.retain(|(_, task)| !task.is_finished());
        if open.len() >= CONNECTIONS {
            let now = self.now();
            let stalest =
                open.iter().enumerate().min_by_key(|(_, (client, _))| client.progress.load(Ordering::Relaxed));
            let Some((place, (client, task))) = stalest else { return Err(PATIENCE) };
            let idle = Duration::from_millis(now.saturating_sub(client.progress.load(Ordering::Relaxed)));
            if idle < PATIENCE {
                return Err(PATIENCE - idle);
            }
            task.abort();
            open.swap_remove(place);
        }
        Ok(Arc::new(Client { progress: AtomicU64::new(self.now()), ..Client::default() }))
    }

    /// `client` is served by `task` from now on.
    pub(crate) fn begin(&self, client: Arc<Client>, task: AbortHandle) {
        self.open().push((client, task));
    }

    /// Whether `client` may have more of its page rendered; makes those leave that do not take theirs.
    pub(crate) fn may_render(&self, client: &Client) -> bool {
        let mut open = self.open();
        let mut held: u64 = open.iter().map(|(other, _)| other.held()).sum();
        let now = self.now();
        // Who has nothing in hand gets something, if need be in place of another.
        while held >= BUDGET {
            let stalest = open
                .iter()
                .enumerate()
                .filter(|(_, (other, _))| !std::ptr::eq(&raw const **other, client) && other.held() > 0)
                .min_by_key(|(_, (other, _))| other.progress.load(Ordering::Relaxed));
            let Some((place, (other, task))) = stalest else { return true };
            let idle = Duration::from_millis(now.saturating_sub(other.progress.load(Ordering::Relaxed)));
            if idle < STALLED {
                return false;
            }
            held -= other.held();
            task.abort();
            open.swap_remove(place);
        }
        true
    }

    /// Notes `bytes` more that were rendered for `client`.
    pub(crate) fn rendered(&self, client: &Client, bytes: usize) {
        // What it has to take next is new: it is given the time for it.
        if client.held() == 0 {
            client.progress.store(self.now(), Ordering::Relaxed);
        }
        client.rendered.fetch_add(bytes as u64, Ordering::Relaxed);
        let held = self.open().iter().map(|(other, _)| other.held()).sum();
        self.peak.fetch_max(held, Ordering::Relaxed);
    }

    /// Most bytes that were held at once.
    #[cfg(test)]
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn open(&self) -> MutexGuard<'_, Vec<(Arc<Client>, AbortHandle)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket that tells how far its client has got.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) client: Arc<Client>,
    pub(crate) clients: Arc<Clients>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> Watched<S> {
    fn note(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.client.written.fetch_add(*bytes as u64, Ordering::Relaxed);
            self.client.progress.store(self.clients.now(), Ordering::Relaxed);
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Most connections at a time: a scraper needs one.
pub(crate) const CONNECTIONS: usize = 128;
/// A connection on which nothing was sent for so long gives way to another.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of pages that are held for all together; beyond it one more family is rendered at most.
pub(crate) const BUDGET: u64 = 16 << 20;
/// A page of which nothing was taken for so long gives way to others, where there is no memory for both.
const STALLED: Duration = Duration::from_millis(250);
/// How long to wait before looking for room again.
pub(crate) const RETRY: Duration = Duration::from_millis(50);
