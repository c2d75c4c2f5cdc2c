//! A gRPC codec: requests are written by `otlp` where tonic wants their bytes, answers are bytes that `otlp` decodes.

use bytes::{Buf, Bytes};
use otlp::Measured;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

#[derive(Debug, Clone, Copy)]
pub(crate) struct OtlpCodec;

impl Codec for OtlpCodec {
    type Encode = Measured;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for OtlpCodec {
    type Item = Measured;
    type Error = Status;

    fn encode(&mut self, item: Measured, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.encoded_len());
        item.write(buffer);
        Ok(())
    }
}

impl Decoder for OtlpCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
