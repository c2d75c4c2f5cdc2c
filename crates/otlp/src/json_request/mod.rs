//! OTLP/JSON to protobuf: by tables of what each message has, so that a request is judged by one decoder.
//!
//! It is written while it is read, and nothing else is kept of it: what comes in JSON takes little room where it is packed, and
//! would take much as a tree. This is not the way of many points: who has them sends protobuf.

mod fields;
mod parts;
mod scalar;
mod schema;
mod skip;

use pdata::wire::Malformed;
use serde_core::de::DeserializeSeed;
use serde_json::Deserializer;

use fields::Field;
use schema::REQUEST;

/// The protobuf of the `ExportMetricsServiceRequest` that `json` is.
///
/// # Errors
/// If it is none.
pub fn transcode_json(json: &[u8]) -> Result<Vec<u8>, InvalidJson> {
    let mut out = Vec::new();
    let mut text = Deserializer::from_slice(json);
    let written = Field::request(&mut out, &REQUEST).deserialize(&mut text)?;
    // What is no JSON is told before what is no request.
    text.end()?;
    written.unwrap_or(Err(Fault::NO_MESSAGE)).map_err(|Fault(name, what)| InvalidJson::Field(name, what))?;
    Ok(out)
}

/// Why a text is no OTLP/JSON.
#[derive(Debug, thiserror::Error)]
pub enum InvalidJson {
    /// It is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is not what a field holds.
    #[error("{0:?} is not {1}")]
    Field(&'static str, &'static str),
    /// It is no request.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// What is not what it has to be. The rest of the text is read all the same, for it may be no JSON, or say the same field again.
#[derive(Clone, Copy)]
struct Fault(&'static str, &'static str);

impl Fault {
    const NO_MESSAGE: Self = Self("a message", "an object");
}

/// Whether a value was written.
type Written = Result<(), Fault>;
