//! OTLP wire format, written straight from a batch and read straight into one.
//!
//! Exporting is the hot path of the agent: general protobuf code would build a tree
//! of owned strings per point only to walk it twice. Here a point costs two copies.
#![forbid(unsafe_code)]

mod answer;
mod decode;
mod distribution;
mod encode;
mod json;
mod json_request;
mod json_response;
mod measure;
mod response;
mod wire;

pub use answer::{encode_json_response, encode_response, encode_status};
pub use decode::{Decoded, Decoder};
pub use encode::{Pieces, encode, encoded_len};
pub use json::{encode_json, encoded_json_len};
pub use json_request::{InvalidJson, transcode_json};
pub use json_response::{decode_json_response, decode_json_status_message};
pub use response::{InvalidResponse, PartialSuccess, decode_response, decode_retry_delay, decode_status_message};
