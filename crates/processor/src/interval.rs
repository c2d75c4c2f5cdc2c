//! `interval`: one batch per interval, with the last point of every stream.
//!
//! Of cumulative points, leaving out those in between loses times, never totals. Deltas are added up. What
//! `pass_through` names is not held.

use std::time::Duration;

use component::config::{Configuration, Section};
use component::{Processor, ProcessorFactory, Stability};
use pdata::{Batch, Instrument, Latest, Metric, ResourceMetrics, ScopeMetrics};

/// The `interval` processor type.
pub static FACTORY: ProcessorFactory = ProcessorFactory {
    component_type: "interval",
    alias: None,
    stability: Stability::Beta,
    summary: "holds the last point of every stream and passes them on once per interval",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(Interval::new(&config))))
    },
};

/// Keys of `interval`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Greater than zero, or reading it noted a fault.
    pub interval: Duration,
    /// Points of gauges go on as they come.
    pub pass_gauges: bool,
    /// Points of summaries do.
    pub pass_summaries: bool,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let interval = section.field(
            "interval",
            "time between two batches; points in between are dropped",
            Duration::from_secs(60),
        );
        if interval.is_zero() {
            section.fault_at("interval", "must be greater than 0");
        }
        let (pass_gauges, pass_summaries) = section.section("pass_through", |section| {
            (
                section.field("gauge", "points of gauges go on as they come", false),
                section.field("summary", "points of summaries go on as they come", false),
            )
        });
        Self { interval, pass_gauges, pass_summaries }
    }
}

/// What came since the last flush.
#[derive(Debug)]
pub struct Interval {
    interval: Duration,
    /// Those whose points are not held.
    passing: Vec<Instrument>,
    held: Latest,
}

impl Interval {
    /// Holds nothing yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let passing = [(config.pass_gauges, Instrument::Gauge), (config.pass_summaries, Instrument::Summary)];
        let passing = passing.into_iter().filter_map(|(passes, instrument)| passes.then_some(instrument)).collect();
        Self { interval: config.interval, passing, held: Latest::default() }
    }

    /// Takes what is not to be held out of `batch`.
    fn take_passing(&self, batch: &mut Batch) -> Batch {
        let mut passing = Batch::default();
        for ResourceMetrics { resource, scopes } in &mut batch.resources {
            let mut taken = Vec::new();
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                let (metrics, histograms) = (self.take(metrics), self.take(histograms));
                if !metrics.is_empty() || !histograms.is_empty() {
                    taken.push(ScopeMetrics { scope: scope.clone(), metrics, histograms });
                }
            }
            if !taken.is_empty() {
                passing.resources.push(ResourceMetrics { resource: resource.clone(), scopes: taken });
            }
        }
        passing
    }

    fn take<P>(&self, metrics: &mut Vec<Metric<P>>) -> Vec<Metric<P>> {
        metrics.extract_if(.., |metric| self.passing.contains(&metric.descriptor.instrument)).collect()
    }
}

impl Processor for Interval {
    fn process(&mut self, mut batch: Batch, output: &mut Vec<Batch>) {
        if !self.passing.is_empty() {
            let passing = self.take_passing(&mut batch);
            output.extend((!passing.resources.is_empty()).then_some(passing));
        }
        self.held.merge(&batch);
    }

    fn period(&self) -> Option<Duration> {
        Some(self.interval)
    }

    fn flush(&mut self, output: &mut Vec<Batch>) {
        let batch = self.held.take();
        if batch.items() > 0 {
            output.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use component::config::{Entry, Faults, Node, Position, Value};

    use std::sync::Arc;

    use pdata::Descriptor;

    use super::*;
    use crate::tests::{as_delta, batch, batch_as, batch_of, histogram, point, read};

    fn interval() -> Interval {
        Interval::new(&Config { interval: Duration::from_secs(60), pass_gauges: false, pass_summaries: false })
    }

    #[test]
    fn what_is_passed_through_goes_on_at_once_and_nothing_else() {
        let config = Config { pass_gauges: true, pass_summaries: true, ..read(vec![], Config::read).0 };
        let mut interval = Interval::new(&config);
        let mut output = Vec::new();
        interval.process(batch_as(Instrument::Gauge, vec![point(None, 1, 10)]), &mut output);
        interval.process(batch_of(vec![point(None, 1, 10)], vec![histogram(None, 1, 10)]), &mut output);
        assert_eq!((output.len(), output[0].items()), (1, 1));
        let mut summaries = batch_of(vec![point(None, 2, 10)], vec![histogram(None, 2, 10)]);
        let metric = &mut summaries.resources[0].scopes[0].histograms[0];
        metric.descriptor = Arc::new(Descriptor { instrument: Instrument::Summary, ..(*metric.descriptor).clone() });
        interval.process(summaries, &mut output);
        assert_eq!((output.len(), output[1].items(), output[1].histograms().count()), (2, 1, 1));
        interval.flush(&mut output);
        assert_eq!((output.len(), output[2].items()), (3, 3));
    }

    #[test]
    fn a_flush_emits_the_last_point_of_streams_updated_since() {
        let mut interval = interval();
        let mut output = Vec::new();
        interval.process(batch(vec![point(None, 1, 10), point(None, 2, 10)]), &mut output);
        interval.process(batch(vec![point(None, 1, 20)]), &mut output);
        assert!(output.is_empty());

        interval.flush(&mut output);
        let mut times: Vec<u64> = output[0].metrics().flat_map(|m| &m.points).map(|p| p.time).collect();
        times.sort_unstable();
        assert_eq!((output.len(), times), (1, vec![10, 20]));

        interval.process(batch(vec![point(None, 2, 30)]), &mut output);
        interval.flush(&mut output);
        assert_eq!((output.len(), output[1].items()), (2, 1));
        interval.flush(&mut output);
        assert_eq!(output.len(), 2, "nothing came, nothing goes");
    }

    #[test]
    fn of_distributions_the_last_one_is_passed_on_whole() {
        let mut interval = interval();
        let mut output = Vec::new();
        interval.process(batch_of(vec![], vec![histogram(None, 1, 10), histogram(None, 2, 10)]), &mut output);
        interval.process(batch_of(vec![point(None, 1, 20)], vec![histogram(None, 1, 20)]), &mut output);
        interval.flush(&mut output);
        assert_eq!((output.len(), output[0].items(), output[0].metrics().count()), (1, 3, 1));
        let counts = output[0].histograms().flat_map(|metric| &metric.points).map(|point| point.histogram.count());
        assert_eq!(counts.collect::<Vec<_>>(), [20, 10]);

        interval.process(batch_of(vec![], vec![histogram(None, 2, 30)]), &mut output);
        interval.flush(&mut output);
        assert_eq!((output.len(), output[1].items()), (2, 1), "a batch of nothing but distributions goes too");
    }

    #[test]
    fn deltas_of_an_interval_are_added_up() {
        let mut interval = interval();
        let mut output = Vec::new();
        interval.process(as_delta(batch(vec![point(None, 1, 10), point(None, 1, 20)])), &mut output);
        interval.process(as_delta(batch(vec![point(None, 1, 30)])), &mut output);
        interval.flush(&mut output);
        let bits =
            |batch: &Batch| batch.metrics().flat_map(|metric| &metric.points).map(|point| point.bits).sum::<u64>();
        assert_eq!((output[0].items(), bits(&output[0])), (1, 3));
        interval.process(as_delta(batch(vec![point(None, 1, 40)])), &mut output);
        interval.flush(&mut output);
        assert_eq!(bits(&output[1]), 1);
    }

    #[test]
    fn an_interval_of_zero_is_a_fault() {
        let position = Position { file: "f".into(), line: 1, column: 1 };
        let node = |value| Node::new(position.clone(), value);
        let entry = Entry { key: "interval".into(), position: position.clone(), node: node(Value::Text("0s".into())) };
        let mut faults = Faults::default();
        Section::read_node(Some(&node(Value::Map(vec![entry]))), &mut faults, Config::read);
        assert_eq!(faults.into_sorted()[0].to_string(), "f:1:1: must be greater than 0");
        assert_eq!(Section::describe(Config::read)[0].default, "1m");
    }
}
