//! The families of one page: what stands in each, under which name, and which metrics have none.

use std::collections::HashMap;
use std::sync::Arc;

use pdata::{Descriptor, Instrument, Latest, NumberKind, SeedName, Source};

use super::options::Options;
use crate::format::{Format, Syntax};
use crate::translate::{is_plain_metric, unit_words};

/// What the samples of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
    /// What is known of resources.
    Info,
}

/// A name on a page.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) help: String,
    /// In words, where the name ends in it; or else empty.
    pub(super) unit: String,
}

/// Families in the order of the page.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) format: Format,
    pub(super) families: Vec<Family>,
    /// By the address of a descriptor: its families, and the names of the guide that lead there.
    places: HashMap<usize, Vec<Place>>,
    /// Keeps the addresses from being used again.
    _descriptors: Vec<Arc<Descriptor>>,
}

/// Where points of a metric may stand.
#[derive(Debug)]
pub(super) struct Place {
    family: usize,
    /// `None` for those that no name of the guide takes.
    pub(super) seed: Option<&'static SeedName>,
}

/// A metric that is not on the page, because its name is another's.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) metric: String,
    pub(crate) family: String,
}

impl Plan {
    /// What a page of `latest` has on it, and what it cannot have.
    pub(crate) fn new(latest: &Latest, options: &Options, format: Format) -> (Self, Vec<Refused>) {
        let plan = Self { format, families: Vec::new(), places: HashMap::new(), _descriptors: Vec::new() };
        let mut draft = Draft { plan, options, by_name: HashMap::new(), claims: HashMap::new(), refused: Vec::new() };
        if options.tells_sources() {
            draft.claim(&Family {
                name: options.names.target_info(format.utf8),
                kind: Kind::Info,
                help: "What is known of where the metrics come from.".to_owned(),
                unit: String::new(),
            });
        }
        latest.for_each(|source, _| draft.add(source));
        latest.for_each_histogram(|source, _| draft.add(source));
        let Draft { plan, refused, .. } = draft;
        (plan, refused)
    }

    /// Number of families.
    pub(crate) fn len(&self) -> usize {
        self.families.len()
    }

    /// The places of points of a metric in `family`.
    pub(super) fn places(&self, descriptor: &Arc<Descriptor>, family: usize) -> impl Iterator<Item = &Place> {
        let places = self.places.get(&Arc::as_ptr(descriptor).addr()).map_or(&[][..], Vec::as_slice);
        places.iter().filter(move |place| place.family == family)
    }
}

struct Draft<'o> {
    plan: Plan,
    options: &'o Options,
    by_name: HashMap<String, usize>,
    /// Whose a name of samples is.
    claims: HashMap<String, usize>,
    refused: Vec<Refused>,
}

impl Draft<'_> {
    fn add(&mut self, source: Source<'_>) {
        let descriptor = source.descriptor;
        let address = Arc::as_ptr(descriptor).addr();
        // Points without a value are nothing to show.
        if descriptor.number == NumberKind::Missing || self.plan.places.contains_key(&address) {
            return;
        }
        let kind = match descriptor.instrument {
            Instrument::Counter => Kind::Counter,
            Instrument::UpDownCounter | Instrument::Gauge => Kind::Gauge,
            Instrument::ExponentialHistogram | Instrument::Histogram => Kind::Histogram,
            Instrument::Summary => Kind::Summary,
        };
        let seeds = self.options.names.seeds(descriptor).iter().map(|seed| (seed.name.to_owned(), Some(seed)));
        let own = self.options.names.own_family(descriptor, self.plan.format.utf8).map(|name| (name, None));
        let mut places = Vec::new();
        for (name, seed) in seeds.chain(own) {
            if let Some(family) = self.family(&name, kind, descriptor) {
                places.push(Place { family, seed });
            } else {
                self.refused.push(Refused { metric: descriptor.name.to_string(), family: name });
            }
        }
        self.plan.places.insert(address, places);
        self.plan._descriptors.push(descriptor.clone());
    }

    /// The family called `name`, if points of this kind may stand in it.
    fn family(&mut self, name: &str, kind: Kind, descriptor: &Descriptor) -> Option<usize> {
        if let Some(known) = self.by_name.get(name) {
            return (self.plan.families[*known].kind == kind).then_some(*known);
        }
        let (main, per) = unit_words(&descriptor.unit);
        let unit = [main, per].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
        let base = name.strip_suffix("_total").unwrap_or(name);
        // A name may have any character in it, a unit on a line of its own may not.
        let told = is_plain_metric(&unit) && base.strip_suffix(&*unit).is_some_and(|rest| rest.ends_with('_'));
        let unit = if told { unit } else { String::new() };
        self.claim(&Family { name: name.to_owned(), kind, help: descriptor.description.to_string(), unit })
    }

    /// Puts `family` on the page, unless a name in it is another's: no parser would know whose.
    fn claim(&mut self, family: &Family) -> Option<usize> {
        let names = sample_names(family, self.plan.format.syntax);
        if family.name.is_empty() || names.iter().any(|name| self.claims.contains_key(name)) {
            return None;
        }
        let index = self.plan.families.len();
        self.by_name.insert(family.name.clone(), index);
        self.claims.extend(names.into_iter().map(|name| (name, index)));
        let Family { name, kind, help, unit } = family;
        let family = Family { name: name.clone(), kind: *kind, help: help.clone(), unit: unit.clone() };
        self.plan.families.push(family);
        Some(index)
    }
}

/// What OpenMetrics calls a family whose lines end in `suffix`; it cannot be called nothing.
pub(super) fn without<'n>(name: &'n str, suffix: &str) -> Option<&'n str> {
    name.strip_suffix(suffix).filter(|base| !base.is_empty())
}

/// Every name that lines of a family begin with, and the one that describes it.
fn sample_names(Family { name, kind, .. }: &Family, syntax: Syntax) -> Vec<String> {
    let with = |base: &str, suffixes: &[&str]| suffixes.iter().map(|suffix| format!("{base}{suffix}")).collect();
    match (kind, syntax) {
        (Kind::Counter, Syntax::OpenMetrics) => match without(name, "_total") {
            Some(base) => with(base, &["", "_total", "_created"]),
            None => with(name, &[""]),
        },
        (Kind::Info, Syntax::OpenMetrics) => with(without(name, "_info").unwrap_or(name), &["", "_info"]),
        (Kind::Histogram, Syntax::OpenMetrics) => with(name, &["", "_bucket", "_sum", "_count", "_created"]),
        (Kind::Summary, Syntax::OpenMetrics) => with(name, &["", "_sum", "_count", "_created"]),
        (Kind::Summary, Syntax::Text) => with(name, &["", "_sum", "_count"]),
        (Kind::Histogram, Syntax::Text) => with(name, &["", "_bucket", "_sum", "_count"]),
        _ => with(name, &[""]),
    }
}
