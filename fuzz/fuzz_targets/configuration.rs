//! Texts that are to be configurations.
#![no_main]

#[allow(dead_code)]
#[path = "../checks/configuration.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::configuration(bytes));
