//! TLS and passwords, with a certificate authority made here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use component::config::{Entry, Node, Position, Value};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;
use crate::auth::BasicAuth;

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, directory: tempfile::tempdir().unwrap() };
        std::fs::write(authority.path("ca"), authority.issuer.pem()).unwrap();
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a certificate and its key where `name` says; tells the certificate.
    fn issue(&self, name: &str) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        std::fs::write(self.path(name), certificate.pem()).unwrap();
        certificate.der().clone()
    }

    fn tls(&self, clients: bool) -> ServerTls {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        ServerTls {
            cert_file: text(self.path("page")),
            key_file: text(self.path("page.key")),
            client_ca_file: if clients { text(self.path("ca")) } else { String::new() },
            reload_interval: Duration::from_nanos(1),
            ..ServerTls::default()
        }
    }

    fn connector(&self, certificate: Option<&str>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let chain = vec![CertificateDer::from_pem_file(self.path(name)).unwrap()];
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        TlsConnector::from(Arc::new(config))
    }
}

async fn started(config: Config) -> (Prometheus, SocketAddr) {
    let mut exporter = with(&config);
    exporter.start().await.unwrap();
    exporter.export(batch()).await.unwrap();
    let address = exporter.server.as_ref().unwrap().addresses()[0];
    (exporter, address)
}

/// The page, and the certificate that it came with.
async fn scrape(address: SocketAddr, connector: &TlsConnector) -> Option<(String, CertificateDer<'static>)> {
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()?;
    let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let answer = String::from_utf8(ask(stream, "GET /metrics", b"").await).unwrap();
    answer.starts_with("HTTP/1.1 200").then_some((answer, certificate))
}

#[tokio::test]
async fn the_page_comes_by_tls_and_a_certificate_that_was_rotated_is_taken_up() {
    let authority = Authority::new();
    let first = authority.issue("page");
    let (mut exporter, address) = started(Config { endpoint: at(0), tls: authority.tls(false), ..default() }).await;
    let (page, certificate) = scrape(address, &authority.connector(None)).await.unwrap();
    assert!(page.contains("tfo_ebpf_things_total 42") && certificate == first);
    let plain = request_with(address, "GET /metrics", b"").await;
    assert!(!plain.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&plain));

    std::fs::write(authority.path("page"), "half of a certi").unwrap();
    let (_, certificate) = scrape(address, &authority.connector(None)).await.unwrap();
    assert!(certificate == first, "what cannot be read changes nothing");
    let second = authority.issue("page");
    let (_, certificate) = scrape(address, &authority.connector(None)).await.unwrap();
    assert!(certificate == second && first != second);
    exporter.shutdown().await;
}

#[tokio::test]
async fn with_client_ca_file_nobody_reads_without_a_certificate() {
    let authority = Authority::new();
    authority.issue("page");
    authority.issue("scraper");
    let (mut exporter, address) = started(Config { endpoint: at(0), tls: authority.tls(true), ..default() }).await;
    assert!(scrape(address, &authority.connector(None)).await.is_none());
    assert!(scrape(address, &authority.connector(Some("scraper"))).await.is_some());
    let stranger = Authority::new();
    stranger.issue("scraper");
    std::fs::copy(stranger.path("scraper"), authority.path("other")).unwrap();
    std::fs::copy(stranger.path("scraper.key"), authority.path("other.key")).unwrap();
    assert!(scrape(address, &authority.connector(Some("other"))).await.is_none());
    exporter.shutdown().await;
}

#[tokio::test]
async fn with_passwords_the_page_is_for_those_who_have_one() {
    let htpasswd = format!("sam:{}", bcrypt::hash("secret", 4).unwrap());
    let basic_auth = BasicAuth { htpasswd, ..BasicAuth::default() };
    let (mut exporter, address) = started(Config { endpoint: at(0), basic_auth, ..default() }).await;
    let refused = request(address, "GET /metrics").await;
    assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("www-authenticate: Basic realm="), "{refused}");
    let wrong = request_with(address, "GET /metrics", b"Authorization: Basic c2FtOndyb25n\r\n").await;
    assert!(wrong.starts_with(b"HTTP/1.1 401"));
    let right = request_with(address, "GET /metrics", b"Authorization: Basic c2FtOnNlY3JldA==\r\n").await;
    assert!(right.starts_with(b"HTTP/1.1 200"));
    exporter.shutdown().await;
}

fn faults(section: &str, entries: &[(&str, &Path)]) -> Vec<String> {
    let at = || Position { file: "f".into(), line: 1, column: 1 };
    let node = |value| Node::new(at(), value);
    let entry = |(key, value): (&str, Value)| Entry { key: key.to_owned(), position: at(), node: node(value) };
    let entries = entries.iter().map(|(key, path)| entry((key, Value::Text(path.to_str().unwrap().to_owned()))));
    let root = node(Value::Map(vec![entry((section, Value::Map(entries.collect())))]));
    let mut faults = Faults::default();
    Section::read_node(Some(&root), &mut faults, Config::read);
    faults.into_sorted().iter().map(ToString::to_string).collect()
}

#[test]
fn files_that_are_not_there_or_not_what_they_should_be_are_faults_of_the_configuration() {
    let authority = Authority::new();
    authority.issue("page");
    let (page, key, ca) = (authority.path("page"), authority.path("page.key"), authority.path("ca"));
    let none = authority.path("none");
    assert!(faults("tls", &[("cert_file", &page), ("key_file", &key), ("client_ca_file", &ca)]).is_empty());
    for (entries, said) in [
        (&[("cert_file", &*page)][..], "needs key_file"),
        (&[("key_file", &*key)], "needs cert_file"),
        (&[("client_ca_file", &*ca)], "needs cert_file and key_file"),
        (&[("cert_file", &*none), ("key_file", &*key)], "none: "),
        (&[("cert_file", &*key), ("key_file", &*key)], "no PEM certificate in it"),
        (&[("cert_file", &*page), ("key_file", &*page)], "page: "),
    ] {
        let found = faults("tls", entries);
        assert!(found.len() == 1 && found[0].contains(said), "{found:?}");
    }
    let found = faults("basic_auth", &[("htpasswd_file", &page)]);
    assert!(found[0].contains("line 1: no user:hash by bcrypt"), "{found:?}");
    let found = faults("auth", &[("authenticator", Path::new("basicauth/server"))]);
    assert!(found[0].contains("write basic_auth: {htpasswd_file"), "{found:?}");
}
