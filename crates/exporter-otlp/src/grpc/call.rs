//! One call: the request goes as `message` has it, and the answer is read by tonic as bytes that `otlp` decodes.

use bytes::{Buf, Bytes};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codec::{CompressionEncoding, DecodeBuf, Decoder, Streaming};
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::message::Message;

/// Sends `message` and reads what the far side answers.
///
/// # Errors
/// The status that the far side gave, or that says why it gave none.
pub(super) async fn call(channel: &mut Channel, headers: HeaderMap, message: Message) -> Result<Bytes, Status> {
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.map_err(|error| Status::from_error(error.into()))?;
    let encoding = message.encoding();
    let mut request = Request::new(Body::new(message));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(METHOD);
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    request.headers_mut().insert("grpc-accept-encoding", HeaderValue::from_static("gzip,identity"));
    if let Some(encoding) = encoding {
        request.headers_mut().insert("grpc-encoding", HeaderValue::from_static(encoding));
    }
    let answer = channel.call(request).await.map_err(|error| Status::from_error(error.into()))?;
    read(answer).await
}

async fn read(answer: Response<Body>) -> Result<Bytes, Status> {
    let missing = || Status::internal("an answer without a message");
    // Without a body the status stands in the headers.
    if let Some(status) = Status::from_header_map(answer.headers()) {
        return Err(if status.code() == Code::Ok { missing() } else { status });
    }
    let code = answer.status();
    if code != StatusCode::OK {
        return Err(of_http(code));
    }
    let packing = match answer.headers().get("grpc-encoding").map(HeaderValue::as_bytes) {
        None | Some(b"identity") => None,
        Some(b"gzip") => Some(CompressionEncoding::Gzip),
        Some(_) => return Err(Status::unimplemented("the answer is packed, and not as gzip")),
    };
    let mut messages = Streaming::new_response(AnswerDecoder, answer.into_body(), code, packing, None);
    let message = messages.message().await?.ok_or_else(missing)?;
    // It counts when the status behind it says so.
    messages.trailers().await?;
    Ok(message)
}

/// What gRPC takes an HTTP status for that comes without one of its own: a proxy's page is no message, and must not be read as one.
fn of_http(status: StatusCode) -> Status {
    let code = match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    Status::new(code, format!("HTTP {status} instead of gRPC"))
}

struct AnswerDecoder;

impl Decoder for AnswerDecoder {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
