//! HTTP: `POST /v1/metrics`, in protobuf or JSON.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER as RETRY_AFTER_HEADER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::intake::{Intake, READ_TIMEOUT, RETRY_AFTER, Refusal, Taken};
use crate::packing::Packing;

/// What is served where.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) intake: Arc<Intake>,
    pub(crate) path: String,
    pub(crate) max_body: usize,
}

/// In which form a request came, which the answer has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

/// Why a request was not taken.
struct Fault {
    code: StatusCode,
    text: String,
}

fn fault(code: StatusCode, text: impl Into<String>) -> Fault {
    Fault { code, text: text.into() }
}

/// Answers one request.
pub(crate) async fn answer(request: Request<Incoming>, web: Arc<Web>) -> Result<Response<Full<Bytes>>, Infallible> {
    let form = form(request.headers());
    let answer = match &form {
        _ if request.uri().path() != web.path => {
            let text =
                format!("{} is not served: this agent takes metrics only, at {}", request.uri().path(), web.path);
            Err(fault(StatusCode::NOT_FOUND, text))
        }
        _ if request.method() != Method::POST => Err(fault(StatusCode::METHOD_NOT_ALLOWED, "only POST is served")),
        None => Err(fault(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type must be application/x-protobuf or application/json",
        )),
        Some(form) => take(request, *form, &web).await,
    };
    let form = form.unwrap_or(Form::Json);
    Ok(match answer {
        Ok(Taken { rejected, reason }) => response(
            form,
            StatusCode::OK,
            match form {
                Form::Protobuf => otlp::encode_response(rejected, reason),
                Form::Json => otlp::encode_json_response(rejected, reason),
            },
        ),
        Err(Fault { code, text }) => failed(form, code, &text),
    })
}

async fn take(request: Request<Incoming>, form: Form, web: &Web) -> Result<Taken, Fault> {
    let encoding = request.headers().get(CONTENT_ENCODING).cloned();
    let _place = web.intake.place().await.map_err(of_refusal)?;
    let body = timeout(READ_TIMEOUT, Limited::new(request.into_body(), web.max_body).collect()).await;
    let too_large = || fault(StatusCode::PAYLOAD_TOO_LARGE, format!("a request has more than {} bytes", web.max_body));
    let body = match body {
        // 408 says the same, but no sender of OTLP tries again after it.
        Err(_) => return Err(fault(StatusCode::SERVICE_UNAVAILABLE, "the request took too long to come")),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
        Ok(Err(error)) => return Err(fault(StatusCode::BAD_REQUEST, error.to_string())),
        Ok(Ok(body)) => body.to_bytes(),
    };
    let turn = web.intake.turn().await.map_err(of_refusal)?;
    let body = match Packing::of(encoding.as_ref()) {
        Ok(None) => body,
        Ok(Some(packing)) => {
            let unpacked = packing.unpack(&body, web.max_body).map_err(|error| unreadable(&error))?;
            unpacked.ok_or_else(too_large)?.into()
        }
        Err(_) => {
            let text = "content-encoding must be gzip, zstd or identity";
            return Err(fault(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
        }
    };
    let body = match form {
        Form::Protobuf => body,
        Form::Json => {
            otlp::transcode_json(&body).map_err(|error| fault(StatusCode::BAD_REQUEST, error.to_string()))?.into()
        }
    };
    web.intake.take(turn, body).await.map_err(of_refusal)
}

fn unreadable(error: &std::io::Error) -> Fault {
    fault(StatusCode::BAD_REQUEST, format!("the body cannot be unpacked: {error}"))
}

fn of_refusal(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Invalid(text) => fault(StatusCode::BAD_REQUEST, text),
        Refusal::Full(text) => fault(StatusCode::TOO_MANY_REQUESTS, text),
    }
}

fn form(headers: &HeaderMap) -> Option<Form> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match value.split(';').next()?.trim() {
        "application/x-protobuf" => Some(Form::Protobuf),
        "application/json" => Some(Form::Json),
        _ => None,
    }
}

/// The body is a `Status`, as OTLP asks for.
fn failed(form: Form, code: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let later = matches!(code, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let status = match code {
        StatusCode::TOO_MANY_REQUESTS => 8,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => 12,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        _ => 3,
    };
    let mut response = response(
        form,
        code,
        match form {
            Form::Protobuf => otlp::encode_status(status, text, later.then_some(RETRY_AFTER)),
            Form::Json => serde_json::json!({"code": status, "message": text}).to_string().into(),
        },
    );
    if later {
        response.headers_mut().insert(RETRY_AFTER_HEADER, RETRY_AFTER.as_secs().max(1).into());
    }
    if code == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn response(form: Form, code: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = code;
    let content_type = match form {
        Form::Protobuf => "application/x-protobuf",
        Form::Json => "application/json",
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
