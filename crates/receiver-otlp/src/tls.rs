//! TLS of the server, by rustls.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::config::Tls;

impl Tls {
    /// What makes a TCP connection one of TLS; `None` for plaintext.
    ///
    /// # Errors
    /// The key of the file that is wrong, and how.
    pub(crate) fn acceptor(&self, protocols: &[&[u8]]) -> Result<Option<TlsAcceptor>, (&'static str, String)> {
        if self.cert_file.is_empty() {
            return Ok(None);
        }
        let (cert_file, key_file) = (&self.cert_file, &self.key_file);
        let certificates = certificates("cert_file", cert_file)?;
        let key =
            PrivateKeyDer::from_pem_file(key_file).map_err(|error| ("key_file", format!("{key_file}: {error}")))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| ("cert_file", error.to_string()))?;
        let builder = if self.client_ca_file.is_empty() {
            builder.with_no_client_auth()
        } else {
            let file = &self.client_ca_file;
            let fault = |error: &dyn std::fmt::Display| ("client_ca_file", format!("{file}: {error}"));
            let mut roots = RootCertStore::empty();
            for certificate in self::certificates("client_ca_file", file)? {
                roots.add(certificate).map_err(|error| fault(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| fault(&error))?)
        };
        let mut config = builder
            .with_single_cert(certificates, key)
            .map_err(|error| ("cert_file", format!("{cert_file} and {key_file}: {error}")))?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Some(TlsAcceptor::from(Arc::new(config))))
    }
}

fn certificates(key: &'static str, file: &str) -> Result<Vec<CertificateDer<'static>>, (&'static str, String)> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(certificates) if certificates.is_empty() => Err((key, format!("{file}: no PEM certificate in it"))),
        read => read.map_err(|error| (key, format!("{file}: {error}"))),
    }
}
