//! `cardinality`: at most so many streams a metric; the rest is added up in one.

mod ranking;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use component::config::{Configuration, Section};
use component::{Processor, ProcessorFactory, Stability};
use pdata::{AttributeValue, Attributes, Batch, Descriptor, HistogramPoint, Point};
use pdata::{ResourceMetrics, ScopeMetrics};

use crate::memory::Families;
use crate::sample::{Sample, Together};
use ranking::Ranking;

/// The `cardinality` processor type.
pub static FACTORY: ProcessorFactory = ProcessorFactory {
    component_type: "cardinality",
    alias: None,
    stability: Stability::Alpha,
    summary: "keeps the largest streams of every metric and adds the others up in one",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(Cardinality::new(&config))))
    },
};

/// Keys of `cardinality`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Greater than zero, or reading it noted a fault.
    pub max_streams: u64,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let max_streams =
            section.field("max_streams", "most streams of a metric, beside the one that takes the others", 2000);
        if max_streams == 0 {
            section.fault_at("max_streams", "must be greater than 0");
        }
        Self { max_streams }
    }
}

/// Who has a place in which metric.
#[derive(Debug)]
pub struct Cardinality {
    limit: Limit,
    numbers: Families<Ranking<Point>>,
    histograms: Families<Ranking<HistogramPoint>>,
}

/// What holds for all metrics.
#[derive(Debug)]
struct Limit {
    max_streams: usize,
    /// Attributes of the stream that takes the others.
    other: Arc<Attributes>,
    /// Points of gauges and summaries that were left out.
    dropped: u64,
}

impl Cardinality {
    /// Has seen no stream yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let limit = Limit {
            max_streams: usize::try_from(config.max_streams).unwrap_or(usize::MAX),
            other: Arc::new(Attributes::new(vec![(Attributes::OVERFLOW, AttributeValue::Bool(true))])),
            dropped: 0,
        };
        Self { limit, numbers: Families::default(), histograms: Families::default() }
    }
}

impl Limit {
    /// The points of one metric that go on in place of `points`.
    fn hold<P: Sample>(&mut self, ranking: &mut Ranking<P>, points: Vec<P>, descriptor: &Descriptor) -> Vec<P> {
        let known = ranking.full;
        let (kept, dropped) = ranking.pass(points, descriptor, self.max_streams, &self.other);
        self.dropped += dropped;
        if !known && ranking.full {
            let becomes = match Together::of(descriptor) {
                Together::Last | Together::Nothing => "dropped",
                _ => "added up under otel.metric.overflow=true",
            };
            tracing::warn!(
                metric = %descriptor.name,
                max_streams = self.max_streams,
                "more streams than max_streams, the others are {becomes}"
            );
        }
        kept
    }
}

impl Processor for Cardinality {
    fn process(&mut self, mut batch: Batch, output: &mut Vec<Batch>) {
        let Self { limit, numbers, histograms } = self;
        for ResourceMetrics { resource, scopes } in &mut batch.resources {
            for ScopeMetrics { scope, metrics, histograms: distributions } in scopes {
                for metric in metrics {
                    let ranking = numbers.of(resource, scope, &metric.descriptor);
                    metric
                        .points
                        .change(|points| *points = limit.hold(ranking, std::mem::take(points), &metric.descriptor));
                }
                for metric in distributions {
                    let ranking = histograms.of(resource, scope, &metric.descriptor);
                    metric
                        .points
                        .change(|points| *points = limit.hold(ranking, std::mem::take(points), &metric.descriptor));
                }
            }
        }
        output.push(batch);
    }

    /// Holds nothing back; this is the end.
    fn flush(&mut self, _output: &mut Vec<Batch>) {
        if self.limit.dropped > 0 {
            tracing::warn!(
                points = self.limit.dropped,
                "points of gauges and summaries were dropped, max_streams was too small"
            );
        }
    }
}
