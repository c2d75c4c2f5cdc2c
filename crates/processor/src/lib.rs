//! Processors: what happens to a batch between receiver and exporter.
#![forbid(unsafe_code)]

pub mod interval;
pub mod process_filter;

#[cfg(test)]
mod tests;
