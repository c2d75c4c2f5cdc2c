//! Answers that are not what gRPC has them be: of proxies, and malformed.

use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;

use super::*;

/// Answers every call with what it makes.
#[derive(Clone)]
struct Answers<F>(F);

impl<F> NamedService for Answers<F> {
    const NAME: &'static str = "opentelemetry.proto.collector.metrics.v1.MetricsService";
}

impl<F: Fn() -> http::Response<Body>> Service<http::Request<Body>> for Answers<F> {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        std::future::ready(Ok(self.0()))
    }
}

async fn exporter_to(answer: impl Fn() -> http::Response<Body> + Clone + Send + Sync + 'static) -> OtlpGrpc {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(Server::builder().add_service(Answers(answer)).serve_with_incoming(TcpIncoming::from(listener)));
    exporter(port)
}

/// As nginx and others have it.
fn page(status: u16) -> http::Response<Body> {
    let html = format!("<html>\r\n<head><title>{status}</title></head>\r\n</html>\r\n");
    let body = Body::new(http_body_util::Full::new(bytes::Bytes::from(html)));
    http::Response::builder().status(status).header("content-type", "text/html").body(body).unwrap()
}

#[tokio::test]
async fn a_proxy_s_page_is_the_failure_that_grpc_takes_its_status_for() {
    for status in [429, 502, 503, 504] {
        let reason = retryable(exporter_to(move || page(status)).await.export(batch()).await);
        assert!(reason.contains(&format!(": Unavailable: HTTP {status} ")), "{reason}");
    }
    for (status, code) in [
        (400, "Internal"),
        (401, "Unauthenticated"),
        (403, "PermissionDenied"),
        (404, "Unimplemented"),
        (302, "Unknown"),
        (500, "Unknown"),
    ] {
        let result = exporter_to(move || page(status)).await.export(batch()).await;
        let Err(ExportError::Permanent(reason)) = result else { panic!("{status}: {result:?}") };
        assert!(reason.contains(&format!(": {code}: HTTP {status} ")), "{reason}");
    }
}

#[tokio::test]
async fn an_answer_that_makes_the_grpc_library_panic_is_a_failed_attempt() {
    // Details that are not base64.
    let malformed = || {
        let answer = http::Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "14")
            .header("grpc-status-details-bin", "!!!");
        answer.body(Body::empty()).unwrap()
    };
    let mut exporter = exporter_to(malformed).await;
    for _ in 0..2 {
        assert!(retryable(exporter.export(batch()).await).contains("malformed answer"));
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_for_the_far_side_is_not_sent_again() {
    for status in [
        Status::resource_exhausted("grpc: received message larger than max (5000000 vs. 4194304)"),
        Status::resource_exhausted("grpc: received message after decompression larger than max 4194304"),
        Status::resource_exhausted("gRPC message exceeds maximum size 4194304: 5000000"),
        Status::resource_exhausted("Received message exceeds the maximum configured message size."),
        Status::resource_exhausted("Error decompressing: size limit, of 9 bytes, exceeded while decompressing message"),
        Status::out_of_range(
            "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes",
        ),
    ] {
        let Err(ExportError::Permanent(reason)) = export_to(Err(status.clone())).await else { panic!("{status}") };
        assert!(reason.contains(status.message()) && reason.contains("max_request_size"), "{reason}");
    }
    for busy in [Status::resource_exhausted("the queue is larger than max"), Status::out_of_range("no such page")] {
        retryable(export_to(Err(busy)).await);
    }
    // google.rpc.Status { details: [Any { type_url, value: RetryInfo { retry_delay: 7s } }] }
    let details = b"\x1a\x1e\x0a\x16x/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x07";
    let wish = Status::with_details(Code::ResourceExhausted, "a message is larger than max", details[..].into());
    retryable(export_to(Err(wish)).await);
}
