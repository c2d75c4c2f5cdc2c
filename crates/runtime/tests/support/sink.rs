//! `sink`: takes, refuses or delays batches as its configuration says, and remembers every attempt.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use component::config::{Configuration, Section};
use component::{
    Accepted, BoxFuture, Builder, BuiltExporter, Delivery, ExportError, Exporter, ExporterFactory, QueueConfig,
    RetryConfig, Stability, read_temporality,
};
use pdata::{Attributes, Batch, Descriptor, Temporality};
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

/// What `exporter` makes of `metric`: the last of what is cumulative, the sum of what is not.
pub(crate) fn sum(exporter: &str, metric: &str) -> u64 {
    let mut last = HashMap::new();
    let mut sum = 0;
    let mut take = |descriptor: &Descriptor, attributes: &Attributes, start: u64, count: u64| {
        if &*descriptor.name != metric {
            return;
        }
        if descriptor.temporality == Temporality::Delta {
            sum += count;
        } else if let Some((began, before)) = last.insert(format!("{:?}", attributes.to_vec()), (start, count)) {
            assert!(began == start && before <= count, "went back from {before} to {count}");
        }
    };
    DELIVERED.with_borrow(|all| {
        for Delivered { batch, .. } in all.iter().filter(|one| one.exporter == exporter) {
            for metric in batch.metrics() {
                metric.points.iter().for_each(|it| take(&metric.descriptor, &it.attributes, it.start, it.bits));
            }
            for metric in batch.histograms() {
                let points = metric.points.iter();
                points.for_each(|it| take(&metric.descriptor, &it.attributes, it.start, it.histogram.count()));
            }
        }
    });
    sum + last.values().map(|(_, count)| count).sum::<u64>()
}

/// Points of folded streams that `exporter` accepted.
pub(crate) fn overflowing(exporter: &str) -> u64 {
    let folded = |attributes: &Attributes| u64::from(attributes.get(Attributes::OVERFLOW).is_some());
    DELIVERED.with_borrow(|all| {
        let batches = || all.iter().filter(|one| one.exporter == exporter).map(|one| &one.batch);
        let numbers = batches().flat_map(|batch| batch.metrics()).flat_map(|metric| &metric.points);
        let distributions = batches().flat_map(|batch| batch.histograms()).flat_map(|metric| &metric.points);
        let numbers: u64 = numbers.map(|point| folded(&point.attributes)).sum();
        numbers + distributions.map(|point| folded(&point.attributes)).sum::<u64>()
    })
}

/// Points of each batch that `exporter` accepted.
pub(crate) fn sizes(exporter: &str) -> Vec<usize> {
    DELIVERED
        .with_borrow(|all| all.iter().filter(|one| one.exporter == exporter).map(|one| one.batch.items()).collect())
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
    away_after: Duration,
    away_for: Duration,
    flaps: u64,
    first: Option<Instant>,
    tried: u64,
    part: usize,
    broken: bool,
    starts_after: Duration,
}

fn configure(section: &mut Section<'_>) -> Builder<BuiltExporter> {
    let sink = Sink {
        id: String::new(),
        outcomes: section.field("outcomes", "of the first attempts: retry, later, permanent or reject", Vec::new()),
        forever: section.field("forever", "outcome of all attempts after them", "accept".to_owned()),
        takes: section.field("takes", "time per attempt", Duration::ZERO),
        away_after: section.field("away_after", "time from the first attempt until it is away", Duration::MAX),
        away_for: section.field("away_for", "time that it is away", Duration::ZERO),
        flaps: section.field("flaps", "of so many attempts all but one fail", 1),
        first: None,
        tried: 0,
        part: section.field("part", "most points of a part", u64::MAX).try_into().unwrap(),
        broken: section.field("broken", "cannot be started", false),
        starts_after: section.field("starts_after", "time that a start takes", Duration::ZERO),
    };
    let direct = section.field("direct", "no queue", false);
    let temporality = read_temporality(section);
    let queue = section.section("sending_queue", QueueConfig::read);
    queue.check(temporality, section);
    let retry = section.section("retry_on_failure", RetryConfig::read);
    Box::new(move |context| {
        let delivery = if direct { Delivery::Direct } else { Delivery::queued(&queue, &retry, temporality, context)? };
        let exporter = Box::new(Sink { id: context.id.to_string(), ..sink.clone() });
        Ok(BuiltExporter { exporter, delivery })
    })
}

impl Exporter for Sink {
    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        note(format!("{} started", self.id));
        Box::pin(async {
            tokio::time::sleep(self.starts_after).await;
            if self.broken { Err("address in use".into()) } else { Ok(()) }
        })
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
            let since = self.first.get_or_insert_with(Instant::now).elapsed();
            self.tried += 1;
            let away = since >= self.away_after && since - self.away_after < self.away_for;
            if away || !self.tried.is_multiple_of(self.flaps) {
                return Err(ExportError::Retryable { reason: "away".into(), after: None });
            }
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
