//! The scrape page: the last value of every stream, in Prometheus' text, OpenMetrics or Prometheus' protobuf.
//!
//! [`exporter`](crate::FACTORY) merges batches into what is held, `server` answers
//! scrapes from it, `accept` reads which format they want, `page` renders one metric
//! family at a time, `naming` decides what things are called there.
#![forbid(unsafe_code)]

mod accept;
mod auth;
mod clients;
mod exporter;
mod family;
mod format;
mod naming;
mod page;
mod server;
mod translate;

pub use auth::BasicAuth;
pub use exporter::{Config, FACTORY, Prometheus};
pub use naming::Naming;
pub use page::page_of;
pub use translate::Strategy;

#[cfg(test)]
mod tests;
