//! `bearer_token_file`: a token that somebody else renews, read again when they have.

use std::fs;
use std::time::Duration;

use component::Files;
use component::config::Section;
use http::HeaderMap;
use http::HeaderValue;
use http::header::AUTHORIZATION;

/// Reads `bearer_token_file`; an empty path where there is none.
pub(crate) fn read_bearer_token_file(section: &mut Section<'_>, headers: &HeaderMap) -> String {
    let path: String = section.field(
        "bearer_token_file",
        "file of the token that is sent with every request, as Bearer",
        String::new(),
    );
    if !path.is_empty() {
        if headers.contains_key(AUTHORIZATION) {
            section.fault_at("bearer_token_file", "headers have an authorization, too");
        }
        if let Err(text) = load(&path) {
            section.fault_at("bearer_token_file", text);
        }
    }
    path
}

/// A token as it is now.
#[derive(Debug)]
pub(crate) struct Token {
    path: String,
    files: Files,
    header: HeaderValue,
}

impl Token {
    /// # Errors
    /// Where the file has become unreadable since the configuration was read.
    pub(crate) fn new(path: &str) -> Result<Option<Self>, String> {
        if path.is_empty() {
            return Ok(None);
        }
        let files = Files::new([path], Duration::ZERO);
        Ok(Some(Self { path: path.to_owned(), files, header: load(path)? }))
    }

    /// The value of `authorization`; looks at the file first.
    pub(crate) fn header(&mut self) -> HeaderValue {
        if self.files.changed_now() {
            match load(&self.path) {
                Ok(header) => {
                    tracing::info!(file = self.path, "token read again");
                    self.header = header;
                }
                Err(error) => tracing::warn!(error, "token not read again, the one from before is sent"),
            }
        }
        self.header.clone()
    }
}

/// Faults name the file, never what is in it.
fn load(path: &str) -> Result<HeaderValue, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(format!("{path}: no token in it"));
    }
    let header = HeaderValue::try_from(format!("Bearer {token}"));
    let mut header = header.map_err(|_| format!("{path}: a token has no control characters in it"))?;
    header.set_sensitive(true);
    Ok(header)
}
