//! The families of one page: what stands in each, under which name, and which metrics have none.

use std::collections::HashMap;
use std::sync::Arc;

use pdata::{Descriptor, Instrument, Latest, MetricKey, NumberKind, Source};

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

impl Kind {
    fn of(instrument: Instrument) -> Self {
        match instrument {
            Instrument::Counter => Self::Counter,
            Instrument::UpDownCounter | Instrument::Gauge => Self::Gauge,
            Instrument::ExponentialHistogram | Instrument::Histogram => Self::Histogram,
            Instrument::Summary => Self::Summary,
        }
    }
}

/// A name on a page.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) help: String,
    /// In words, where the name ends in it; or else empty.
    pub(super) unit: String,
    /// Whose points stand in it, in order of arrival.
    pub(super) metrics: Vec<Standing>,
}

/// A metric of one source with points in a family.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) key: MetricKey,
    /// Whether those stand there that no name of the guide takes.
    pub(super) own: bool,
}

/// Families in the order of the page.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) format: Format,
    pub(super) families: Vec<Family>,
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
        let (plan, refused) = (Self { format, families: Vec::new() }, Vec::new());
        let (places, by_name, claims) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut draft = Draft { plan, options, places, by_name, claims, refused };
        if options.tells_sources() {
            draft.claim(Family {
                name: options.names.target_info(format.utf8),
                kind: Kind::Info,
                help: "What is known of where the metrics come from.".to_owned(),
                unit: String::new(),
                metrics: Vec::new(),
            });
        }
        latest.for_each(|source, _| draft.add(source, [Kind::Counter, Kind::Gauge]));
        latest.for_each_histogram(|source, _| draft.add(source, [Kind::Histogram, Kind::Summary]));
        let Draft { plan, refused, .. } = draft;
        (plan, refused)
    }

    /// Number of families.
    pub(crate) fn len(&self) -> usize {
        self.families.len()
    }
}

struct Draft<'o> {
    plan: Plan,
    options: &'o Options,
    /// By the address of a descriptor, which is held meanwhile.
    places: HashMap<usize, Vec<Place>>,
    by_name: HashMap<String, usize>,
    /// Whose a name of samples is.
    claims: HashMap<String, usize>,
    refused: Vec<Refused>,
}

/// A family with points of a metric in it.
struct Place {
    family: usize,
    own: bool,
}

impl Draft<'_> {
    /// Has the metric of `source` stand where it belongs, if it is of those kinds.
    fn add(&mut self, source: Source<'_>, kinds: [Kind; 2]) {
        let address = Arc::as_ptr(source.descriptor).addr();
        // Points without a value are nothing to show.
        if source.descriptor.number == NumberKind::Missing {
            return;
        }
        if !self.places.contains_key(&address) {
            let places = self.places_of(source.descriptor);
            self.places.insert(address, places);
        }
        let places = self.places.get(&address).filter(|_| kinds.contains(&Kind::of(source.descriptor.instrument)));
        for Place { family, own } in places.into_iter().flatten() {
            let metrics = &mut self.plan.families[*family].metrics;
            // Many a family has one only, and there may be many of these.
            metrics.reserve_exact(usize::from(metrics.is_empty()));
            metrics.push(Standing { key: source.key(), own: *own });
        }
    }

    fn places_of(&mut self, descriptor: &Descriptor) -> Vec<Place> {
        let kind = Kind::of(descriptor.instrument);
        let seeds = self.options.names.seeds(descriptor).iter().map(|seed| (seed.name.to_owned(), false));
        let own = self.options.names.own_family(descriptor, self.plan.format.utf8).map(|name| (name, true));
        let mut places: Vec<Place> = Vec::new();
        for (name, own) in seeds.chain(own) {
            let Some(family) = self.family(&name, kind, descriptor) else {
                self.refused.push(Refused { metric: descriptor.name.to_string(), family: name });
                continue;
            };
            match places.iter_mut().find(|place| place.family == family) {
                Some(place) => place.own |= own,
                None => places.push(Place { family, own }),
            }
        }
        places
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
        let (name, help) = (name.to_owned(), descriptor.description.to_string());
        self.claim(Family { name, kind, help, unit, metrics: Vec::new() })
    }

    /// Puts `family` on the page, unless a name in it is another's: no parser would know whose.
    fn claim(&mut self, family: Family) -> Option<usize> {
        let names = sample_names(&family, self.plan.format.syntax);
        if family.name.is_empty() || names.iter().any(|name| self.claims.contains_key(name)) {
            return None;
        }
        let index = self.plan.families.len();
        self.by_name.insert(family.name.clone(), index);
        self.claims.extend(names.into_iter().map(|name| (name, index)));
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
