//! What moves on an edge: metrics grouped by resource and scope.

use std::sync::Arc;

use crate::{Attribute, Descriptor, Point};

/// Who the telemetry is about, such as this host's agent.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Sorted by key.
    pub attributes: Vec<Attribute>,
}

/// Which code observed it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Component type, such as `ebpf_syscalls`.
    pub name: &'static str,
    /// Version of the agent.
    pub version: &'static str,
}

/// A group of metrics on their way through a pipeline. All sums are cumulative.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// One entry per resource.
    pub resources: Vec<ResourceMetrics>,
}

/// The metrics of one resource.
#[derive(Debug, Clone)]
pub struct ResourceMetrics {
    /// Shared by every batch of the same source.
    pub resource: Arc<Resource>,
    /// One entry per scope.
    pub scopes: Vec<ScopeMetrics>,
}

/// The metrics of one scope.
#[derive(Debug, Clone)]
pub struct ScopeMetrics {
    /// Shared by every batch of the same source.
    pub scope: Arc<Scope>,
    /// One entry per metric.
    pub metrics: Vec<Metric>,
}

/// One metric with the points of its streams.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Name, unit and kind.
    pub descriptor: Arc<Descriptor>,
    /// At most one point per stream.
    pub points: Vec<Point>,
}

impl Batch {
    /// A batch of one resource and one scope, the shape that a receiver makes.
    #[must_use]
    pub fn of(resource: Arc<Resource>, scope: Arc<Scope>, metrics: Vec<Metric>) -> Self {
        Self { resources: vec![ResourceMetrics { resource, scopes: vec![ScopeMetrics { scope, metrics }] }] }
    }

    /// All metrics, whatever their resource and scope.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.resources.iter().flat_map(|resource| &resource.scopes).flat_map(|scope| &scope.metrics)
    }

    /// Number of data points: what is counted as items everywhere.
    #[must_use]
    pub fn items(&self) -> usize {
        self.metrics().map(|metric| metric.points.len()).sum()
    }

    /// Keeps the points that `keep` says yes to, and drops what is empty then.
    pub fn retain(&mut self, mut keep: impl FnMut(&Point) -> bool) {
        for resource in &mut self.resources {
            for scope in &mut resource.scopes {
                for metric in &mut scope.metrics {
                    metric.points.retain(&mut keep);
                }
                scope.metrics.retain(|metric| !metric.points.is_empty());
            }
            resource.scopes.retain(|scope| !scope.metrics.is_empty());
        }
        self.resources.retain(|resource| !resource.scopes.is_empty());
    }
}
