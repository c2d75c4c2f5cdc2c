//! Bytes that come to the receiver as protobuf.
#![no_main]

#[allow(dead_code)]
#[path = "../checks/otlp.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::protobuf(bytes));
