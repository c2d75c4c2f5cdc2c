//! One metric family: which points belong to it, added up per set of labels, then written.

mod buckets;
mod labels;
mod protobuf;
mod samples;
mod text;
mod value;

use std::sync::Arc;

use pdata::{Attributes, Descriptor, Latest, NumberKind, SeedName};

use crate::naming::Naming;
use labels::Labels;
use samples::{Additive, Samples};
use value::{Number, Observed};

/// How a page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Prometheus' text format 0.0.4.
    Text,
    /// Messages `io.prometheus.client.MetricFamily`, each after its length.
    Protobuf,
}

/// Names of the families that may have samples, each once.
pub(crate) fn names(latest: &Latest, naming: Naming) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut note = |descriptor: &Descriptor| {
        // Points without a value are nothing to show.
        let shown = descriptor.number != NumberKind::Missing;
        for name in naming.families(descriptor).into_iter().filter(|_| shown) {
            if !names.iter().any(|known| *known == name) {
                names.push(name.into_owned());
            }
        }
    };
    latest.for_each(|descriptor, _| note(descriptor));
    latest.for_each_histogram(|descriptor, _| note(descriptor));
    names
}

/// The family called `name`; empty where no point belongs to it.
pub(crate) fn render(latest: &Latest, naming: Naming, format: Format, name: &str) -> Vec<u8> {
    let mut numbers = Collected::new(naming, format, name);
    latest.for_each(|descriptor, points| {
        numbers.collect(descriptor, points.iter().map(|point| (&*point.attributes, point)), Number::of);
    });
    if let Some(descriptor) = numbers.descriptor {
        return match format {
            Format::Text => text::numbers(name, &descriptor, &numbers.samples),
            Format::Protobuf => protobuf::numbers(name, &descriptor, &numbers.samples),
        };
    }
    let mut histograms = Collected::new(naming, format, name);
    latest.for_each_histogram(|descriptor, points| {
        histograms.collect(descriptor, points.iter().map(|point| (&*point.attributes, point)), Observed::of);
    });
    match (histograms.descriptor, format) {
        (None, _) => Vec::new(),
        (Some(descriptor), Format::Text) => text::histograms(name, &descriptor, &histograms.samples),
        (Some(descriptor), Format::Protobuf) => protobuf::histograms(name, &descriptor, &histograms.samples),
    }
}

/// What a family has gathered so far.
struct Collected<'n, V> {
    naming: Naming,
    name: &'n str,
    labels: Labels,
    /// Of the first metric that has put in a point; it describes the family.
    descriptor: Option<Arc<Descriptor>>,
    samples: Samples<V>,
    sources: u32,
}

impl<'n, V: Additive> Collected<'n, V> {
    fn new(naming: Naming, format: Format, name: &'n str) -> Self {
        Self { naming, name, labels: Labels::new(format), descriptor: None, samples: Samples::default(), sources: 0 }
    }

    /// Puts in what one source's points come to per set of labels; `value` is told whether it is under a name of the guide.
    fn collect<'p, P>(
        &mut self,
        descriptor: &Arc<Descriptor>,
        points: impl Iterator<Item = (&'p Attributes, P)>,
        value: impl Fn(P, &Descriptor, bool) -> V,
    ) {
        let seeds = self.naming.seeds(descriptor);
        let under: Vec<&SeedName> = seeds.iter().filter(|seed| seed.name == self.name).collect();
        let own = self.naming.own_family(descriptor).is_some_and(|own| own == self.name);
        if (under.is_empty() && !own) || descriptor.number == NumberKind::Missing {
            return;
        }
        self.sources += 1;
        let mut attributes = Vec::new();
        for (set, point) in points {
            attributes.clear();
            attributes.extend(set.iter());
            let seed = under.iter().find(|seed| seed.takes(&attributes));
            let labels = match seed {
                Some(seed) => self.labels.of_guide(seed, &attributes),
                None if own && !seeds.iter().any(|seed| seed.takes(&attributes)) => {
                    self.labels.of_all(self.naming, &attributes)
                }
                None => continue,
            };
            self.descriptor.get_or_insert_with(|| descriptor.clone());
            self.samples.add(labels, self.sources, value(point, descriptor, seed.is_some()));
        }
    }
}

#[cfg(test)]
mod tests;
