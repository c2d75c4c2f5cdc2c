//! Requests to the receiver, as they are on the page.
#![no_main]

#[allow(dead_code)]
#[path = "../checks/page.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::page(bytes));
