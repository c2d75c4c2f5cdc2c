//! A batch as the body of a request.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;
use pdata::Batch;

/// How batches are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Proto,
    /// OTLP/JSON.
    Json,
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Taken by every server.
    Gzip,
    /// Smaller and cheaper, where the far side takes it.
    Zstd,
    /// As they are.
    None,
}

impl Encoding {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Proto => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    pub(super) fn encode(self, batch: &Batch) -> Bytes {
        match self {
            Self::Proto => otlp::encode(batch),
            Self::Json => otlp::encode_json(batch),
        }
    }

    /// Bytes that [`encode`](Self::encode) makes.
    pub(super) fn size_of(self, batch: &Batch) -> usize {
        match self {
            Self::Proto => otlp::encoded_len(batch),
            Self::Json => otlp::encoded_json_len(batch),
        }
    }
}

impl Compression {
    pub(super) fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
            Self::None => None,
        }
    }

    pub(super) fn compress(self, body: Bytes) -> io::Result<Bytes> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(&body)?;
                encoder.finish().map(Bytes::from)
            }
            Self::Zstd => zstd::bulk::compress(&body, zstd::DEFAULT_COMPRESSION_LEVEL).map(Bytes::from),
            Self::None => Ok(body),
        }
    }
}
