//! What a metric and its labels are called on the page.

use std::borrow::Cow;

use pdata::{Attributes, Descriptor, Instrument, SeedName};

use crate::translate::{self, Strategy};

/// Whose names the page uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Those of the operations guide; what it has no name for gets the prefix `tfo_`.
    Seed,
    /// OpenTelemetry's, translated by the OTLP-to-Prometheus rules.
    Otel,
}

impl Naming {
    /// Names under which points of a metric stand on a page that has no other keys; where one is the guide's, what it says.
    #[must_use]
    pub fn families(self, descriptor: &Descriptor) -> Vec<(String, Option<&'static SeedName>)> {
        let names = self.names();
        let seeds = names.seeds(descriptor).iter().map(|seed| (seed.name.to_owned(), Some(seed)));
        seeds.chain(names.own_family(descriptor, false).map(|name| (name, None))).collect()
    }

    /// Label of an attribute there, where the guide does not say another.
    #[must_use]
    pub fn label(self, attribute: &str) -> String {
        self.names().label(attribute, false).into_owned()
    }

    fn names(self) -> Names {
        Names { naming: self, strategy: Strategy::UnderscoreEscapingWithSuffixes, namespace: String::new() }
    }
}

/// How names are made, for one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) naming: Naming,
    pub(crate) strategy: Strategy,
    /// In front of every name; empty for none.
    pub(crate) namespace: String,
}

impl Names {
    /// The guide's names of the metric, where they are the ones to print.
    pub(crate) fn seeds(&self, descriptor: &Descriptor) -> &'static [SeedName] {
        let counted = !matches!(
            descriptor.instrument,
            Instrument::ExponentialHistogram | Instrument::Histogram | Instrument::Summary
        );
        if counted && self.naming == Naming::Seed { descriptor.seeds } else { &[] }
    }

    /// The family of those points that stand under none of the guide's names; `None` where one of these takes all.
    ///
    /// `utf8` says that the scraper takes any character.
    pub(crate) fn own_family(&self, descriptor: &Descriptor, utf8: bool) -> Option<String> {
        if self.seeds(descriptor).iter().any(|seed| seed.only.is_empty()) {
            return None;
        }
        let Descriptor { name, unit, instrument, .. } = descriptor;
        let name = self.strategy.metric(&self.namespace, name, unit, *instrument);
        Some(match self.naming {
            Naming::Seed if !name.starts_with("tfo_") => format!("tfo_{name}"),
            Naming::Otel if !utf8 => translate::escaped(&name).into_owned(),
            Naming::Seed | Naming::Otel => name,
        })
    }

    /// The family that tells about resources.
    pub(crate) fn target_info(&self, utf8: bool) -> String {
        let name = if self.namespace.is_empty() {
            TARGET_INFO.to_owned()
        } else {
            format!("{}_{TARGET_INFO}", self.namespace)
        };
        if utf8 && self.strategy.keeps_characters() { name } else { translate::escaped(&name).into_owned() }
    }

    /// Label of an attribute, on points that the guide has no name for.
    pub(crate) fn label<'k>(&self, key: &'k str, utf8: bool) -> Cow<'k, str> {
        match (self.naming, key) {
            (Naming::Seed, Attributes::PID) => "pid".into(),
            (Naming::Seed, Attributes::COMM) => "comm".into(),
            (Naming::Seed, Attributes::OVERFLOW) => OVERFLOW.into(),
            (Naming::Otel, key) if utf8 && self.strategy.keeps_characters() => key.into(),
            _ => translate::label(key),
        }
    }
}

/// Label of the series that takes what found no place of its own, under [`Naming::Seed`].
pub(crate) const OVERFLOW: &str = "overflow";

const TARGET_INFO: &str = "target_info";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_the_guide_s_or_made_of_keys() {
        let of = |naming, strategy| Names { naming, strategy, namespace: String::new() };
        let otel = of(Naming::Otel, Strategy::NoTranslation);
        assert_eq!(otel.label("process.pid", false), "process_pid");
        assert_eq!(otel.label("process.pid", true), "process.pid");
        let seed = of(Naming::Seed, Strategy::UnderscoreEscapingWithSuffixes);
        assert_eq!(seed.label("process.pid", false), "pid");
        assert_eq!(seed.label("error.type", true), "error_type");
    }

    #[test]
    fn the_namespace_stands_in_front_of_target_info_too() {
        let names = |strategy| Names { naming: Naming::Otel, strategy, namespace: "my.app".to_owned() };
        assert_eq!(names(Strategy::NoTranslation).target_info(true), "my.app_target_info");
        assert_eq!(names(Strategy::NoTranslation).target_info(false), "my_app_target_info");
        assert_eq!(names(Strategy::UnderscoreEscapingWithSuffixes).target_info(true), "my_app_target_info");
    }
}
