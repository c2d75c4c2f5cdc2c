//! Exporters: where batches leave the agent. One attempt each; queue and retry are the runtime's.

use std::sync::Arc;
use std::time::Duration;

use pdata::Batch;

use crate::config::{Configuration, Section};
use crate::{BoxFuture, Need};

/// A way out of the agent.
pub trait Exporter: Send {
    /// Opens what the exporter needs, such as a listening port.
    ///
    /// # Errors
    /// A text for people that says what, where and what to do. The agent does not start then.
    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    /// What it goes on needing of the system when the process gives up its rights, which is before it is started.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// `batch` in parts that the far side takes in one request. Each is attempted, refused or lost on its
    /// own, so that one that was delivered is not sent again because of another.
    fn split(&self, batch: Arc<Batch>) -> Vec<Arc<Batch>> {
        vec![batch]
    }

    /// Makes one attempt to hand over `batch`, which is a part that [`split`](Self::split) made.
    ///
    /// # Errors
    /// [`ExportError`] says whether another attempt makes sense.
    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>>;

    /// Closes what [`start`](Self::start) opened; no batch comes after it.
    fn shutdown(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What the far side took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Points that it refused for good (OTLP's partial success), out of the batch.
    pub rejected: u64,
    /// Its reason, for people.
    pub message: String,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The same batch would fail again: it is dropped and counted.
    #[error("{0}")]
    Permanent(String),
    /// Worth another attempt.
    #[error("{reason}")]
    Retryable {
        /// For people.
        reason: String,
        /// How long the far side asks us to wait.
        after: Option<Duration>,
    },
}

/// `retry_on_failure`: exponential back-off with jitter.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryConfig {
    /// Without it the first failure gives the request up: its streams go with the next.
    pub enabled: bool,
    /// Wait before the second attempt.
    pub initial_interval: Duration,
    /// Longest wait.
    pub max_interval: Duration,
    /// Time after which a batch is given up; zero means never.
    pub max_elapsed_time: Duration,
    /// Growth of the wait from attempt to attempt, at least 1.
    pub multiplier: f64,
    /// A wait is drawn from `wait * (1 - f) ..= wait * (1 + f)`; 0 to 1.
    pub randomization_factor: f64,
}

impl Configuration for RetryConfig {
    fn read(section: &mut Section<'_>) -> Self {
        let seconds = Duration::from_secs;
        let config = Self {
            enabled: section.field("enabled", "whether a failed request is tried again", true),
            initial_interval: section.field("initial_interval", "wait before the second attempt", seconds(5)),
            max_interval: section.field("max_interval", "longest wait between attempts", seconds(30)),
            max_elapsed_time: section.field(
                "max_elapsed_time",
                "time after which a request is given up and its streams go with the next; 0 means never",
                seconds(300),
            ),
            multiplier: section.field("multiplier", "growth of the wait from attempt to attempt", 1.5),
            randomization_factor: section.field("randomization_factor", "share of the wait that is random", 0.5),
        };
        if config.multiplier < 1.0 {
            section.fault_at("multiplier", "must be at least 1");
        }
        if !(0.0..=1.0).contains(&config.randomization_factor) {
            section.fault_at("randomization_factor", "must be within [0, 1]");
        }
        config
    }
}
