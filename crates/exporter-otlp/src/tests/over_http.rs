//! `otlp_http` against a real HTTP server.

use std::convert::Infallible;
use std::io::Read;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::*;
use crate::Compression;
use crate::http::Encoding;
use crate::{HttpConfig, OtlpHttp};

pub(crate) type Requests = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

/// An answer of a server: status, a header, body.
#[derive(Clone)]
pub(crate) struct Says(pub(crate) u16, pub(crate) (&'static str, &'static str), pub(crate) Bytes);

pub(crate) const FINE: Says = Says(200, PROTO, Bytes::new());
const PROTO: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Starts a server that gives `answers` in turn, the last one for good, and returns its port and what it got.
pub(crate) async fn server(answers: Vec<Says>, tls: Option<TlsAcceptor>) -> (u16, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Requests::default();
    let kept = requests.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (answers, requests) = (answers.clone(), kept.clone());
            let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let (answers, requests) = (answers.clone(), requests.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    let mut requests = requests.lock().unwrap();
                    let Says(status, (name, value), body_back) = answers[requests.len().min(answers.len() - 1)].clone();
                    requests.push((head, body));
                    let answer = http::Response::builder().status(status).header(name, value);
                    Ok::<_, Infallible>(answer.body(Full::new(body_back)).unwrap())
                }
            });
            let http1 = hyper::server::conn::http1::Builder::new();
            match &tls {
                Some(tls) => {
                    let Ok(stream) = tls.accept(stream).await else { continue };
                    tokio::spawn(http1.serve_connection(TokioIo::new(stream), service));
                }
                None => drop(tokio::spawn(http1.serve_connection(TokioIo::new(stream), service))),
            }
        }
    });
    (port, requests)
}

fn http_config(url: &str) -> HttpConfig {
    let config = Section::read_node(None, &mut Faults::default(), HttpConfig::read);
    HttpConfig { url: url.parse().unwrap(), ..config }
}

fn http_exporter(port: u16) -> OtlpHttp {
    OtlpHttp::new(&http_config(&format!("http://127.0.0.1:{port}/v1/metrics"))).unwrap()
}

async fn answered(says: Says) -> Result<Accepted, ExportError> {
    let (port, _) = server(vec![says], None).await;
    http_exporter(port).export(batch()).await
}

fn unpack(encoding: Option<&str>, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Some("gzip") => drop(flate2::read::GzDecoder::new(body).read_to_end(&mut out).unwrap()),
        Some("zstd") => out = zstd::stream::decode_all(body).unwrap(),
        None => out = body.to_vec(),
        other => panic!("{other:?}"),
    }
    out
}

#[tokio::test]
async fn every_encoding_and_compression_reads_back_as_the_batch_over_one_connection_each() {
    let (port, requests) = server(vec![FINE], None).await;
    let expected = ExportMetricsServiceRequest::decode(otlp::encode(&batch())).unwrap();
    for encoding in [Encoding::Proto, Encoding::Json] {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let config = http_config(&format!("http://127.0.0.1:{port}/v1/metrics?key=1"));
            let mut config = HttpConfig { encoding, compression, ..config };
            config.headers.insert("x-token", "secret".parse().unwrap());
            config.headers.insert("content-type", "text/plain".parse().unwrap());
            let mut exporter = OtlpHttp::new(&config).unwrap();
            for _ in 0..2 {
                assert_eq!(exporter.export(batch()).await, Ok(Accepted::default()));
            }
            for (head, body) in requests.lock().unwrap().drain(..) {
                let header = |name| head.headers.get(name).map(|value| value.to_str().unwrap());
                let body = unpack(header("content-encoding"), &body);
                let (content_type, message) = match encoding {
                    Encoding::Proto => ("application/x-protobuf", ExportMetricsServiceRequest::decode(&*body).unwrap()),
                    Encoding::Json => ("application/json", serde_json::from_slice(&body).unwrap()),
                };
                assert!(message == expected, "{encoding:?} {compression:?}");
                assert_eq!(header("content-type"), Some(content_type));
                assert_eq!(header("host"), Some(&*format!("127.0.0.1:{port}")));
                assert_eq!((head.method.as_str(), head.uri.to_string()), ("POST", "/v1/metrics?key=1".to_owned()));
                assert_eq!(header("x-token"), Some("secret"));
                assert_eq!(header("user-agent"), Some(concat!("tfo-agent/", env!("CARGO_PKG_VERSION"))));
            }
        }
    }
}

#[tokio::test]
async fn the_status_decides_about_another_attempt_and_the_far_side_about_the_wait() {
    for status in [429, 502, 503, 504] {
        let says = Says(status, ("retry-after", "7"), "slow\ndown".into());
        let Err(ExportError::Retryable { reason, after }) = answered(says).await else { panic!("{status}") };
        assert_eq!(after, Some(Duration::from_secs(7)));
        assert!(reason.contains(&status.to_string()) && reason.ends_with(": slow"), "{reason}");
    }
    let date = Says(503, ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"), Bytes::new());
    let Err(ExportError::Retryable { after, .. }) = answered(date).await else { panic!("not retryable") };
    assert!(after.unwrap() > Duration::from_secs(1 << 30));
    for past in ["Sun, 06 Nov 1994 08:49:37 GMT", "soon", "-1"] {
        let Err(ExportError::Retryable { after, .. }) = answered(Says(503, ("retry-after", past), Bytes::new())).await
        else {
            panic!("{past}")
        };
        assert_eq!(after, None, "{past}");
    }
    for status in [301, 400, 401, 404, 408, 413, 500, 501, 505] {
        let result = answered(Says(status, ("x", "y"), Bytes::new())).await;
        let Err(ExportError::Permanent(reason)) = result else { panic!("{status}") };
        assert!(reason.contains(&status.to_string()), "{reason}");
    }
}

#[tokio::test]
async fn the_reason_of_a_refusal_is_read_from_either_form_of_status_and_kept_short() {
    // google.rpc.Status { code: 3, message: "no" }
    let proto = Says(400, PROTO, b"\x08\x03\x12\x02no"[..].into());
    let json = Says(400, JSON, r#"{"code":3,"message":"no"}"#.into());
    for says in [proto, json, Says(400, ("x", "y"), "no".into())] {
        let Err(ExportError::Permanent(reason)) = answered(says).await else { panic!("not permanent") };
        assert!(reason.ends_with(" 400 Bad Request: no"), "{reason}");
    }
    let page = Says(400, ("x", "y"), "a".repeat(10_000).into());
    let Err(ExportError::Permanent(reason)) = answered(page).await else { panic!("not permanent") };
    assert!(reason.len() < 300, "{reason}");
}

#[tokio::test]
async fn points_refused_are_told_and_never_more_than_there_were() {
    let partial = |rejected_data_points| {
        let partial = ExportMetricsPartialSuccess { rejected_data_points, error_message: "too old".to_owned() };
        ExportMetricsServiceResponse { partial_success: Some(partial) }
    };
    let told = |rejected| Ok(Accepted { rejected, message: "too old".to_owned() });
    for (sent, rejected) in [(7, 7), (i64::MAX, 5000)] {
        let proto = Says(200, PROTO, partial(sent).encode_to_vec().into());
        let json = Says(202, JSON, serde_json::to_vec(&partial(sent)).unwrap().into());
        assert_eq!((answered(proto).await, answered(json).await), (told(rejected), told(rejected)));
    }
    assert_eq!(answered(Says(200, ("content-type", "text/plain"), "ok".into())).await, Ok(Accepted::default()));
}

#[tokio::test]
async fn an_answer_that_is_noise_or_endless_is_still_a_success_and_read_with_a_bound() {
    for (says, words) in [
        (Says(200, JSON, "{".into()), "unreadable answer"),
        (Says(200, PROTO, vec![0xff; 100].into()), "unreadable answer"),
        (Says(200, PROTO, vec![0; 10 << 20].into()), "too long"),
    ] {
        let (port, requests) = server(vec![says], None).await;
        let mut exporter = http_exporter(port);
        for _ in 0..2 {
            let accepted = exporter.export(batch()).await.unwrap();
            assert!(accepted.rejected == 0 && accepted.message.contains(words), "{accepted:?}");
        }
        assert_eq!(requests.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn no_answer_and_no_server_are_worth_another_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = http_config(&format!("http://127.0.0.1:{port}/"));
    let config = HttpConfig { timeout: Duration::from_millis(300), ..config };
    let mut exporter = OtlpHttp::new(&config).unwrap();
    let reason = retryable(exporter.export(batch()).await);
    assert_eq!(reason, format!("127.0.0.1:{port}: no answer within 300ms"));
    drop(listener);
    let reason = retryable(exporter.export(batch()).await);
    assert!(reason.starts_with(&format!("127.0.0.1:{port}: ")), "{reason}");
    assert!(reason.contains("Connection refused (os error 111)"), "{reason}");
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_made_again() {
    let closing = Says(200, ("connection", "close"), Bytes::new());
    let (port, requests) = server(vec![closing], None).await;
    let mut exporter = http_exporter(port);
    for _ in 0..3 {
        assert_eq!(exporter.export(batch()).await, Ok(Accepted::default()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(requests.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn in_either_encoding_no_body_is_above_the_limit_and_no_point_is_sent_twice() {
    for encoding in [Encoding::Proto, Encoding::Json] {
        let (port, requests) = server(vec![FINE, Says(503, ("x", "y"), Bytes::new()), FINE], None).await;
        let config = http_config(&format!("http://127.0.0.1:{port}/"));
        let max_request_size = 64 << 10;
        let config = HttpConfig { encoding, compression: Compression::None, max_request_size, ..config };
        let mut exporter = OtlpHttp::new(&config).unwrap();
        let mut refused = 0;
        for part in exporter.split(batch()) {
            while exporter.export(part.clone()).await.is_err() {
                refused += 1;
            }
        }
        let mut requests = requests.lock().unwrap();
        assert!(requests.len() > 3 && requests.iter().all(|(_, body)| body.len() <= max_request_size));
        let again = requests.remove(1).1;
        assert!(refused == 1 && requests[1].1 == again);
        let points = requests.iter().map(|(_, body)| {
            let request: ExportMetricsServiceRequest = match encoding {
                Encoding::Proto => ExportMetricsServiceRequest::decode(&**body).unwrap(),
                Encoding::Json => serde_json::from_slice(body).unwrap(),
            };
            format!("{request:?}").matches("NumberDataPoint {").count()
        });
        assert_eq!(points.sum::<usize>(), 5000);
    }
}

#[tokio::test]
async fn https_trusts_ca_file_and_nobody_unknown() {
    let (ca, certificate, key) = signed();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let chain = vec![certificate.der().clone()];
    let tls = builder.with_no_client_auth().with_single_cert(chain, key.into()).unwrap();
    let (port, requests) = server(vec![FINE], Some(TlsAcceptor::from(Arc::new(tls)))).await;
    let config = http_config(&format!("https://localhost:{port}/v1/metrics"));

    let reason = match OtlpHttp::new(&config) {
        Ok(mut exporter) => retryable(exporter.export(batch()).await),
        // A machine without root certificates trusts nobody either.
        Err(reason) => reason,
    };
    assert!(reason.contains("certificate"), "{reason}");

    let tls = Tls { ca: Pem::Text(ca), ..config.tls.clone() };
    let trusting = HttpConfig { tls, ..config };
    assert_eq!(OtlpHttp::new(&trusting).unwrap().export(batch()).await, Ok(Accepted::default()));
    assert_eq!(requests.lock().unwrap().len(), 1);

    let tls = Tls { server_name: Some("elsewhere.example".to_owned()), ..trusting.tls.clone() };
    let reason = retryable(OtlpHttp::new(&HttpConfig { tls, ..trusting }).unwrap().export(batch()).await);
    assert!(reason.contains("elsewhere.example"), "{reason}");
}
