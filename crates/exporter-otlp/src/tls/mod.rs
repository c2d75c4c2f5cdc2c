//! Section `tls`: whom to trust and who we are, by gRPC and by HTTP alike.

mod trust;

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use component::Files;
use component::config::{Configuration, Section, TlsVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::ClientConfig;

/// Keys of `tls`.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Plaintext, where the endpoint names no scheme.
    pub insecure: bool,
    /// Any certificate will do, whoever's it is.
    pub insecure_skip_verify: bool,
    /// Certificates that are trusted besides the system's.
    pub ca: Pem,
    /// The certificate to show, and those up to a root.
    pub cert: Pem,
    /// Its key.
    pub key: Pem,
    /// The name that the server's certificate must be for, where it is not that of the endpoint.
    pub server_name: Option<String>,
    /// Oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Time between two looks at whether a file has changed; zero means never.
    pub reload_interval: Duration,
}

/// Something in PEM, and where it stands.
#[derive(Clone, Default)]
pub enum Pem {
    /// There is none.
    #[default]
    None,
    /// In the configuration.
    Text(String),
    /// In the file at this path.
    File(String),
}

impl std::fmt::Debug for Pem {
    /// A key is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Text(_) => f.write_str("Text"),
            Self::File(path) => write!(f, "File({path:?})"),
        }
    }
}

impl Configuration for Tls {
    fn read(section: &mut Section<'_>) -> Self {
        let insecure = section.field("insecure", "plaintext, where endpoint names no scheme", false);
        let insecure_skip_verify = section.field(
            "insecure_skip_verify",
            "any certificate of the server will do: whoever is in between reads all",
            false,
        );
        let files = ["ca_file", "cert_file", "key_file"].into_iter().zip([
            "PEM file of certificates trusted besides the system's",
            "PEM file of the certificate to show to the server",
            "PEM file of its key",
        ]);
        let texts = ["ca_pem", "cert_pem", "key_pem"].into_iter().zip([
            "what could stand in ca_file",
            "in cert_file",
            "in key_file",
        ]);
        let [ca_file, cert_file, key_file] = read_all(section, files);
        let [ca_pem, cert_pem, key_pem] = read_all(section, texts);
        let server_name: String = section.field(
            "server_name_override",
            "name that the server's certificate must be for, instead of endpoint's",
            String::new(),
        );
        let tls = Self {
            insecure,
            insecure_skip_verify,
            ca: one_of(section, ("ca_pem", ca_pem), ca_file),
            cert: one_of(section, ("cert_pem", cert_pem), cert_file),
            key: one_of(section, ("key_pem", key_pem), key_file),
            server_name: (!server_name.is_empty()).then_some(server_name),
            min_version: section.field("min_version", "oldest version of TLS", TlsVersion::V1_2),
            reload_interval: section.field(
                "reload_interval",
                "time between two looks at whether a file has changed; 0 means never",
                Duration::from_secs(10),
            ),
        };
        if let Err((key, text)) = tls.pieces() {
            section.fault_at(key, text);
        }
        tls
    }
}

fn read_all(section: &mut Section<'_>, keys: impl Iterator<Item = (&'static str, &'static str)>) -> [String; 3] {
    let mut values = keys.map(|(key, doc)| section.field(key, doc, String::new()));
    std::array::from_fn(|_| values.next().unwrap_or_default())
}

fn one_of(section: &mut Section<'_>, (key, text): (&'static str, String), file: String) -> Pem {
    match (text.is_empty(), file.is_empty()) {
        (true, true) => Pem::None,
        (true, false) => Pem::File(file),
        (false, true) => Pem::Text(text),
        (false, false) => {
            section.fault_at(key, "there is a file of it, too");
            Pem::Text(text)
        }
    }
}

/// Certificates that are trusted, and ours with its key.
type Pieces = (Vec<CertificateDer<'static>>, Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>);

impl Tls {
    /// What the files have in them; or the key of the one that is wrong, and how.
    fn pieces(&self) -> Result<Pieces, (&'static str, String)> {
        let trusted = self.ca.certificates().map_err(|text| (self.ca.key(["ca_pem", "ca_file"]), text))?;
        let identity = match (&self.cert, &self.key) {
            (Pem::None, Pem::None) => None,
            (cert, Pem::None) => {
                return Err((cert.key(["cert_pem", "cert_file"]), "needs its key: key_file or key_pem".to_owned()));
            }
            (Pem::None, key) => {
                return Err((
                    key.key(["key_pem", "key_file"]),
                    "needs its certificate: cert_file or cert_pem".to_owned(),
                ));
            }
            (cert, key) => {
                let at_cert = |text| (cert.key(["cert_pem", "cert_file"]), text);
                let at_key = |text| (key.key(["key_pem", "key_file"]), text);
                let chain = cert.certificates().map_err(at_cert)?;
                let text = key.text().map_err(at_key)?;
                let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| at_key(key.named(&error)))?;
                Some((chain, key))
            }
        };
        Ok((trusted, identity))
    }

    fn files(&self) -> impl Iterator<Item = &String> {
        let pems = [&self.ca, &self.cert, &self.key];
        pems.into_iter().filter_map(|pem| if let Pem::File(path) = pem { Some(path) } else { None })
    }
}

impl Pem {
    /// The key that it stands under, of that for text and that for a file.
    fn key(&self, [text, file]: [&'static str; 2]) -> &'static str {
        if let Self::Text(_) = self { text } else { file }
    }

    fn text(&self) -> Result<String, String> {
        match self {
            Self::None => Ok(String::new()),
            Self::Text(text) => Ok(text.clone()),
            Self::File(path) => fs::read_to_string(path).map_err(|error| format!("{path}: {error}")),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let text = self.text()?;
        let found = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
        let found = found.map_err(|error| self.named(&error))?;
        let missing = found.is_empty() && !matches!(self, Self::None);
        if missing { Err(self.named(&"no PEM certificate in it")) } else { Ok(found) }
    }

    fn named(&self, what: &dyn std::fmt::Display) -> String {
        if let Self::File(path) = self { format!("{path}: {what}") } else { what.to_string() }
    }
}

/// How connections are made, by the files as they are.
#[derive(Debug)]
pub(crate) struct Identity {
    tls: Tls,
    /// What is spoken inside.
    protocol: &'static [u8],
    now: Mutex<(Files, Arc<ClientConfig>)>,
}

impl Identity {
    /// # Errors
    /// Where no certificate is trusted at all, or a file has become unreadable since the configuration was read.
    pub(crate) fn new(tls: &Tls, protocol: &'static [u8]) -> Result<Self, String> {
        if tls.insecure_skip_verify {
            tracing::warn!("insecure_skip_verify: anybody in between can read and change what is sent");
        }
        let files = Files::new(tls.files(), tls.reload_interval);
        let config = load(tls, protocol)?;
        Ok(Self { tls: tls.clone(), protocol, now: Mutex::new((files, config)) })
    }

    /// For one connection; looks at the files where it is time to.
    pub(crate) fn current(&self) -> Arc<ClientConfig> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        let (files, config) = &mut *now;
        if files.changed() {
            match load(&self.tls, self.protocol) {
                Ok(loaded) => {
                    tracing::info!("certificates read again");
                    *config = loaded;
                }
                Err(error) => tracing::warn!(error, "certificates not read again, those from before hold"),
            }
        }
        config.clone()
    }
}

fn load(tls: &Tls, protocol: &[u8]) -> Result<Arc<ClientConfig>, String> {
    let (trusted, identity) = tls.pieces().map_err(|(key, text)| format!("tls::{key}: {text}"))?;
    let builder = trust::builder(tls.min_version, tls.insecure_skip_verify, trusted)?;
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| format!("tls::key_file: {error}"))?
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}
