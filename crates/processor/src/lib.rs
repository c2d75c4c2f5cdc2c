//! Processors: what happens to a batch between receiver and exporter.
#![forbid(unsafe_code)]

pub mod action;
pub mod attributes;
pub mod cardinality;
pub mod forward;
pub mod interval;
mod memory;
pub mod memory_limiter;
pub mod process_filter;
pub mod resource;
mod sample;

#[cfg(test)]
mod tests;
