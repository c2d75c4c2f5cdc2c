//! Few large writes instead of many: HTTP/2 writes and flushes every frame of 16 KiB by itself, and each would be a system
//! call and a way through the network of its own.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose writes are gathered until there are many, or nothing more is written.
///
/// A flush says that it is done, and wakes the task: when that reads the next time, as every HTTP/2 connection does first
/// whenever it is woken, what it has written until then goes out.
pub(super) struct Gather<S> {
    stream: S,
    gathered: Vec<u8>,
    /// Of these, how many are out.
    out: usize,
    /// Whether a flush waits.
    flush: bool,
}

/// Beyond it they go.
const MANY: usize = 64 << 10;

impl<S: AsyncRead + AsyncWrite + Unpin> Gather<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, gathered: Vec::new(), out: 0, flush: false }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.out < self.gathered.len() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.gathered[self.out..]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out += sent;
        }
        self.gathered.clear();
        self.out = 0;
        Poll::Ready(Ok(()))
    }

    /// Room for more, if what there is leaves none.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathered.len() >= MANY { self.poll_send(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gather<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // While the far side takes nothing it may have something to say all the same.
        if self.flush && self.poll_send(cx)?.is_ready() && Pin::new(&mut self.stream).poll_flush(cx)?.is_ready() {
            self.flush = false;
            self.gathered = Vec::new();
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gather<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx))?;
        self.gathered.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_room(cx))?;
        slices.iter().for_each(|bytes| self.gathered.extend_from_slice(bytes));
        Poll::Ready(Ok(slices.iter().map(|bytes| bytes.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.gathered.is_empty() && !std::mem::replace(&mut self.flush, true) {
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_written_arrives_in_few_pieces_and_all_of_it() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut gather = Gather::new(near);
        let mut cx = Context::from_waker(Waker::noop());
        let frame = [7; 10_000];
        for _ in 0..6 {
            gather.write_all(&frame).await.unwrap();
            gather.flush().await.unwrap();
        }
        let mut arrived = vec![0; 1 << 20];
        let mut none = ReadBuf::new(&mut arrived);
        assert!(Pin::new(&mut far).poll_read(&mut cx, &mut none).is_pending(), "it waits until nothing more comes");
        assert!(Pin::new(&mut gather).poll_read(&mut cx, &mut ReadBuf::new(&mut [0; 1])).is_pending());
        assert_eq!(far.read(&mut arrived).await.unwrap(), 60_000);
        for _ in 0..8 {
            gather.write_all(&frame).await.unwrap();
        }
        assert_eq!(far.read(&mut arrived).await.unwrap(), 70_000, "many do not wait");
        gather.shutdown().await.unwrap();
        assert_eq!(far.read(&mut arrived).await.unwrap(), 10_000);
        assert_eq!(far.read(&mut arrived).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn who_flushes_is_woken_to_read_and_who_takes_nothing_is_still_heard() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut gather = Gather::new(near);
        far.write_all(b"hello").await.unwrap();
        let exchange = async {
            gather.write_all(&[7; 100]).await.unwrap();
            gather.flush().await.unwrap();
            let mut heard = [0; 5];
            gather.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"hello");
            // Nobody but the stream itself wakes this.
            gather.read_exact(&mut heard).await.unwrap();
        };
        let answer = async {
            let mut taken = [0; 100];
            far.read_exact(&mut taken).await.unwrap();
            far.write_all(b"again").await.unwrap();
        };
        tokio::join!(exchange, answer);
    }
}
