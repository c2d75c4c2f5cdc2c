//! `attributes`: changes the attributes of points, and adds up the streams that become one.

mod merge;

#[cfg(test)]
mod tests;

use component::config::{Configuration, Section};
use component::{Processor, ProcessorFactory, Stability};
use pdata::{Batch, HistogramPoint, Point, ResourceMetrics, ScopeMetrics};

use crate::action::{Action, actions};
use crate::memory::Families;
use crate::sets::{Change, Sets};
use merge::Merge;

/// The `attributes` processor type.
pub static FACTORY: ProcessorFactory = ProcessorFactory {
    component_type: "attributes",
    alias: None,
    stability: Stability::Alpha,
    summary: "changes the attributes of points; streams that are one then are added up",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(AttributesProcessor::new(config.clone()))))
    },
};

/// Keys of `attributes`.
#[derive(Debug, Clone)]
pub struct Config {
    /// In this order; at least one, or reading them noted a fault.
    pub actions: Vec<Action>,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        for key in ["include", "exclude"] {
            section.refuse(key, &format!("{key:?} is not supported: actions are done to all points"));
        }
        Self { actions: actions(section, "actions", "actions on attributes of points, in this order") }
    }
}

/// The actions, the sets they made, and the totals of the streams that they led together.
#[derive(Debug)]
pub struct AttributesProcessor {
    sets: Sets,
    numbers: Families<Merge<Point>>,
    histograms: Families<Merge<HistogramPoint>>,
}

impl AttributesProcessor {
    /// Has seen no stream yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            sets: Sets::new(Change::Actions(config.actions)),
            numbers: Families::default(),
            histograms: Families::default(),
        }
    }
}

impl Processor for AttributesProcessor {
    fn process(&mut self, mut batch: Batch, output: &mut Vec<Batch>) {
        let Self { sets, numbers, histograms } = self;
        for ResourceMetrics { resource, scopes } in &mut batch.resources {
            for ScopeMetrics { scope, metrics, histograms: distributions } in scopes {
                for metric in metrics {
                    let merge = numbers.of(resource, scope, &metric.descriptor);
                    metric
                        .points
                        .change(|points| *points = merge.pass(std::mem::take(points), &metric.descriptor, sets));
                }
                for metric in distributions {
                    let merge = histograms.of(resource, scope, &metric.descriptor);
                    metric
                        .points
                        .change(|points| *points = merge.pass(std::mem::take(points), &metric.descriptor, sets));
                }
            }
        }
        self.sets.sweep();
        output.push(batch);
    }
}
