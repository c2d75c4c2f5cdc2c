//! The scrape page: the last value of every stream as Prometheus text.
//!
//! [`exporter`](crate::FACTORY) merges batches into what is held, `server` answers
//! scrapes from it, `page` renders one metric family at a time, `naming` decides
//! what things are called there.
#![forbid(unsafe_code)]

mod exporter;
mod family;
mod naming;
mod page;
mod server;

pub use exporter::{Config, FACTORY, Prometheus};
pub use naming::Naming;
