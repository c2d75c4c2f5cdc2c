//! The `prometheus` exporter and its life.

mod config;

use std::sync::Arc;
use std::time::Instant;

use component::config::Configuration;
use component::{
    Accepted, BoxFuture, BuildError, BuiltExporter, ComponentId, Delivery, Endpoint, ExportError, Exporter,
    ExporterFactory, Stability, TlsServer,
};
use pdata::Batch;

use crate::auth::Guard;
use crate::clients::Clients;
use crate::page::Held;
use crate::server::{Server, Site};
pub use config::Config;

/// The `prometheus` exporter type.
pub static FACTORY: ExporterFactory = ExporterFactory {
    component_type: "prometheus",
    alias: None,
    stability: Stability::Beta,
    summary: "serves the last value of every stream at http://ENDPOINT/metrics",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |context| {
            let exporter = Prometheus::new(context.id, &config)?;
            exporter.site.held.show(context.service.clone());
            Ok(BuiltExporter { exporter: Box::new(exporter), delivery: Delivery::Direct })
        })
    },
};

/// The page and its server.
#[derive(Debug)]
pub struct Prometheus {
    id: ComponentId,
    endpoint: Endpoint,
    site: Arc<Site>,
    server: Option<Server>,
}

impl Prometheus {
    /// Does not listen yet.
    ///
    /// # Errors
    /// Where a file of `tls` or `basic_auth` has become unreadable since the configuration was read.
    pub fn new(id: &ComponentId, config: &Config) -> Result<Self, BuildError> {
        let site = Site {
            held: Held::new(config.options(), config.metric_expiration, config.max_streams),
            open_metrics: config.enable_open_metrics,
            tls: TlsServer::new(&config.tls, &[])?,
            guard: Guard::new(&config.basic_auth)?,
            clients: Clients::new(),
        };
        Ok(Self { id: id.clone(), endpoint: config.endpoint.clone(), site: Arc::new(site), server: None })
    }
}

impl Exporter for Prometheus {
    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let server = Server::start(&self.endpoint, self.site.clone()).await;
            let server = server.map_err(|error| error.advise(&format!("exporters::{}::endpoint", self.id)))?;
            for address in server.addresses() {
                let scheme = if self.site.tls.is_some() { "https" } else { "http" };
                tracing::info!(url = %format_args!("{scheme}://{address}/metrics"), "scrape page open");
            }
            self.server = Some(server);
            Ok(())
        })
    }

    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        self.site.held.merge(batch, Instant::now());
        Box::pin(std::future::ready(Ok(Accepted::default())))
    }

    fn shutdown(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(server) = self.server.take() {
                server.shutdown().await;
            }
        })
    }
}

#[cfg(test)]
mod tests;
