//! `zpages`: pages for people. `/debug/pipelinez` draws what runs, with what goes through it.

mod drawing;
mod page;
mod place;
mod rates;
mod tables;

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use component::config::{Configuration, Section};
use component::{BoxFuture, Endpoint, Extension, ExtensionFactory, Observe, Stability};
use http::StatusCode;

use crate::server::{Answer, Answers, Server, read_endpoint};
use rates::History;

/// The `zpages` extension type.
pub static FACTORY: ExtensionFactory = ExtensionFactory {
    component_type: "zpages",
    alias: None,
    stability: Stability::Beta,
    summary: "pages for people: /debug/pipelinez draws the pipelines with counts and rates",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |context| {
            let site = Site { service: context.service.clone(), history: Mutex::default() };
            Ok(Box::new(ZPages { config: config.clone(), site: Arc::new(site), server: None }))
        })
    },
};

#[derive(Clone)]
struct Config {
    endpoint: Endpoint,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        Self { endpoint: read_endpoint(section, "localhost:55679") }
    }
}

struct ZPages {
    config: Config,
    site: Arc<Site>,
    server: Option<Server>,
}

impl Extension for ZPages {
    fn shared(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::new(())
    }

    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let site = self.site.clone();
            let answers: Answers = Arc::new(move |path| site.answer(path));
            let server = Server::start(&self.config.endpoint, answers).await?;
            for address in server.addresses() {
                tracing::info!(url = %format_args!("http://{address}/debug/pipelinez"), "zpages open");
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

struct Site {
    service: Arc<dyn Observe>,
    history: Mutex<History>,
}

impl Site {
    fn answer(&self, path: &str) -> Answer {
        let body = match path.trim_end_matches('/') {
            "/debug/pipelinez" => {
                let seen = self.service.snapshot();
                let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
                let rates = history.take(&seen, SystemTime::now());
                page::pipelines(&seen, &rates)
            }
            "/debug/servicez" => page::service(&self.service.snapshot()),
            "/debug/extensionz" => page::extensions(&self.service.snapshot()),
            "" | "/debug" => page::index(),
            _ => {
                let body = "not found: see /debug/pipelinez, /debug/servicez, /debug/extensionz\n".to_owned();
                return Answer { status: StatusCode::NOT_FOUND, content_type: "text/plain; charset=utf-8", body };
            }
        };
        Answer { status: StatusCode::OK, content_type: "text/html; charset=utf-8", body }
    }
}
