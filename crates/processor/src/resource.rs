//! `resource`: changes who the telemetry is said to be about.

use std::collections::VecDeque;
use std::sync::Arc;

use component::config::{Configuration, Section};
use component::{Processor, ProcessorFactory, Stability};
use pdata::{Batch, Resource};

use crate::action::{Action, actions};

/// The `resource` processor type.
pub static FACTORY: ProcessorFactory = ProcessorFactory {
    component_type: "resource",
    alias: None,
    stability: Stability::Alpha,
    summary: "changes the attributes of the resource that all metrics are about",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(ResourceProcessor::new(config.clone()))))
    },
};

/// Keys of `resource`.
#[derive(Debug, Clone)]
pub struct Config {
    /// In this order; at least one, or reading them noted a fault.
    pub attributes: Vec<Action>,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let attributes = actions(section, "attributes", "actions on attributes of the resource, in this order");
        Self { attributes }
    }
}

/// The actions, and what became of the resources seen last.
#[derive(Debug)]
pub struct ResourceProcessor {
    actions: Vec<Action>,
    /// Each as it came and as it goes on, so that batches of one source go on sharing one resource.
    known: VecDeque<(Arc<Resource>, Arc<Resource>)>,
}

impl ResourceProcessor {
    /// Has seen no resource yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { actions: config.attributes, known: VecDeque::new() }
    }

    fn changed(&mut self, resource: &Arc<Resource>) -> Arc<Resource> {
        let known = self.known.iter().find(|(from, _)| Arc::ptr_eq(from, resource) || from == resource);
        if let Some((_, to)) = known {
            return to.clone();
        }
        let mut attributes = resource.attributes.clone();
        for action in &self.actions {
            action.apply(&mut attributes);
        }
        let to = Resource { schema_url: resource.schema_url.clone(), ..Resource::of(attributes) };
        let to = Arc::new(to);
        if self.known.len() == MOST_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back((resource.clone(), to.clone()));
        to
    }
}

impl Processor for ResourceProcessor {
    fn process(&mut self, mut batch: Batch, output: &mut Vec<Batch>) {
        for metrics in &mut batch.resources {
            metrics.resource = self.changed(&metrics.resource);
        }
        output.push(batch);
    }
}

/// This agent has one resource, a host that sends to it a few.
const MOST_KNOWN: usize = 64;

#[cfg(test)]
mod tests {
    use component::config::Value;
    use pdata::{AttributeValue, Metrics, Scope};

    use super::*;
    use crate::tests::{list, map, read, text};

    fn processor(actions: Vec<Value>) -> ResourceProcessor {
        let (config, faults) = read(vec![("attributes", list(actions))], Config::read);
        assert!(faults.is_empty(), "{faults:?}");
        ResourceProcessor::new(config)
    }

    fn batch(name: &'static str) -> Batch {
        let attributes =
            vec![("host.name", AttributeValue::Static(name)), ("os.type", AttributeValue::Static("linux"))];
        let scope = Arc::new(Scope::new("test", "0"));
        Batch::of(Arc::new(Resource::new(attributes)), scope, Metrics::default())
    }

    #[test]
    fn actions_are_done_in_order_and_keys_stay_sorted() {
        let mut processor = processor(vec![
            map(vec![
                ("key", text("deployment.environment.name")),
                ("value", text("test")),
                ("action", text("insert")),
            ]),
            map(vec![("key", text("host.id")), ("from_attribute", text("host.name")), ("action", text("upsert"))]),
            map(vec![("key", text("host.name")), ("action", text("delete"))]),
            map(vec![("key", text("os.type")), ("value", Value::Int(1)), ("action", text("UPDATE"))]),
        ]);
        let mut output = Vec::new();
        processor.process(batch("a"), &mut output);
        let shown = |resource: &Resource| {
            resource.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        let resource = &output[0].resources[0].resource;
        assert_eq!(shown(resource), ["deployment.environment.name=test", "host.id=a", "os.type=1"]);
    }

    #[test]
    fn batches_of_one_source_share_the_changed_resource_and_few_are_remembered() {
        let mut processor = processor(vec![map(vec![("key", text("os.type")), ("action", text("delete"))])]);
        let mut output = Vec::new();
        processor.process(batch("a"), &mut output);
        processor.process(batch("a"), &mut output);
        processor.process(batch("b"), &mut output);
        let resources: Vec<_> = output.iter().map(|batch| &batch.resources[0].resource).collect();
        assert!(Arc::ptr_eq(resources[0], resources[1]) && resources[0] != resources[2]);
        for name in 0..200 {
            processor.process(batch(format!("host {name}").leak()), &mut output);
        }
        assert_eq!(processor.known.len(), MOST_KNOWN);
    }

    #[test]
    fn no_actions_at_all_are_a_fault() {
        let missing = ["f:1:1: missing required field \"attributes\""];
        assert_eq!(read(vec![], Config::read).1, missing);
        assert_eq!(read(vec![("attributes", list(vec![]))], Config::read).1, missing);
    }
}
