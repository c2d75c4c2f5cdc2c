//! Key `headers`: what is sent with every request, often a token.

use std::collections::BTreeMap;

use component::config::Section;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Reads `headers`. Faults name the header, never its value.
pub(crate) fn read_headers(section: &mut Section<'_>) -> HeaderMap {
    let headers: BTreeMap<String, String> =
        section.secret("headers", "headers sent with every request", BTreeMap::new());
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        match (HeaderName::try_from(&name), HeaderValue::try_from(value)) {
            (Ok(key), Ok(mut value)) => {
                value.set_sensitive(true);
                map.insert(key, value);
            }
            (Err(_), _) => section.fault_at("headers", format!("{name:?} is no header name")),
            (_, Err(_)) => section.fault_at("headers", format!("the value of {name:?} has control characters in it")),
        }
    }
    map
}
