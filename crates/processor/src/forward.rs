//! `forward`: the connector that joins pipelines. What it does is in the wiring, which is the runtime's.

use component::{Connector, ConnectorFactory, Stability};

/// The `forward` connector type.
pub static FACTORY: ConnectorFactory = ConnectorFactory {
    component_type: "forward",
    alias: None,
    stability: Stability::Beta,
    summary: "joins pipelines: an exporter of one and a receiver of another, each batch goes on as it is",
    requires: &[],
    configure: |_| Box::new(|_| Ok(Connector)),
};
