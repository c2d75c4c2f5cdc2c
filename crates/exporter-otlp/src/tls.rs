//! Section `tls`: whom to trust, by gRPC and by HTTP alike.

use std::sync::Arc;

use component::config::{Configuration, Section};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Keys of `tls`.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Plaintext, where the endpoint names no scheme.
    pub insecure: bool,
    /// Certificates in PEM that are trusted besides the system's.
    pub ca: Option<String>,
    /// The name that the server's certificate must be for, where it is not that of the endpoint.
    pub server_name: Option<String>,
}

impl Configuration for Tls {
    fn read(section: &mut Section<'_>) -> Self {
        let insecure = section.field("insecure", "plaintext, where endpoint names no scheme", false);
        let ca_file: String =
            section.field("ca_file", "PEM file of certificates trusted besides the system's", String::new());
        let server_name: String = section.field(
            "server_name_override",
            "name that the server's certificate must be for, instead of endpoint's",
            String::new(),
        );
        let ca = (!ca_file.is_empty()).then(|| read_ca(&ca_file));
        let ca = ca.transpose().unwrap_or_else(|text| {
            section.fault_at("ca_file", text);
            None
        });
        Self { insecure, ca, server_name: (!server_name.is_empty()).then_some(server_name) }
    }
}

impl Tls {
    /// What makes a TCP connection one of TLS, where there is no tonic that does.
    ///
    /// # Errors
    /// Where no certificate is trusted at all, or one of `ca_file` cannot be read.
    pub(crate) fn connector(&self) -> Result<TlsConnector, String> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        for certificate in CertificateDer::pem_slice_iter(self.ca.as_deref().unwrap_or_default().as_bytes()) {
            let certificate = certificate.map_err(|error| format!("ca_file: {error}"))?;
            roots.add(certificate).map_err(|error| format!("ca_file: {error}"))?;
        }
        // A small image has no system roots, and with a CA of one's own it needs none.
        if roots.is_empty() {
            let reason = system.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(format!("no root certificates of the system{reason}; install them or set tls.ca_file"));
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        Ok(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
    }
}

fn read_ca(path: &str) -> Result<String, String> {
    let pem = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    if pem.contains("-----BEGIN CERTIFICATE-----") { Ok(pem) } else { Err(format!("{path}: no PEM certificate in it")) }
}
