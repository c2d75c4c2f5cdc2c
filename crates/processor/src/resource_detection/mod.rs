//! `resource_detection`: says of the resource what this host, system and container are.

mod detect;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use component::config::{Configuration, Section, suggestion};
use component::{Processor, ProcessorFactory, Stability};
use pdata::{Attribute, Batch, Metric, Resource};

use crate::sample::Sample;
use crate::sets::{Change, Sets};
use detect::{DETECTORS, Host};

/// The `resource_detection` processor type.
pub static FACTORY: ProcessorFactory = ProcessorFactory {
    component_type: "resource_detection",
    alias: Some("resourcedetection"),
    stability: Stability::Alpha,
    summary: "adds what is known of the host, the system and the container to the resource",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(ResourceDetection::new(&config, &Host::this()))))
    },
};

/// Keys of `resource_detection`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Names of detectors; what one finds, those behind it do not change.
    pub detectors: Vec<String>,
    /// Whether what is found replaces what the resource has.
    pub override_: bool,
    /// Keys of attributes that are wanted; none at all means every one.
    pub attributes: Vec<String>,
    /// Whether points say which container their process is in.
    pub process_container_id: bool,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let detectors = section.field(
            "detectors",
            "who is asked, in this order: env, system, process, container, k8s",
            vec!["env".to_owned()],
        );
        let known: Vec<&str> = DETECTORS.iter().map(|(name, _)| *name).collect();
        for (index, name) in detectors.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                section.fault_in(
                    "detectors",
                    index,
                    format!("invalid detector key: {name:?}{}", suggestion(name, &known)),
                );
            }
        }
        if detectors.is_empty() {
            section.fault_at("detectors", "there must be at least one");
        }
        let timeout =
            section.field("timeout", "without effect: nobody is asked who could be slow", Duration::from_secs(5));
        if timeout != Duration::from_secs(5) {
            tracing::info!("timeout of resource_detection has no effect: nobody is asked who could be slow");
        }
        Self {
            detectors,
            override_: section.field("override", "what is found replaces what the resource has", true),
            attributes: section.field("attributes", "keys of the attributes that are wanted; empty is all", vec![]),
            process_container_id: section.field(
                "process_container_id",
                "container.id on the points of each process in a container, by its cgroup",
                false,
            ),
        }
    }
}

/// What was found at the start, and what became of the resources seen last.
#[derive(Debug)]
pub struct ResourceDetection {
    found: Vec<Attribute>,
    override_: bool,
    /// Each as it came and as it goes on, so that batches of one source go on sharing one resource.
    known: VecDeque<(Arc<Resource>, Arc<Resource>)>,
    containers: Option<Sets>,
}

impl ResourceDetection {
    fn new(config: &Config, host: &Host) -> Self {
        let mut found: Vec<Attribute> = Vec::new();
        for name in &config.detectors {
            let detect = DETECTORS.iter().find(|(known, _)| known == name).map(|(_, detect)| detect(host));
            for (key, value) in detect.unwrap_or_default() {
                let wanted = config.attributes.is_empty() || config.attributes.iter().any(|wanted| **wanted == *key);
                if wanted && !found.iter().any(|(known, _)| *known == key) {
                    found.push((key, value));
                }
            }
        }
        let keys = found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(" ");
        tracing::info!(attributes = keys, "resource detected");
        let containers = config.process_container_id.then(|| Sets::new(Change::Container));
        Self { found, override_: config.override_, known: VecDeque::new(), containers }
    }

    fn changed(&mut self, resource: &Arc<Resource>) -> Arc<Resource> {
        let known = self.known.iter().find(|(from, _)| Arc::ptr_eq(from, resource) || from == resource);
        if let Some((_, to)) = known {
            return to.clone();
        }
        let mut attributes = resource.attributes.clone();
        for (key, value) in &self.found {
            match attributes.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) if self.override_ => *known = value.clone(),
                Some(_) => {}
                None => attributes.push((key.clone(), value.clone())),
            }
        }
        let schema_url = resource.schema_url.clone();
        let to = Arc::new(Resource { schema_url, ..Resource::of(attributes) });
        if self.known.len() == MOST_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back((resource.clone(), to.clone()));
        to
    }
}

impl Processor for ResourceDetection {
    fn process(&mut self, mut batch: Batch, output: &mut Vec<Batch>) {
        for metrics in &mut batch.resources {
            metrics.resource = self.changed(&metrics.resource);
            if let Some(sets) = &mut self.containers {
                for scope in &mut metrics.scopes {
                    scope.metrics.iter_mut().for_each(|metric| tell_container(metric, sets));
                    scope.histograms.iter_mut().for_each(|metric| tell_container(metric, sets));
                }
                sets.sweep();
            }
        }
        output.push(batch);
    }
}

fn tell_container<P: Sample>(metric: &mut Metric<P>, sets: &mut Sets) {
    if metric.points.encoded().is_some() {
        // What came over the wire is about no process.
        return;
    }
    metric.points.change(|points| {
        for point in points {
            if point.attributes().process().is_some_and(|process| process.cgroup.is_some()) {
                let set = sets.of(point.attributes());
                *point = point.clone().under(set);
            }
        }
    });
}

/// This agent has one resource, a host that sends to it a few.
const MOST_KNOWN: usize = 64;
