//! References to variables and files, within texts and each other.
#![no_main]

#[allow(dead_code)]
#[path = "../checks/configuration.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::expansion(bytes));
