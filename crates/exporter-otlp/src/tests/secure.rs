//! TLS whose files change, by gRPC and by HTTP, and who is trusted.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::sync::oneshot;
use tokio::time::sleep;
use tonic::transport::Certificate;

use super::*;
use crate::{HttpConfig, OtlpHttp};

/// A directory with a certificate authority and what it signed; a new one at every `renew`.
struct Authority {
    directory: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let authority = Self { directory: tempfile::tempdir().unwrap() };
        authority.renew();
        authority
    }

    fn renew(&self) {
        let (ca, certificate, key) = signed();
        for (name, text) in [("cert", certificate.pem()), ("key", key.serialize_pem()), ("ca", ca)] {
            // As renewers do it: no moment in which half of it is there.
            fs::write(self.path("new"), text).unwrap();
            fs::rename(self.path("new"), self.path(name)).unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn pem(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn identity(&self) -> Identity {
        Identity::from_pem(self.pem("cert"), self.pem("key"))
    }

    /// For an exporter that trusts this one, and shows what it signed.
    fn tls(&self, shows: bool) -> Tls {
        let file = |name| Pem::File(self.path(name).to_str().unwrap().to_owned());
        let (cert, key) = if shows { (file("cert"), file("key")) } else { (Pem::None, Pem::None) };
        Tls { ca: file("ca"), cert, key, reload_interval: Duration::from_nanos(1), ..Tls::default() }
    }
}

/// Sends the batch so many times, each again until it is taken.
async fn deliver(exporter: &mut dyn Exporter, times: usize) {
    for _ in 0..times {
        loop {
            match exporter.export(batch()).await {
                Ok(_) => break,
                Err(ExportError::Retryable { .. }) => sleep(Duration::from_millis(5)).await,
                Err(ExportError::Permanent(reason)) => panic!("{reason}"),
            }
        }
    }
}

#[tokio::test]
async fn certificates_rotate_under_load_and_nothing_is_lost_or_sent_twice() {
    const TIMES: usize = 60;
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let received = Received::default();
    let config = Config { tls: authority.tls(true), ..config(&format!("https://localhost:{}", address.port())) };
    let mut exporter = OtlpGrpc::new(&config).unwrap();
    let load = tokio::spawn(async move { deliver(&mut exporter, TIMES).await });
    let (mut listener, mut rotations) = (Some(listener), 0);
    while !load.is_finished() {
        let count = received.lock().unwrap().len();
        let listener = match listener.take() {
            Some(listener) => listener,
            None => TcpListener::bind(address).await.unwrap(),
        };
        // Both sides show what the one authority signed that is trusted now.
        let ca = Certificate::from_pem(authority.pem("ca"));
        let tls = ServerTlsConfig::new().identity(authority.identity()).client_ca_root(ca);
        let answer = Some(Ok(ExportMetricsServiceResponse::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, Some(tls), answer, received.clone(), async { drop(stopped.await) }));
        while !load.is_finished() && received.lock().unwrap().len() < count + 10 {
            sleep(Duration::from_millis(1)).await;
        }
        stop.send(()).unwrap();
        server.await.unwrap();
        authority.renew();
        rotations += 1;
    }
    load.await.unwrap();
    assert!(rotations > 3, "{rotations}");
    assert_eq!(received.lock().unwrap().len(), TIMES);
}

#[tokio::test]
async fn who_has_no_certificate_is_refused_where_one_is_wanted() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(&format!("https://localhost:{}", listener.local_addr().unwrap().port()));
    let ca = Certificate::from_pem(authority.pem("ca"));
    let tls = ServerTlsConfig::new().identity(authority.identity()).client_ca_root(ca);
    let received = Received::default();
    let answer = Some(Ok(ExportMetricsServiceResponse::default()));
    tokio::spawn(serve(listener, Some(tls), answer, received.clone(), std::future::pending()));

    let without = Config { tls: authority.tls(false), ..config.clone() };
    retryable(OtlpGrpc::new(&without).unwrap().export(batch()).await);
    let tls = Tls {
        cert: Pem::Text(authority.pem("cert")),
        key: Pem::Text(authority.pem("key")),
        ca: Pem::Text(authority.pem("ca")),
        ..Tls::default()
    };
    let with = Config { tls, ..config };
    assert_eq!(OtlpGrpc::new(&with).unwrap().export(batch()).await, Ok(Accepted::default()));
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn with_insecure_skip_verify_anybody_is_trusted_by_both() {
    let authority = Authority::new();
    let answer = Some(Ok(ExportMetricsServiceResponse::default()));
    let (port, received) = backend(answer, Some(authority.identity())).await;
    let tls = Tls { insecure_skip_verify: true, ..Tls::default() };
    // Nor has the name to be right.
    let config = Config { tls: tls.clone(), ..config(&format!("https://127.0.0.1:{port}")) };
    assert_eq!(OtlpGrpc::new(&config).unwrap().export(batch()).await, Ok(Accepted::default()));
    assert_eq!(received.lock().unwrap().len(), 1);
    // The same server answers HTTP/1.1 with an alert, if at all: what matters is that it was not the certificate.
    let config = Section::read_node(None, &mut Faults::default(), HttpConfig::read);
    let config = HttpConfig { url: format!("https://127.0.0.1:{port}/").parse().unwrap(), tls, ..config };
    let reason = retryable(OtlpHttp::new(&config).unwrap().export(batch()).await);
    assert!(!reason.contains("certificate"), "{reason}");
}

#[tokio::test]
async fn a_socket_of_this_machine_is_an_endpoint() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("otel.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let received = Received::default();
    let service = MetricsServiceServer::new(Backend {
        received: received.clone(),
        answer: Some(Ok(ExportMetricsServiceResponse::default())),
    });
    let service = service.accept_compressed(CompressionEncoding::Gzip);
    let incoming = tokio_stream::wrappers::UnixListenerStream::new(listener);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
    let endpoint = format!("unix://{}", path.to_str().unwrap());
    let (config, faults) = read(map(vec![("endpoint", text(&endpoint))]), Config::read);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(OtlpGrpc::new(&config).unwrap().export(batch()).await, Ok(Accepted::default()));
    assert_eq!(received.lock().unwrap().len(), 1);
}

#[test]
fn what_the_files_lack_is_a_fault_where_they_are_named() {
    let authority = Authority::new();
    let value = |path: &Path| text(path.to_str().unwrap());
    let (cert, key, none) = (authority.path("cert"), authority.path("key"), authority.path("none"));
    let faults = |entries: Vec<(&str, Value)>| faults_of(map(vec![("tls", map(entries))]), Config::read);
    assert!(faults(vec![("cert_file", value(&cert)), ("key_file", value(&key)), ("ca_file", value(&cert))]).is_empty());
    for (entries, said) in [
        (vec![("cert_file", value(&cert))], "needs its key: key_file or key_pem"),
        (vec![("key_pem", text(&authority.pem("key")))], "needs its certificate: cert_file or cert_pem"),
        (vec![("cert_file", value(&none)), ("key_file", value(&key))], "none: No such file"),
        (vec![("cert_file", value(&cert)), ("key_file", value(&cert))], "cert: "),
        (vec![("ca_file", value(&key))], "no PEM certificate in it"),
        (vec![("ca_file", value(&cert)), ("ca_pem", text(&authority.pem("ca")))], "there is a file of it, too"),
        (vec![("min_version", text("1.1"))], "unsupported TLS version"),
    ] {
        let found = faults(entries);
        assert!(found.len() == 1 && found[0].contains(said), "{said}: {found:?}");
        assert!(!found[0].contains("PRIVATE"), "{found:?}");
    }
    let tls = Tls { key: Pem::Text(authority.pem("key")), ..Tls::default() };
    assert!(!format!("{tls:?}").contains("PRIVATE"));
}
