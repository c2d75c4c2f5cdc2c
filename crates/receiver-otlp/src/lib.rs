//! The `otlp` receiver: applications and Collectors push metrics into the pipelines.
//!
//! `listen` opens ports and keeps connections few, `grpc` and `web` are the two ways in, `intake` is where both end: a
//! request is answered with success when every pipeline has it, and turned away with a time to wait while one is full.
#![forbid(unsafe_code)]

mod config;
mod grpc;
mod intake;
mod listen;
mod message;
mod packing;
mod preface;
mod receiver;
mod web;

#[cfg(test)]
mod tests;

pub use config::{Config, Grpc, Http};
pub use receiver::{FACTORY, OtlpReceiver};
