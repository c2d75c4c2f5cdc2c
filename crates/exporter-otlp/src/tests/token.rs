//! A token in a file that somebody renews.

use std::fs;

use super::over_http::{FINE, Says, server};
use super::*;
use crate::{HttpConfig, OtlpHttp};

fn file(token: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    fs::write(&path, token).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

#[tokio::test]
async fn the_token_is_that_of_the_file_as_it_is() {
    let (_directory, path) = file("first\n");
    let (port, received) = backend(Some(Ok(ExportMetricsServiceResponse::default())), None).await;
    let config = Config { bearer_token_file: path.clone(), ..config(&format!("http://127.0.0.1:{port}")) };
    let mut exporter = OtlpGrpc::new(&config).unwrap();
    exporter.export(batch()).await.unwrap();
    fs::write(&path, "the second").unwrap();
    exporter.export(batch()).await.unwrap();
    fs::write(&path, "").unwrap();
    exporter.export(batch()).await.unwrap();
    assert!(!format!("{exporter:?}").contains("the second"), "{exporter:?}");
    let received = received.lock().unwrap();
    let tokens: Vec<_> = received.iter().map(|(headers, _)| headers.get("authorization").unwrap().clone()).collect();
    assert_eq!(tokens, ["Bearer first", "Bearer the second", "Bearer the second"]);
}

#[tokio::test]
async fn who_is_refused_with_a_token_tries_again_with_the_next() {
    let (_directory, path) = file("old");
    let (port, _) = backend(Some(Err(Status::unauthenticated("expired"))), None).await;
    let config = Config { bearer_token_file: path.clone(), ..config(&format!("http://127.0.0.1:{port}")) };
    let reason = retryable(OtlpGrpc::new(&config).unwrap().export(batch()).await);
    assert!(reason.ends_with("expired") && !reason.contains("old"), "{reason}");

    let refused = Says(401, ("content-type", "text/plain"), "no".into());
    let (port, requests) = server(vec![refused, FINE], None).await;
    let config = Section::read_node(None, &mut Faults::default(), HttpConfig::read);
    let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let mut exporter = OtlpHttp::new(&HttpConfig { url, bearer_token_file: path.clone(), ..config }).unwrap();
    retryable(exporter.export(batch()).await);
    fs::write(&path, "renewed").unwrap();
    assert_eq!(exporter.export(batch()).await, Ok(Accepted::default()));
    let requests = requests.lock().unwrap();
    let tokens: Vec<_> = requests.iter().map(|(head, _)| head.headers.get("authorization").unwrap().clone()).collect();
    assert_eq!(tokens, ["Bearer old", "Bearer renewed"]);
}

#[test]
fn a_token_that_cannot_be_sent_is_a_fault_that_does_not_tell_it() {
    let faults = |path: &str, more: Vec<(&str, Value)>| {
        faults_of(map([vec![("bearer_token_file", text(path))], more].concat()), Config::read)
    };
    let (_directory, path) = file("sec\u{1}ret");
    let found = faults(&path, vec![]);
    assert!(found.len() == 1 && found[0].contains("control characters") && !found[0].contains("ret\""), "{found:?}");
    let (_directory, path) = file(" \n");
    assert!(faults(&path, vec![])[0].ends_with("no token in it"));
    assert!(faults("/nonexistent/token", vec![])[0].starts_with("/nonexistent/token: No such file"));
    let (_directory, path) = file("fine");
    let headers = map(vec![("Authorization", text("Basic x"))]);
    assert_eq!(faults(&path, vec![("headers", headers)]), ["headers have an authorization, too"]);
}
