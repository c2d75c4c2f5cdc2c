//! Processors: what happens to a batch between receiver and exporter.
#![forbid(unsafe_code)]

pub mod action;
pub mod interval;
mod key;
pub mod process_filter;
pub mod resource;

#[cfg(test)]
mod tests;
