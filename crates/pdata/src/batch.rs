//! What moves on an edge: metrics grouped by resource and scope.

use std::borrow::Cow;
use std::sync::Arc;

use crate::latest::BYTES_OF_POINT;
use crate::{
    Attribute, Attributes, Descriptor, HistogramPoint, Point, Points, Process, Sample, StaticAttribute, owning,
};

/// Who the telemetry is about, such as this host's agent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Sorted by key.
    pub attributes: Vec<Attribute>,
    /// Whose conventions the attributes follow; empty where that is not said.
    pub schema_url: Cow<'static, str>,
}

impl Resource {
    /// Keys must differ, order does not matter.
    #[must_use]
    pub fn new(attributes: Vec<StaticAttribute>) -> Self {
        Self::of(owning(attributes))
    }

    /// The same, of keys from anywhere.
    #[must_use]
    pub fn of(mut attributes: Vec<Attribute>) -> Self {
        attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { attributes, schema_url: Cow::Borrowed("") }
    }
}

/// Which code observed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Component type, such as `ebpf_syscalls`, or the name of a library.
    pub name: Cow<'static, str>,
    /// Version of the agent, or of that library.
    pub version: Cow<'static, str>,
    /// Sorted by key; of this agent's own scopes there are none.
    pub attributes: Vec<Attribute>,
    /// Whose conventions the metrics follow; empty where that is not said.
    pub schema_url: Cow<'static, str>,
}

impl Scope {
    /// A scope without attributes.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, version: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), version: version.into(), ..Self::default() }
    }
}

/// A group of metrics on their way through a pipeline. What sums and distributions cover, their descriptor says.
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
    /// One entry per metric of plain numbers.
    pub metrics: Vec<Metric>,
    /// One entry per metric of distributions.
    pub histograms: Vec<HistogramMetric>,
}

/// One metric with the points of its streams.
#[derive(Debug, Clone)]
pub struct Metric<P = Point> {
    /// Name, unit and kind.
    pub descriptor: Arc<Descriptor>,
    /// At most one point per stream where they come from this agent's receivers; what others sent may have several.
    pub points: Points<P>,
}

/// One metric whose points are distributions; its instrument says so.
pub type HistogramMetric = Metric<HistogramPoint>;

/// What a receiver has read: metrics of plain numbers, and of distributions.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Counters, up-down counters and gauges.
    pub numbers: Vec<Metric>,
    /// Histograms of both kinds, and summaries.
    pub histograms: Vec<HistogramMetric>,
}

impl From<Vec<Metric>> for Metrics {
    fn from(numbers: Vec<Metric>) -> Self {
        Self { numbers, histograms: Vec::new() }
    }
}

impl Batch {
    /// A batch of one resource and one scope, the shape that a receiver makes.
    #[must_use]
    pub fn of(resource: Arc<Resource>, scope: Arc<Scope>, metrics: impl Into<Metrics>) -> Self {
        let Metrics { numbers: metrics, histograms } = metrics.into();
        Self {
            resources: vec![ResourceMetrics { resource, scopes: vec![ScopeMetrics { scope, metrics, histograms }] }],
        }
    }

    /// All metrics of plain numbers, whatever their resource and scope.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.scopes().flat_map(|scope| &scope.metrics)
    }

    /// All metrics of distributions, whatever their resource and scope.
    pub fn histograms(&self) -> impl Iterator<Item = &HistogramMetric> {
        self.scopes().flat_map(|scope| &scope.histograms)
    }

    /// Number of data points, a distribution being one: what is counted as items everywhere.
    #[must_use]
    pub fn items(&self) -> usize {
        let numbers: usize = self.metrics().map(|metric| metric.points.len()).sum();
        numbers + self.histograms().map(|metric| metric.points.len()).sum::<usize>()
    }

    /// Bytes that it takes in memory: so many a point, and what buckets take; of points that are as they came, all of the
    /// request that they keep. An estimate.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let distributions = self.histograms().flat_map(|metric| &metric.points);
        let mut bytes: usize = distributions.map(|point| BYTES_OF_POINT + point.extra_bytes()).sum();
        // Points of one request stand together.
        let mut last = None;
        for points in self.metrics().map(|metric| &metric.points) {
            let Some((request, has_been_read)) = points.kept() else {
                bytes += points.len() * BYTES_OF_POINT;
                continue;
            };
            if last.replace(request.as_ptr()) != Some(request.as_ptr()) {
                bytes += request.len();
            }
            bytes += if has_been_read { points.len() * BYTES_OF_POINT } else { 0 };
        }
        bytes
    }

    /// Keeps the points of processes that `keep` says yes to, and those that are about none; drops what is empty then.
    pub fn retain(&mut self, mut keep: impl FnMut(&Arc<Process>) -> bool) {
        let mut wanted = |attributes: &Attributes| attributes.process().is_none_or(&mut keep);
        for resource in &mut self.resources {
            for scope in &mut resource.scopes {
                scope.metrics.iter_mut().for_each(|metric| metric.retain(&mut wanted));
                scope.histograms.iter_mut().for_each(|metric| metric.retain(&mut wanted));
                scope.metrics.retain(|metric| !metric.points.is_empty());
                scope.histograms.retain(|metric| !metric.points.is_empty());
            }
            resource.scopes.retain(|scope| !scope.metrics.is_empty() || !scope.histograms.is_empty());
        }
        self.resources.retain(|resource| !resource.scopes.is_empty());
    }

    fn scopes(&self) -> impl Iterator<Item = &ScopeMetrics> {
        self.resources.iter().flat_map(|resource| &resource.scopes)
    }
}

impl<P: Sample> Metric<P> {
    fn retain(&mut self, wanted: &mut impl FnMut(&Attributes) -> bool) {
        // What came over the wire is about no process.
        if self.points.encoded().is_none() {
            self.points.change(|points| points.retain(|point| wanted(point.attributes())));
        }
    }
}
