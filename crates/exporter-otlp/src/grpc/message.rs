//! A request as gRPC frames it. One that is not packed is written while it is sent, and is never in memory as a whole.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes};
use http_body::{Body, Frame, SizeHint};
use otlp::Pieces;
use pdata::Batch;

use crate::packing::Compression;

/// The body of a request.
#[derive(Debug)]
pub(super) struct Message {
    compression: Compression,
    /// The head, and what is packed already.
    ready: Bytes,
    pieces: Option<Pieces>,
    left: u64,
}

/// A flag, and a length of four bytes.
const HEAD: usize = 5;

impl Message {
    /// Of `batch`.
    ///
    /// # Errors
    /// If the request has more than 4 GiB, or memory has run out.
    pub(super) fn new(batch: Arc<Batch>, compression: Compression) -> io::Result<Self> {
        let pieces = Pieces::new(batch);
        if compression == Compression::None {
            let length = pieces.encoded_len();
            let ready = head(0, length)?.into();
            return Ok(Self { compression, ready, pieces: Some(pieces), left: (HEAD + length) as u64 });
        }
        let mut packed = compression.compress(pieces, vec![0; HEAD])?;
        let head = head(1, packed.len() - HEAD)?;
        packed[..HEAD].copy_from_slice(&head);
        Ok(Self { compression, left: packed.len() as u64, ready: packed.into(), pieces: None })
    }

    /// What it is packed by, as gRPC calls it.
    pub(super) fn encoding(&self) -> Option<&'static str> {
        self.compression.content_encoding()
    }

    fn next(&mut self) -> Option<Bytes> {
        if !self.ready.is_empty() {
            return Some(std::mem::take(&mut self.ready));
        }
        let mut piece = Vec::new();
        let is_one = self.pieces.as_mut()?.write(&mut piece);
        is_one.then(|| piece.into())
    }
}

fn head(flag: u8, length: usize) -> io::Result<Vec<u8>> {
    let length = u32::try_from(length).map_err(|_| io::Error::other("a request has more than 4 GiB"))?;
    let mut head = Vec::with_capacity(HEAD);
    head.put_u8(flag);
    head.put_u32(length);
    Ok(head)
}

impl Body for Message {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.next();
        self.left -= piece.as_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
