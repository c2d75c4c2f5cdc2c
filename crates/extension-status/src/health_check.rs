//! `health_check`: 200 while data can flow from end to end, 503 while it cannot; contrib's keys and answers.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use component::config::{Configuration, Section};
use component::{BoxFuture, Endpoint, Extension, ExtensionFactory, Observe, Stability, go};
use http::StatusCode;
use serde_json::json;

use crate::server::{Answer, Answers, Server, read_endpoint};

/// The `health_check` extension type.
pub static FACTORY: ExtensionFactory = ExtensionFactory {
    component_type: "health_check",
    alias: None,
    stability: Stability::Beta,
    summary: "answers whether data can flow: 200 or 503, with JSON as the Collector's",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |context| {
            let health = Health { service: context.service.clone(), up: Mutex::new(Up::Unasked) };
            Ok(Box::new(HealthCheck { config: config.clone(), health: Arc::new(health), server: None }))
        })
    },
};

#[derive(Clone)]
struct Config {
    endpoint: Endpoint,
    path: String,
    check_collector_pipeline: bool,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let endpoint = read_endpoint(section, "localhost:13133");
        let path: String = section.field("path", "what is asked for", "/".to_owned());
        if !path.starts_with('/') {
            section.fault_at("path", "must start with /");
        }
        let check_collector_pipeline = section.section("check_collector_pipeline", |check| {
            let enabled = check.field("enabled", "without effect: exporters that fail count in any case", false);
            check.field("interval", "without effect", Duration::from_secs(300));
            check.field("exporter_failure_threshold", "without effect", 5_u64);
            enabled
        });
        Self { endpoint, path, check_collector_pipeline }
    }
}

struct HealthCheck {
    config: Config,
    health: Arc<Health>,
    server: Option<Server>,
}

impl Extension for HealthCheck {
    fn shared(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::new(())
    }

    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            if self.config.check_collector_pipeline {
                tracing::warn!(
                    "health_check: check_collector_pipeline has no effect, exporters that fail count in any case"
                );
            }
            let (health, path) = (self.health.clone(), self.config.path.clone());
            let answers: Answers = Arc::new(move |asked| health.answer(asked == path));
            let server = Server::start(&self.config.endpoint, answers).await?;
            for address in server.addresses() {
                tracing::info!(url = %format_args!("http://{address}{}", self.config.path), "health check open");
            }
            self.server = Some(server);
            Ok(())
        })
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Some(server) = self.server.take() {
                server.stop().await;
            }
        })
    }
}

struct Health {
    service: Arc<dyn Observe>,
    up: Mutex<Up>,
}

/// Since when data flows, as far as somebody has asked.
enum Up {
    Unasked,
    Since(SystemTime),
    Down,
}

impl Health {
    /// The answer; another path than that of the check has none.
    fn answer(&self, asked: bool) -> Answer {
        const JSON: &str = "application/json";
        if !asked {
            let body = "404 page not found\n".to_owned();
            return Answer { status: StatusCode::NOT_FOUND, content_type: "text/plain; charset=utf-8", body };
        }
        let seen = self.service.snapshot();
        let mut up = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.flows() {
            Ok(()) => {
                let now = SystemTime::now();
                let began = match *up {
                    Up::Unasked => seen.started,
                    Up::Since(began) => began,
                    Up::Down => now,
                };
                *up = Up::Since(began);
                let uptime = now.duration_since(began).unwrap_or_default();
                let body = json!({
                    "status": "Server available",
                    "upSince": go::rfc3339(began),
                    "uptime": go::duration(uptime),
                });
                Answer { status: StatusCode::OK, content_type: JSON, body: body.to_string() }
            }
            Err(reasons) => {
                *up = Up::Down;
                let body = json!({
                    "status": "Server not available",
                    "upSince": "0001-01-01T00:00:00Z",
                    "uptime": "",
                    "reasons": reasons,
                });
                Answer { status: StatusCode::SERVICE_UNAVAILABLE, content_type: JSON, body: body.to_string() }
            }
        }
    }
}
