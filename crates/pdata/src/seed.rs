//! What the operations guide calls a metric: names, conditions, labels, spellings.

use crate::Value;

/// A name of the operations guide, and which points of the metric it takes.
///
/// Streams that differ only in attributes not listed here are one series there:
/// their values are added up. A point that meets the conditions of several names
/// stands under each of them; one that meets none stands under the metric's own name.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SeedName {
    /// Full name on a Prometheus page, such as `tfo_ebpf_syscall_count`.
    pub name: &'static str,
    /// Labels, in the order in which they are printed.
    pub labels: &'static [SeedLabel],
    /// Attributes with their texts that a point must have, all of them, to count here; none: every point does.
    pub only: &'static [(&'static str, &'static str)],
}

/// One label of the operations guide, and the attribute that it shows.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SeedLabel {
    /// Label on the page, such as `syscall`.
    pub label: &'static str,
    /// Attribute key, such as `ebpf.syscall.name`.
    pub attribute: &'static str,
    /// Values that the guide spells differently: the attribute's, then the guide's. Others are printed as they are.
    pub spelling: &'static [(&'static str, &'static str)],
}

impl SeedName {
    /// A name that takes every point of its metric.
    #[must_use]
    pub const fn new(name: &'static str, labels: &'static [SeedLabel]) -> Self {
        Self { name, labels, only: &[] }
    }

    /// The same name, for points with these attributes only.
    #[must_use]
    pub const fn only(self, only: &'static [(&'static str, &'static str)]) -> Self {
        Self { only, ..self }
    }

    /// Whether a point with `attributes` counts under this name.
    #[must_use]
    pub fn takes(&self, attributes: &[(&str, Value<'_>)]) -> bool {
        self.only.iter().all(|(wanted, text)| {
            attributes.iter().any(|(key, value)| key == wanted && value.as_str().is_some_and(|value| value == *text))
        })
    }
}

impl SeedLabel {
    /// A label that shows the attribute's value as it is.
    #[must_use]
    pub const fn new(label: &'static str, attribute: &'static str) -> Self {
        Self { label, attribute, spelling: &[] }
    }

    /// The same label, with some values spelled the guide's way.
    #[must_use]
    pub const fn spelled(self, spelling: &'static [(&'static str, &'static str)]) -> Self {
        Self { spelling, ..self }
    }

    /// The guide's word for a value.
    #[must_use]
    pub fn spell<'v>(&self, value: &'v str) -> &'v str {
        self.spelling.iter().find(|(ours, _)| *ours == value).map_or(value, |(_, guide)| guide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Both ways of writing one down are good for a static.
    static SENT: SeedName = SeedName::new("sent", &[SeedLabel::new("pid", "process.pid")])
        .only(&[("network.transport", "tcp"), ("network.io.direction", "transmit")]);
    static STATE: SeedLabel =
        SeedLabel { label: "state", attribute: "ebpf.tcp.state.to", spelling: &[("syn_received", "SYN_RECV")] };

    #[test]
    fn a_name_takes_the_points_that_meet_all_of_its_conditions() {
        let point = |transport: &'static str, direction: &'static str| {
            [("network.io.direction", direction), ("network.transport", transport), ("network.type", "ipv4")]
                .map(|(key, value)| (key, Value::Text(value)))
        };
        assert!(SENT.takes(&point("tcp", "transmit")));
        assert!(!SENT.takes(&point("udp", "transmit")));
        assert!(!SENT.takes(&point("tcp", "receive")));
        assert!(!SENT.takes(&point("tcp", "transmit")[..1]), "an attribute that is not there meets nothing");
        assert!(!SENT.takes(&[("network.transport", Value::Int(6))]));
        assert!(SeedName::new("all", &[]).takes(&[]));
    }

    #[test]
    fn a_value_without_another_spelling_stays() {
        assert_eq!(STATE.spell("syn_received"), "SYN_RECV");
        assert_eq!(STATE.spell("new"), "new");
        assert_eq!(SENT.labels[0].spell("7"), "7");
    }
}
