//! A batch as the body of a request.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use otlp::Pieces;
use pdata::Batch;

use crate::packing::Compression;

/// How batches are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Proto,
    /// OTLP/JSON.
    Json,
}

impl Encoding {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Proto => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// `batch` as it is sent.
    pub(super) fn encode(self, batch: &Arc<Batch>, compression: Compression) -> io::Result<Bytes> {
        let body = match self {
            Self::Proto => compression.compress(Pieces::new(batch.clone()), Vec::new()),
            Self::Json => compression.compress(&*otlp::encode_json(batch), Vec::new()),
        };
        body.map(Bytes::from)
    }

    /// Bytes of it before they are compressed.
    pub(super) fn size_of(self, batch: &Batch) -> usize {
        match self {
            Self::Proto => otlp::encoded_len(batch),
            Self::Json => otlp::encoded_json_len(batch),
        }
    }
}
