//! `interval`: one batch per interval, with the last point of every stream.
//!
//! Of cumulative points, leaving out those in between loses times, never totals. Deltas are added up.

use std::time::Duration;

use component::config::{Configuration, Section};
use component::{Processor, ProcessorFactory, Stability};
use pdata::{Batch, Latest};

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
        Self { interval }
    }
}

/// What came since the last flush.
#[derive(Debug)]
pub struct Interval {
    interval: Duration,
    held: Latest,
}

impl Interval {
    /// Holds nothing yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { interval: config.interval, held: Latest::default() }
    }
}

impl Processor for Interval {
    fn process(&mut self, batch: Batch, _output: &mut Vec<Batch>) {
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

    use super::*;
    use crate::tests::{as_delta, batch, batch_of, histogram, point};

    #[test]
    fn a_flush_emits_the_last_point_of_streams_updated_since() {
        let mut interval = Interval::new(&Config { interval: Duration::from_secs(60) });
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
        let mut interval = Interval::new(&Config { interval: Duration::from_secs(60) });
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
        let mut interval = Interval::new(&Config { interval: Duration::from_secs(60) });
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
