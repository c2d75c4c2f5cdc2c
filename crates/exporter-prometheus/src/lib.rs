//! The scrape page: the last value of every stream as Prometheus text, or as its protobuf.
//!
//! [`exporter`](crate::FACTORY) merges batches into what is held, `server` answers
//! scrapes from it, `accept` reads which format they want, `page` renders one metric
//! family at a time, `naming` decides what things are called there.
#![forbid(unsafe_code)]

mod accept;
mod exporter;
mod family;
mod naming;
mod page;
mod server;

pub use exporter::{Config, FACTORY, Prometheus};
pub use naming::Naming;
