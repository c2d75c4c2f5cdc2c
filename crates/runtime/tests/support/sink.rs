//! `sink`: takes, refuses or delays batches as its configuration says, and remembers every attempt.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use component::config::{Configuration, Section};
use component::{
    Accepted, BoxFuture, Builder, BuiltExporter, Delivery, ExportError, Exporter, ExporterFactory, QueueConfig,
    RetryConfig, Stability,
};
use pdata::Batch;
use tokio::time::Instant;

use super::note;

pub(crate) static FACTORY: ExporterFactory = ExporterFactory {
    component_type: "sink",
    alias: Some("drain"),
    stability: Stability::Stable,
    summary: "remembers",
    requires: &[],
    configure,
};

/// A batch that was accepted, and by whom.
#[derive(Clone)]
pub(crate) struct Delivered {
    pub exporter: String,
    pub batch: Arc<Batch>,
}

impl Delivered {
    /// `source/stream=value`, sorted.
    pub(crate) fn points(&self) -> Vec<String> {
        let points = self.batch.metrics().flat_map(|metric| &metric.points).map(|point| {
            let part = |key| point.attributes.get(key).unwrap().to_string();
            format!("{}/{}={}", part("source"), part("stream"), point.bits)
        });
        let mut points: Vec<String> = points.collect();
        points.sort();
        points
    }
}

thread_local! {
    static DELIVERED: RefCell<Vec<Delivered>> = const { RefCell::new(Vec::new()) };
    static ATTEMPTS: RefCell<Vec<(String, Instant)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn forget() {
    DELIVERED.take();
    ATTEMPTS.take();
}

/// All points that `exporter` accepted, batch by batch.
pub(crate) fn delivered(exporter: &str) -> Vec<Vec<String>> {
    DELIVERED.with_borrow(|all| all.iter().filter(|one| one.exporter == exporter).map(Delivered::points).collect())
}

/// When `exporter` was tried.
pub(crate) fn attempts(exporter: &str) -> Vec<Instant> {
    ATTEMPTS.with_borrow(|all| all.iter().filter(|(id, _)| id == exporter).map(|(_, at)| *at).collect())
}

#[derive(Clone)]
struct Sink {
    id: String,
    outcomes: Vec<String>,
    forever: String,
    takes: Duration,
    part: usize,
    broken: bool,
}

fn configure(section: &mut Section<'_>) -> Builder<BuiltExporter> {
    let sink = Sink {
        id: String::new(),
        outcomes: section.field("outcomes", "of the first attempts: retry, later, permanent or reject", Vec::new()),
        forever: section.field("forever", "outcome of all attempts after them", "accept".to_owned()),
        takes: section.field("takes", "time per attempt", Duration::ZERO),
        part: section.field("part", "most points of a part", u64::MAX).try_into().unwrap(),
        broken: section.field("broken", "cannot be started", false),
    };
    let direct = section.field("direct", "no queue", false);
    let queue = section.section("sending_queue", QueueConfig::read);
    let retry = section.section("retry_on_failure", RetryConfig::read);
    let delivery = if direct { Delivery::Direct } else { Delivery::Queued { queue, retry } };
    Box::new(move |context| {
        let exporter = Box::new(Sink { id: context.id.to_string(), ..sink.clone() });
        Ok(BuiltExporter { exporter, delivery: delivery.clone() })
    })
}

impl Exporter for Sink {
    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        note(format!("{} started", self.id));
        Box::pin(async { if self.broken { Err("address in use".into()) } else { Ok(()) } })
    }

    fn split(&self, batch: Arc<Batch>) -> Vec<Arc<Batch>> {
        if batch.items() <= self.part {
            return vec![batch];
        }
        let parts = (0..batch.items()).step_by(self.part);
        parts.map(|from| Arc::new(batch.slice(from..from + self.part))).collect()
    }

    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        Box::pin(async move {
            ATTEMPTS.with_borrow_mut(|all| all.push((self.id.clone(), Instant::now())));
            tokio::time::sleep(self.takes).await;
            let outcome = if self.outcomes.is_empty() { self.forever.clone() } else { self.outcomes.remove(0) };
            let retryable = |after| Err(ExportError::Retryable { reason: "unavailable".into(), after });
            match &*outcome {
                "retry" => return retryable(None),
                "later" => return retryable(Some(Duration::from_secs(120))),
                "permanent" => return Err(ExportError::Permanent("bad request".into())),
                _ => {}
            }
            DELIVERED.with_borrow_mut(|all| all.push(Delivered { exporter: self.id.clone(), batch }));
            Ok(Accepted { rejected: u64::from(outcome == "reject"), message: outcome })
        })
    }

    fn shutdown(&mut self) -> BoxFuture<'_, ()> {
        note(format!("{} shut down", self.id));
        Box::pin(async {})
    }
}
