//! What a component is.
//!
//! Receivers, processors, exporters and extensions are known to the runtime by
//! the traits and factories here and by nothing else. A factory turns its part
//! of the configuration into a builder ([`config`]), the builder makes the
//! component, the runtime wires and drives it.
#![forbid(unsafe_code)]

pub mod config;

mod delivery;
mod endpoint;
mod exporter;
mod extension;
mod factory;
mod files;
pub mod go;
mod id;
mod observe;
mod predicate;
mod processor;
mod receiver;
mod server_tls;
mod status;
mod storage;

pub use delivery::{Delivery, QueueConfig, Sizer, read_temporality};
pub use endpoint::{Endpoint, ListenError};
pub use exporter::{Accepted, ExportError, Exporter, RetryConfig};
pub use extension::{Extension, Extensions, Need};
pub use factory::{
    BuildContext, BuildError, Builder, BuiltExporter, Components, Connector, ConnectorFactory, ExporterFactory,
    ExtensionFactory, Factory, ProcessorFactory, ReceiverFactory, Stability,
};
pub use files::Files;
pub use id::{ComponentId, InvalidId};
pub use observe::{Counts, ExporterCounts, Kind, Link, Node, Observe, Reloads, Snapshot};
pub use predicate::{InvalidPredicate, Predicate};
pub use processor::Processor;
pub use receiver::{Edge, Flow, Full, Output, PushDown, Receiver, Shutdown};
pub use server_tls::{ServerTls, TlsServer};
pub use status::{Reporter, Status};
pub use storage::{SharedStorage, Storage};

/// A boxed future, as the traits of components return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
