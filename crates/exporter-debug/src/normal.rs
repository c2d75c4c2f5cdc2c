//! A line for each point, as the Collector's debug exporter has it with `verbosity: normal`.

use std::fmt::Write as _;

use component::go::float;
use pdata::{
    Attribute, Attributes, Batch, Descriptor, Distribution, ExplicitHistogram, ExponentialHistogram, NumberKind, Scope,
};

use crate::value::number;

/// The lines of `batch`.
pub(crate) fn text(batch: &Batch) -> String {
    let mut out = String::new();
    for (place, resource) in batch.resources.iter().enumerate() {
        let schema = &resource.resource.schema_url;
        let schema = if schema.is_empty() { String::new() } else { format!(" [{schema}]") };
        let _ = writeln!(out, "ResourceMetrics #{place}{schema}{}", described(&resource.resource.attributes));
        for (place, scope) in resource.scopes.iter().enumerate() {
            let _ = writeln!(out, "ScopeMetrics #{place}{}{}", named(&scope.scope), described(&scope.scope.attributes));
            for metric in &scope.metrics {
                for point in &metric.points {
                    let kind = metric.descriptor.number;
                    let value = number(kind, point.bits, float(point.as_f64(kind)));
                    line(&mut out, &metric.descriptor, &point.attributes, &value);
                }
            }
            for metric in &scope.histograms {
                for point in &metric.points {
                    let value = distribution(&point.histogram, metric.descriptor.number);
                    line(&mut out, &metric.descriptor, &point.attributes, &value);
                }
            }
        }
    }
    out
}

fn line(out: &mut String, descriptor: &Descriptor, attributes: &Attributes, value: &str) {
    let attributes: Vec<_> = attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let _ = writeln!(out, "{}{{{}}} {value}", descriptor.name, attributes.join(","));
}

fn described(attributes: &[Attribute]) -> String {
    attributes.iter().map(|(key, value)| format!(" {}={value}", key.as_str())).collect()
}

fn named(Scope { name, version, schema_url, .. }: &Scope) -> String {
    let version = if version.is_empty() { String::new() } else { format!("@{version}") };
    let schema = if schema_url.is_empty() { String::new() } else { format!("[{schema_url}]") };
    let words = [format!("{name}{version}"), schema];
    words.iter().filter(|word| !word.is_empty()).map(|word| format!(" {word}")).collect()
}

fn distribution(distribution: &Distribution, number: NumberKind) -> String {
    let mut out = format!("count={}", distribution.count());
    match distribution {
        Distribution::Explicit(ExplicitHistogram { bounds, counts, sum, min, max, .. }) => {
            known(&mut out, *sum, *min, *max);
            for (place, count) in counts.iter().enumerate() {
                let edge = bounds.get(place).map_or_else(String::new, |edge| format!("le{}=", float(*edge)));
                let _ = write!(out, " {edge}{count}");
            }
        }
        Distribution::Exponential(histogram) => {
            let ExponentialHistogram { scale, zero_count, extras, .. } = histogram;
            let (min, max) = extras.as_ref().map_or((None, None), |extras| (extras.min, extras.max));
            known(&mut out, distribution.sum_as_f64(number), min, max);
            let edge = |index: i32| ExponentialHistogram::upper_edge(*scale, index);
            let (offset, counts) = histogram.used_negative();
            let below: Vec<_> = (offset..).zip(counts).collect();
            for (index, count) in below.into_iter().rev() {
                let _ = write!(out, " le{}={count}", float(-edge(index.saturating_sub(1))));
            }
            if *zero_count > 0 {
                let _ = write!(out, " zero={zero_count}");
            }
            let (offset, counts) = histogram.used();
            for (index, count) in (offset..).zip(counts) {
                let _ = write!(out, " le{}={count}", float(edge(index)));
            }
        }
        Distribution::Summary(summary) => {
            let _ = write!(out, " sum={:.6}", summary.sum);
            for (quantile, value) in &summary.quantiles {
                let _ = write!(out, " q{}={}", float(*quantile), float(*value));
            }
        }
    }
    out
}

fn known(out: &mut String, sum: Option<f64>, min: Option<f64>, max: Option<f64>) {
    for (what, value) in [("sum", sum), ("min", min), ("max", max)] {
        if let Some(value) = value {
            let _ = write!(out, " {what}={}", float(value));
        }
    }
}
