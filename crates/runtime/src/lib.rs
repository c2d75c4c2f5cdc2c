//! Configuration to graph to tasks.
//!
//! [`Config::load`] reads and checks every source and notes all faults at once;
//! [`Config::build`] makes the components and wires them into a [`Service`],
//! which is prepared on the main thread and then run on tokio until it is told
//! to stop. No concrete component is named here: they come as one list.
#![forbid(unsafe_code)]

mod config;
mod failure;
mod graph;
mod run;

pub use component::Kind;
pub use config::{
    Batching, Config, Encoding, Environment, Loading, Logs, Periodic, ProcessEnvironment, Protocol, Source, Target,
    Telemetry, Translate, document_keys, expand_tree, read_tree,
};
pub use failure::Failure;
pub use graph::Service;
pub use run::{Phase, Reloading, SPANS, Summary, Totals, own_descriptors};
