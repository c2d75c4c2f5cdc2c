//! The `prometheus` exporter: what its keys say, and its life.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use component::config::{Configuration, Section};
use component::{
    Accepted, BoxFuture, BuiltExporter, ComponentId, Delivery, ExportError, Exporter, ExporterFactory, Stability,
};
use pdata::Batch;

use crate::naming::Naming;
use crate::page::Held;
use crate::server::{ListenError, Server};

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
            let exporter = Prometheus::new(context.id, &config);
            Ok(BuiltExporter { exporter: Box::new(exporter), delivery: Delivery::Direct })
        })
    },
};

/// Keys of `prometheus`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Host of `endpoint`, without the brackets of an IPv6 address.
    pub host: String,
    /// Port of `endpoint`; 0 picks a free one.
    pub port: u16,
    /// Whose names the page uses.
    pub naming: Naming,
    /// How long a stream stays on the page after its last point.
    pub metric_expiration: Duration,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let endpoint: String = section.field(
            "endpoint",
            "host:port to listen on, at every address of the host",
            "localhost:8888".to_owned(),
        );
        let naming = section.choice(
            "naming",
            "seed: names of the operations guide; otel: OpenTelemetry's, translated",
            &[("seed", Naming::Seed), ("otel", Naming::Otel)],
        );
        let metric_expiration = section.field(
            "metric_expiration",
            "how long a stream stays on the page after its last point",
            Duration::from_secs(300),
        );
        if metric_expiration.is_zero() {
            section.fault_at("metric_expiration", "must be greater than 0");
        }
        let (host, port) = parse_endpoint(&endpoint).unwrap_or_else(|| {
            let text = format!("{endpoint:?} is no host:port, such as localhost:8888, 0.0.0.0:8888 or [::]:8888");
            section.fault_at("endpoint", text);
            Default::default()
        });
        Self { host, port, naming, metric_expiration }
    }
}

fn parse_endpoint(endpoint: &str) -> Option<(String, u16)> {
    let (host, port) = endpoint.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let plain = !host.is_empty() && !host.contains(['/', ' ', '[', ']']);
    Some((host.to_owned(), port.parse().ok()?)).filter(|_| plain)
}

/// The page and its server.
#[derive(Debug)]
pub struct Prometheus {
    id: ComponentId,
    host: String,
    port: u16,
    held: Arc<Held>,
    server: Option<Server>,
}

impl Prometheus {
    /// Does not listen yet.
    #[must_use]
    pub fn new(id: &ComponentId, config: &Config) -> Self {
        let held = Held::new(config.naming, config.metric_expiration);
        Self { id: id.clone(), host: config.host.clone(), port: config.port, held, server: None }
    }

    /// Says what could not be listened on, why, and what to do.
    fn explain(&self, ListenError { what, error }: &ListenError) -> String {
        let or_stop = match error.kind() {
            std::io::ErrorKind::AddrInUse => " or stop the other process",
            _ => "",
        };
        format!("cannot listen on {what}: {error}; change exporters::{}::endpoint{or_stop}", self.id)
    }
}

impl Exporter for Prometheus {
    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let server = Server::start(&self.host, self.port, self.held.clone()).await;
            let server = server.map_err(|error| self.explain(&error))?;
            for address in server.addresses() {
                tracing::info!(url = %format_args!("http://{address}/metrics"), "scrape page open");
            }
            self.server = Some(server);
            Ok(())
        })
    }

    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        self.held.merge(&batch, SystemTime::now());
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
