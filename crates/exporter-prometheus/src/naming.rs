//! What a metric and its labels are called on the page.

use std::borrow::Cow;

use pdata::{Attributes, Descriptor, Instrument, SeedName};

/// Whose names the page uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// Those of the operations guide; what it has no name for gets the prefix `tfo_`.
    Seed,
    /// OpenTelemetry's, translated by the OTLP-to-Prometheus rules.
    Otel,
}

impl Naming {
    /// The guide's names of the metric, where they are the ones to print.
    pub(crate) fn seeds(self, descriptor: &Descriptor) -> &'static [SeedName] {
        let counted = !matches!(
            descriptor.instrument,
            Instrument::ExponentialHistogram | Instrument::Histogram | Instrument::Summary
        );
        if counted && self == Self::Seed { descriptor.seeds } else { &[] }
    }

    /// The families that points of the metric may stand in.
    pub(crate) fn families(self, descriptor: &Descriptor) -> Vec<Cow<'static, str>> {
        let seeds = self.seeds(descriptor).iter().map(|seed| seed.name.into());
        seeds.chain(self.own_family(descriptor)).collect()
    }

    /// The family of those points that stand under none of the guide's names; `None` where one of these takes all.
    pub(crate) fn own_family(self, descriptor: &Descriptor) -> Option<Cow<'static, str>> {
        if self.seeds(descriptor).iter().any(|seed| seed.only.is_empty()) {
            return None;
        }
        let name = translate(&descriptor.name, &descriptor.unit, descriptor.instrument);
        let prefixed = self == Self::Otel || name.starts_with("tfo_");
        Some(if prefixed { name.into() } else { format!("tfo_{name}").into() })
    }

    /// Label of an attribute, on points that the guide has no name for.
    pub(crate) fn label(self, key: &str) -> Cow<'_, str> {
        match (self, key) {
            (Self::Seed, Attributes::PID) => "pid".into(),
            (Self::Seed, Attributes::COMM) => "comm".into(),
            (Self::Seed, Attributes::OVERFLOW) => OVERFLOW.into(),
            _ => sanitize(key),
        }
    }
}

/// Label of the series that takes what found no place of its own, under [`Naming::Seed`].
pub(crate) const OVERFLOW: &str = "overflow";

/// OpenTelemetry's compatibility/prometheus_and_openmetrics.md, "Metric Metadata": words
/// joined by underscores, then the unit, then `total` on counters; no word of these twice.
fn translate(name: &str, unit: &str, instrument: Instrument) -> String {
    let mut words: Vec<&str> = split(name).collect();
    let unit_words: Vec<&str> = match UNITS.iter().find(|(symbol, _)| *symbol == unit) {
        Some((_, word)) => vec![*word],
        None if unit == "1" && instrument == Instrument::Gauge => vec!["ratio"],
        None if unit == "1" || unit.starts_with('{') => vec![],
        None => split(unit).collect(),
    };
    if !unit_words.iter().all(|word| words.contains(word)) {
        words.extend(unit_words);
    }
    if instrument == Instrument::Counter {
        words.retain(|word| *word != "total");
        words.push("total");
    }
    let digit_first = words.first().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    format!("{}{}", if digit_first { "_" } else { "" }, words.join("_"))
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|word| !word.is_empty())
}

/// A label name: letters, digits and underscores, no digit first.
fn sanitize(key: &str) -> Cow<'_, str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digit_first = key.starts_with(|c: char| c.is_ascii_digit());
    if key.chars().all(word) && !digit_first {
        return key.into();
    }
    let label = key.replace(|c| !word(c), "_");
    if digit_first { format!("key_{label}").into() } else { label.into() }
}

const UNITS: [(&str, &str); 10] = [
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("min", "minutes"),
    ("h", "hours"),
    ("d", "days"),
    ("By", "bytes"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn otel_names_follow_the_translation_rules() {
        use Instrument::{Counter, ExponentialHistogram, Gauge, UpDownCounter};
        let cases = [
            ("ebpf.syscalls", "{call}", Counter, "ebpf_syscalls_total"),
            ("ebpf.sched.oncpu.time", "s", Counter, "ebpf_sched_oncpu_time_seconds_total"),
            ("process.network.io", "By", Counter, "process_network_io_bytes_total"),
            ("tfo.budget.cpu.utilization", "1", Gauge, "tfo_budget_cpu_utilization_ratio"),
            ("a..total.bytes", "By", Counter, "a_bytes_total"),
            ("9.lives", "1", UpDownCounter, "_9_lives"),
            ("x", "By/s", Gauge, "x_By_s"),
            ("ebpf.tcp.rtt", "s", ExponentialHistogram, "ebpf_tcp_rtt_seconds"),
        ];
        for (name, unit, instrument, expected) in cases {
            assert_eq!(translate(name, unit, instrument), expected);
        }
    }

    #[test]
    fn label_names_are_sanitized() {
        assert_eq!(Naming::Otel.label("process.pid"), "process_pid");
        assert_eq!(Naming::Otel.label("9a-b"), "key_9a_b");
        assert_eq!(Naming::Seed.label("process.pid"), "pid");
        assert_eq!(Naming::Seed.label("error.type"), "error_type");
    }
}
