//! gRPC: one method, whose requests are one message each.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::intake::{Intake, READ_TIMEOUT, RETRY_AFTER, Refusal};
use crate::message::{message, unpacked};
use crate::packing::Packing;

/// Answers one request.
pub(crate) async fn answer(
    request: Request<Incoming>,
    intake: Arc<Intake>,
    max_message: usize,
) -> Result<Response<Body>, Infallible> {
    Ok(match take(request, &intake, max_message).await {
        Ok(answer) => taken(&answer),
        Err(status) => status.into_http(),
    })
}

async fn take(request: Request<Incoming>, intake: &Intake, max_message: usize) -> Result<Bytes, Status> {
    if request.uri().path() != METHOD {
        let what = format!("{} is not served: this agent takes metrics only", request.uri().path());
        return Err(Status::unimplemented(what));
    }
    let packing = Packing::of(request.headers().get("grpc-encoding")).map_err(|other| {
        let mut status = Status::unimplemented(format!("messages may be packed as gzip or zstd, not as {other:?}"));
        status.metadata_mut().insert("grpc-accept-encoding", MetadataValue::from_static("gzip,zstd"));
        status
    })?;
    let place = intake.place().await.map_err(|refusal| status(&refusal))?;
    let message = timeout(READ_TIMEOUT, message(request.into_body(), packing, max_message)).await;
    let late = |_| Status::deadline_exceeded("the request took too long to come");
    let (packing, message) = message.map_err(late)??;
    let turn = intake.turn().await.map_err(|refusal| status(&refusal))?;
    let message = unpacked(packing, message, max_message)?;
    let taken = intake.take(turn, message).await.map_err(|refusal| status(&refusal))?;
    drop(place);
    Ok(otlp::encode_response(taken.rejected, taken.reason))
}

/// The answer that all is well, and what `message` says beside that.
fn taken(message: &[u8]) -> Response<Body> {
    let mut framed = Vec::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or_default());
    framed.put_slice(message);
    let trailers = HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::from(framed).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
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

const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
