//! Section `tls` of whoever listens: its certificate, and whose certificates its clients must have.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::Files;
use crate::config::{Configuration, Section, TlsVersion};

/// Keys of `tls`.
#[derive(Debug, Clone, Default)]
pub struct ServerTls {
    /// PEM file of the certificate, and those up to a root; empty for plaintext.
    pub cert_file: String,
    /// PEM file of its key.
    pub key_file: String,
    /// PEM file of those who may have signed the client's certificate; empty where it needs none.
    pub client_ca_file: String,
    /// Oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Time between two looks at whether a file has changed.
    pub reload_interval: Duration,
}

impl Configuration for ServerTls {
    fn read(section: &mut Section<'_>) -> Self {
        let text = |section: &mut Section<'_>, key, doc| section.field(key, doc, String::new());
        let config = Self {
            cert_file: text(section, "cert_file", "PEM file of the server's certificate; without one it is plaintext"),
            key_file: text(section, "key_file", "PEM file of its key"),
            client_ca_file: text(
                section,
                "client_ca_file",
                "PEM file of who signs clients' certificates, which they must have then",
            ),
            min_version: section.field("min_version", "oldest version of TLS", TlsVersion::V1_2),
            reload_interval: section.field(
                "reload_interval",
                "time between two looks at whether a file has changed; 0 means never",
                Duration::from_secs(10),
            ),
        };
        match (config.cert_file.is_empty(), config.key_file.is_empty()) {
            (false, true) => section.fault_at("cert_file", "needs key_file"),
            (true, false) => section.fault_at("key_file", "needs cert_file"),
            (true, true) if !config.client_ca_file.is_empty() => {
                section.fault_at("client_ca_file", "needs cert_file and key_file");
            }
            (true, true) => {}
            (false, false) => {
                if let Err((key, text)) = config.load(&[]) {
                    section.fault_at(key, text);
                }
            }
        }
        config
    }
}

impl ServerTls {
    fn is_wanted(&self) -> bool {
        !self.cert_file.is_empty()
    }

    /// What the files come to now; or the key of the one that is wrong, and how.
    fn load(&self, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, (&'static str, String)> {
        let versions: &[&SupportedProtocolVersion] =
            if self.min_version == TlsVersion::V1_3 { &[&TLS13] } else { &[&TLS13, &TLS12] };
        let provider = Arc::new(ring::default_provider());
        let of_key = |error: &dyn std::fmt::Display| ("key_file", format!("{}: {error}", self.key_file));
        let chain = certificates(&self.cert_file).map_err(|text| ("cert_file", text))?;
        let key = PrivateKeyDer::from_pem_file(&self.key_file).map_err(|error| of_key(&error))?;
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_protocol_versions(versions).map_err(|error| of_key(&error))?;
        let builder = if self.client_ca_file.is_empty() {
            builder.with_no_client_auth()
        } else {
            let of_ca = |error: &dyn std::fmt::Display| ("client_ca_file", format!("{}: {error}", self.client_ca_file));
            let mut roots = RootCertStore::empty();
            for certificate in certificates(&self.client_ca_file).map_err(|text| ("client_ca_file", text))? {
                roots.add(certificate).map_err(|error| of_ca(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| of_ca(&error))?)
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| of_key(&error))?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(none) if none.is_empty() => Err(format!("{path}: no PEM certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// What makes a connection one of TLS, by the files as they are.
#[derive(Debug)]
pub struct TlsServer {
    tls: ServerTls,
    /// What may be spoken inside.
    protocols: &'static [&'static [u8]],
    now: Mutex<(Files, Arc<ServerConfig>)>,
}

impl TlsServer {
    /// `None` for plaintext.
    ///
    /// # Errors
    /// Where a file has become unreadable since the configuration was read.
    pub fn new(tls: &ServerTls, protocols: &'static [&'static [u8]]) -> Result<Option<Self>, String> {
        if !tls.is_wanted() {
            return Ok(None);
        }
        let paths = [&tls.cert_file, &tls.key_file, &tls.client_ca_file];
        let files = Files::new(paths.into_iter().filter(|path| !path.is_empty()), tls.reload_interval);
        let config = tls.load(protocols).map_err(|(key, text)| format!("tls::{key}: {text}"))?;
        Ok(Some(Self { tls: tls.clone(), protocols, now: Mutex::new((files, config)) }))
    }

    /// For one connection; looks at the files where it is time to.
    pub fn current(&self) -> TlsAcceptor {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let (files, config) = &mut *now;
        if files.changed() {
            match self.tls.load(self.protocols) {
                Ok(loaded) => {
                    tracing::info!(cert_file = self.tls.cert_file, "certificate of the server read again");
                    *config = loaded;
                }
                Err((key, error)) => {
                    tracing::warn!(key, error, "certificate not read again, the one from before holds");
                }
            }
        }
        TlsAcceptor::from(config.clone())
    }
}
