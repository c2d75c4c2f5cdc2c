//! A stretch of a batch's points as a batch of its own, for exporters whose far side limits a request.

use std::ops::Range;

use crate::{Batch, Metric, ResourceMetrics, ScopeMetrics};

impl Batch {
    /// The points of `items`, counted as [`items`](Self::items) counts them; attributes stay shared.
    #[must_use]
    pub fn slice(&self, items: Range<usize>) -> Self {
        let mut at = 0;
        let mut resources = Vec::new();
        for ResourceMetrics { resource, scopes } in &self.resources {
            let mut kept = Vec::new();
            for ScopeMetrics { scope, metrics, histograms } in scopes {
                let metrics = cut(metrics, &items, &mut at);
                let histograms = cut(histograms, &items, &mut at);
                if !metrics.is_empty() || !histograms.is_empty() {
                    kept.push(ScopeMetrics { scope: scope.clone(), metrics, histograms });
                }
            }
            if !kept.is_empty() {
                resources.push(ResourceMetrics { resource: resource.clone(), scopes: kept });
            }
        }
        Self { resources }
    }
}

/// What of `metrics`, whose first point is number `at`, is among `items`.
fn cut<P: Clone>(metrics: &[Metric<P>], items: &Range<usize>, at: &mut usize) -> Vec<Metric<P>> {
    let mut kept = Vec::new();
    for metric in metrics {
        let begin = *at;
        *at += metric.points.len();
        let (from, to) = (items.start.max(begin), items.end.min(*at));
        if from < to {
            let points = metric.points.slice(from - begin..to - begin);
            kept.push(Metric { descriptor: metric.descriptor.clone(), points });
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        Attributes, Batch, Descriptor, ExponentialHistogram, HistogramPoint, Instrument, Metric, Metrics, NumberKind,
        Point, Resource, Scope,
    };

    /// Two resources, each with seven numbers in two metrics and five distributions in one.
    fn batch() -> Batch {
        let descriptor = |instrument| {
            let (name, number) = ("m".into(), NumberKind::Unsigned);
            Arc::new(Descriptor { name, instrument, number, ..Default::default() })
        };
        let attributes = Arc::new(Attributes::new(vec![]));
        let number = |time| Point { attributes: attributes.clone(), start: 0, time, bits: 0 };
        let histogram = |time| {
            let histogram = Arc::new(ExponentialHistogram::default().into());
            HistogramPoint { attributes: attributes.clone(), start: 0, time, histogram }
        };
        let of = |first: u64| {
            let counter = |from, to| Metric {
                descriptor: descriptor(Instrument::Counter),
                points: (first + from..first + to).map(number).collect(),
            };
            let histograms = vec![Metric {
                descriptor: descriptor(Instrument::ExponentialHistogram),
                points: (first + 7..first + 12).map(histogram).collect(),
            }];
            let metrics = Metrics { numbers: vec![counter(0, 3), counter(3, 7)], histograms };
            let resource = Arc::new(Resource::default());
            Batch::of(resource, Arc::new(Scope::new("s", "0")), metrics)
        };
        Batch { resources: [of(0).resources, of(12).resources].concat() }
    }

    fn times(batch: &Batch) -> Vec<u64> {
        let scopes = batch.resources.iter().flat_map(|resource| &resource.scopes);
        let of_scope = |scope: &crate::ScopeMetrics| {
            let numbers = scope.metrics.iter().flat_map(|metric| &metric.points).map(|point| point.time);
            let histograms = scope.histograms.iter().flat_map(|metric| &metric.points).map(|point| point.time);
            numbers.chain(histograms).collect::<Vec<_>>()
        };
        scopes.flat_map(of_scope).collect()
    }

    #[test]
    fn slices_of_any_size_are_together_what_was_cut_and_none_has_anything_empty() {
        let whole = batch();
        for size in 1..=25 {
            let slices: Vec<Batch> = (0..24).step_by(size).map(|from| whole.slice(from..from + size)).collect();
            assert_eq!(slices.iter().flat_map(times).collect::<Vec<_>>(), times(&whole));
            assert!(slices.iter().all(|slice| (1..=size).contains(&slice.items())));
            let metrics = slices.iter().flat_map(Batch::metrics);
            assert!(metrics.map(|metric| metric.points.len()).all(|points| points > 0));
        }
        assert!(whole.slice(24..30).resources.is_empty());
    }
}
