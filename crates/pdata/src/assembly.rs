//! A batch in the making: metrics come one by one, each with its source, and stand under it in the end.
//!
//! Many sources may come at once from somebody else, so where each stands is looked up and not searched for.

use std::collections::HashMap;
use std::sync::Arc;

use crate::families::Family;
use crate::{Batch, Resource, ResourceMetrics, Scope, ScopeMetrics};

/// A batch, and where in it each source stands.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    batch: Batch,
    resources: HashMap<Arc<Resource>, usize>,
    scopes: HashMap<(usize, Arc<Scope>), usize>,
}

impl Assembly {
    /// Where the metric of `family` belongs.
    pub(crate) fn scope_of<F>(&mut self, Family { resource, scope, .. }: &Family<F>) -> &mut ScopeMetrics {
        let resources = &mut self.batch.resources;
        // Metrics of one source mostly come one after the other.
        let last = resources.len().checked_sub(1).filter(|last| Arc::ptr_eq(&resources[*last].resource, resource));
        let at = last.unwrap_or_else(|| {
            *self.resources.entry(resource.clone()).or_insert_with(|| {
                resources.push(ResourceMetrics { resource: resource.clone(), scopes: Vec::new() });
                resources.len() - 1
            })
        });
        let scopes = &mut resources[at].scopes;
        let last = scopes.len().checked_sub(1).filter(|last| Arc::ptr_eq(&scopes[*last].scope, scope));
        let within = last.unwrap_or_else(|| {
            *self.scopes.entry((at, scope.clone())).or_insert_with(|| {
                scopes.push(ScopeMetrics { scope: scope.clone(), metrics: Vec::new(), histograms: Vec::new() });
                scopes.len() - 1
            })
        });
        &mut scopes[within]
    }

    /// All of it.
    pub(crate) fn finish(self) -> Batch {
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use crate::{AttributeValue, Attributes, Descriptor, Latest, Metric, Point};

    use super::*;

    /// A source of what other sources are too, but for the last of its attributes; nothing of it is shared.
    fn source(id: i64, scope: &'static str) -> (Arc<Resource>, Arc<Scope>) {
        let common = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|key| (key, AttributeValue::Static("the same")));
        let attributes = common.into_iter().chain([("id", AttributeValue::Int(id))]).collect();
        (Arc::new(Resource::new(attributes)), Arc::new(Scope::new(scope, "")))
    }

    fn merge(latest: &mut Latest, id: i64, scope: &'static str, name: &'static str) {
        let (resource, scope) = source(id, scope);
        let descriptor = Arc::new(Descriptor { name: name.into(), ..Descriptor::default() });
        let points = vec![Point { attributes: Arc::new(Attributes::new(vec![])), start: 1, time: 1, bits: 1 }].into();
        latest.merge(&Batch::of(resource, scope, vec![Metric { descriptor, points }]));
    }

    #[test]
    fn equal_sources_are_one_wherever_their_metrics_come() {
        let mut latest = Latest::default();
        for (id, scope, name) in [(1, "x", "a"), (2, "x", "a"), (1, "y", "a"), (2, "x", "b"), (1, "x", "b")] {
            merge(&mut latest, id, scope, name);
        }
        let batch = latest.take();
        let scopes = |resource: &ResourceMetrics| {
            let scopes = resource.scopes.iter().map(|scope| (scope.scope.name.to_string(), scope.metrics.len()));
            scopes.collect::<Vec<_>>()
        };
        let seen: Vec<_> = batch.resources.iter().map(scopes).collect();
        assert_eq!(seen, [vec![("x".into(), 2), ("y".into(), 1)], vec![("x".into(), 2)]]);
        assert_eq!(
            [batch.resources[0].resource.clone(), batch.resources[1].resource.clone()],
            [1, 2].map(|id| source(id, "").0)
        );
    }

    /// Compared each with each they take minutes.
    #[test]
    fn fifty_thousand_sources_at_once_are_fifty_thousand_in_the_batch() {
        let mut latest = Latest::default();
        for id in 0..50_000 {
            merge(&mut latest, id, "x", "a");
        }
        let batch = latest.take();
        assert_eq!((batch.resources.len(), batch.items()), (50_000, 50_000));
    }
}
