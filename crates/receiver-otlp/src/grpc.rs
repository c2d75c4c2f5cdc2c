//! gRPC: one method, whose messages are bytes to tonic.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use component::BoxFuture;
use http::{Request as HttpRequest, Response as HttpResponse};
use hyper::body::Incoming;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Request, Response, Status};

use crate::intake::{Intake, READ_TIMEOUT, RETRY_AFTER, Refusal};

/// Answers one request.
pub(crate) async fn answer(
    request: HttpRequest<Incoming>,
    intake: Arc<Intake>,
    max_message: usize,
) -> Result<HttpResponse<Body>, Infallible> {
    if request.uri().path() != METHOD {
        let what = format!("{} is not served: this agent takes metrics only", request.uri().path());
        return Ok(Status::unimplemented(what).into_http());
    }
    let place = match intake.place().await {
        Ok(place) => place,
        Err(refusal) => return Ok(status(&refusal).into_http()),
    };
    let mut grpc = Grpc::new(BytesCodec)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd)
        .max_decoding_message_size(max_message);
    let answer = timeout(READ_TIMEOUT, grpc.unary(Export(intake), request)).await;
    drop(place);
    Ok(answer.unwrap_or_else(|_| Status::deadline_exceeded("the request took too long to come").into_http()))
}

struct Export(Arc<Intake>);

impl UnaryService<Bytes> for Export {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let intake = self.0.clone();
        Box::pin(async move {
            match intake.take(request.into_inner()).await {
                Ok(taken) => Ok(Response::new(otlp::encode_response(taken.rejected, taken.reason))),
                Err(refusal) => Err(status(&refusal)),
            }
        })
    }
}

/// Who is to wait is told how long, without which it would not try again.
fn status(refusal: &Refusal) -> Status {
    match refusal {
        Refusal::Invalid(text) => Status::invalid_argument(text.clone()),
        Refusal::Full(text) => {
            let details = otlp::encode_status(Code::ResourceExhausted as i32, text, Some(RETRY_AFTER));
            Status::with_details(Code::ResourceExhausted, *text, details)
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
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

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
