//! One metric family: which points belong to it, added up per set of labels, then written.

mod buckets;
mod labels;
mod options;
mod plan;
mod protobuf;
mod samples;
mod text;
mod value;

use pdata::{Attributes, Descriptor, Latest, Source};

use crate::format::{Format, Syntax};
use labels::Labels;
pub(crate) use options::Options;
use plan::{Family, Kind, Standing};
pub(crate) use plan::{Plan, Refused};
use samples::{Additive, Samples, Span};
use value::{Number, Observed};

/// Family number `index` of `plan`; empty where no point belongs to it any more.
pub(crate) fn render(latest: &Latest, options: &Options, plan: &Plan, index: usize) -> Vec<u8> {
    let family = &plan.families[index];
    match family.kind {
        Kind::Info => write_numbers(options, plan, family, &resources(latest, options, plan.format)),
        Kind::Counter | Kind::Gauge => {
            let samples = samples(options, plan.format, family, |numbers, metric| {
                let points = latest.points(&metric.key).iter();
                let points = points.map(|point| (&*point.attributes, Span::of(point.start, point.time), point));
                numbers.collect(metric, points, Number::of);
            });
            write_numbers(options, plan, family, &samples)
        }
        Kind::Histogram | Kind::Summary => {
            let samples = samples(options, plan.format, family, |histograms, metric| {
                // A stream that says that it has no value is none on the page.
                let points = latest.histogram_points(&metric.key).iter().filter(|point| !point.histogram.is_missing());
                let points = points.map(|point| (&*point.attributes, Span::of(point.start, point.time), point));
                histograms.collect(metric, points, Observed::of);
            });
            match plan.format.syntax {
                _ if samples.is_empty() => Vec::new(),
                Syntax::Text | Syntax::OpenMetrics => {
                    text::Writer::new(options, plan.format, family).histograms(&samples)
                }
                Syntax::Protobuf => protobuf::histograms(options, family, &samples),
            }
        }
    }
}

/// What stands behind the last family.
pub(crate) fn end(plan: &Plan) -> &'static str {
    if plan.format.syntax == Syntax::OpenMetrics { "# EOF\n" } else { "" }
}

fn write_numbers(options: &Options, plan: &Plan, family: &Family, samples: &Samples<Number>) -> Vec<u8> {
    match plan.format.syntax {
        _ if samples.is_empty() => Vec::new(),
        Syntax::Text | Syntax::OpenMetrics => text::Writer::new(options, plan.format, family).numbers(samples),
        Syntax::Protobuf => protobuf::numbers(options, family, samples),
    }
}

/// What `collect` gathers of the metrics of `family`.
fn samples<'p, V: Additive>(
    options: &'p Options,
    format: Format,
    family: &'p Family,
    collect: impl Fn(&mut Collected<'p, V>, &Standing),
) -> Samples<V> {
    let reserved: &'static [&'static str] = match family.kind {
        Kind::Summary => &["quantile"],
        Kind::Histogram => &["le"],
        _ => &[],
    };
    let gather = |labels| {
        let mut collected = Collected { options, family, labels, samples: Samples::default(), sources: 0 };
        for metric in &family.metrics {
            collect(&mut collected, metric);
            if collected.labels.must_join() {
                return None;
            }
        }
        Some(collected.samples)
    };
    // Few have keys that are one label, which is known of those that were read only: then all are read again.
    let found = gather(Labels::new(options, format, reserved));
    found.or_else(|| gather(Labels::joining(options, format, reserved))).unwrap_or_default()
}

/// One sample for each resource of which anything is known.
fn resources(latest: &Latest, options: &Options, format: Format) -> Samples<Number> {
    let mut labels = Labels::new(options, format, &[]);
    let (mut samples, mut last, mut sources) = (Samples::default(), None, 0);
    let mut note = |source: Source<'_>| {
        // Metrics of one resource come one after the other.
        let address = std::sync::Arc::as_ptr(source.resource);
        if last.replace(address) != Some(address)
            && let Some(labels) = labels.of_resource(&source.resource.attributes)
        {
            // Each is a source of its own: what is said twice of a resource is said once, and not two.
            sources += 1;
            samples.add(labels, sources, Span::default(), Number::Whole(1));
        }
    };
    latest.for_each(|source, _| note(source));
    latest.for_each_histogram(|source, _| note(source));
    samples
}

/// What a family has gathered so far.
struct Collected<'p, V> {
    options: &'p Options,
    family: &'p Family,
    labels: Labels<'p>,
    samples: Samples<V>,
    sources: u32,
}

impl<'p, V: Additive> Collected<'p, V> {
    /// Puts in what one metric's points come to per set of labels; `value` is told whether it is under a name of the guide.
    fn collect<'a, P>(
        &mut self,
        Standing { key, own }: &Standing,
        points: impl Iterator<Item = (&'a Attributes, Span, P)>,
        value: impl Fn(P, &Descriptor, bool) -> V,
    ) {
        let source = key.source();
        let seeds = self.options.names.seeds(source.descriptor);
        let under: Vec<_> = seeds.iter().filter(|seed| seed.name == self.family.name).collect();
        self.sources += 1;
        self.labels.begin(source);
        let mut attributes = Vec::new();
        for (set, span, point) in points {
            attributes.clear();
            attributes.extend(set.iter());
            let seed = under.iter().find(|seed| seed.takes(&attributes));
            let labels = match seed {
                Some(seed) => self.labels.of_guide(seed, &attributes),
                None if *own && !seeds.iter().any(|seed| seed.takes(&attributes)) => self.labels.of_all(&attributes),
                None => continue,
            };
            self.samples.add(labels, self.sources, span, value(point, source.descriptor, seed.is_some()));
        }
    }
}

#[cfg(test)]
mod tests;
