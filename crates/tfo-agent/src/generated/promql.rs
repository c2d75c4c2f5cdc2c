//! Queries: what a metric is asked for on a page of either naming.

use exporter_prometheus::Naming;
use pdata::{Descriptor, Instrument, NumberKind, SeedName};

/// A query, what its lines are called, and the unit of what it answers, as Grafana spells it.
pub(super) struct Query {
    pub(super) expression: String,
    pub(super) legend: String,
    pub(super) unit: &'static str,
}

/// One name of a metric on the page.
struct Family<'d> {
    metric: &'d Descriptor,
    naming: Naming,
    name: String,
    seed: Option<&'static SeedName>,
}

/// Over how long rates are taken.
const RANGE: &str = "[$__rate_interval]";

fn families(metric: &Descriptor, naming: Naming) -> Vec<Family<'_>> {
    let names = naming.families(metric).into_iter();
    names.map(|(name, seed)| Family { metric, naming, name, seed }).collect()
}

impl Family<'_> {
    /// Labels of attributes; of those that the guide has none for, none.
    fn labels(&self, attributes: &[&str]) -> Vec<String> {
        let label = |key: &&str| match self.seed {
            Some(seed) => seed.labels.iter().find(|label| label.attribute == *key).map(|label| label.label.to_owned()),
            None => Some(self.naming.label(key)),
        };
        attributes.iter().filter_map(label).collect()
    }

    /// The series that are chosen.
    fn series(&self, suffix: &str, by: &[&str], processes: bool) -> String {
        let comm = self.labels(by).into_iter().find(|label| processes && *label == comm(self.naming));
        let comm = comm.map_or(String::new(), |label| format!(", {label}=~\"$comm\""));
        format!("{}{suffix}{{instance=~\"$instance\"{comm}}}", self.name)
    }

    /// Names of the guide that end so are in nanoseconds; everything else leaves in seconds.
    fn nanoseconds(&self) -> bool {
        self.metric.number == NumberKind::Nanoseconds && self.seed.is_some()
    }

    /// `inner`, of the most only where lines are those of processes.
    fn top(&self, operator: &str, inner: &str, by: &[String], processes: bool) -> String {
        let mut by = by.to_vec();
        if processes {
            return format!("topk($top, {operator} by ({}) ({inner}))", by.join(", "));
        }
        by.insert(0, "instance".to_owned());
        format!("{operator} by ({}) ({inner})", by.join(", "))
    }

    fn query(&self, by: &[&str], processes: bool, several: bool) -> Query {
        let labels = self.labels(by);
        let series = self.series("", by, processes);
        let rate = format!("rate({series}{RANGE})");
        let seconds = if self.nanoseconds() { format!("{rate} / 1e9") } else { rate.clone() };
        let unit = &*self.metric.unit;
        let (expression, unit) = match (self.metric.instrument, unit) {
            (Instrument::Counter, _) if self.name.contains("uptime") => {
                (self.top("max", &series, &labels, processes), "s")
            }
            (Instrument::Counter, "s") => (self.top("sum", &seconds, &labels, processes), "s"),
            (Instrument::Counter, "By") => (self.top("sum", &rate, &labels, processes), "Bps"),
            (Instrument::Counter, _) => (self.top("sum", &rate, &labels, processes), "cps"),
            (Instrument::ExponentialHistogram, _) => {
                // By series, since each has the buckets that it has met: those of several cannot be added up by `le`.
                let buckets = self.series("_bucket", by, processes);
                let quantile = format!("histogram_quantile(0.99, rate({buckets}{RANGE})) > 0");
                (self.top("max", &quantile, &labels, processes), "s")
            }
            (Instrument::UpDownCounter, _) => (self.top("sum", &series, &labels, processes), "short"),
            (_, "s") => (self.top("max", &series, &labels, processes), if self.nanoseconds() { "ns" } else { "s" }),
            (_, "By") => (self.top("max", &series, &labels, processes), "bytes"),
            // Of several that are well or not, the worst.
            _ => (self.top("min", &series, &labels, processes), "short"),
        };
        let which = self.name.trim_start_matches("tfo_").trim_start_matches("ebpf_").to_owned();
        Query { expression, legend: legend(several.then_some(which), &labels, processes), unit }
    }
}

/// The queries of a metric, one a name that it has on the page.
pub(super) fn of(metric: &Descriptor, by: &[&str], naming: Naming, processes: bool) -> Vec<Query> {
    let families = families(metric, naming);
    families.iter().map(|family| family.query(by, processes, families.len() > 1)).collect()
}

/// One counter by another.
pub(super) fn ratio(
    top: &Descriptor,
    bottom: &Descriptor,
    by: &[&str],
    naming: Naming,
    processes: bool,
) -> Option<Query> {
    let (top, bottom) = (families(top, naming).pop()?, families(bottom, naming).pop()?);
    let labels = top.labels(by);
    let rate = |family: &Family<'_>| {
        let mut labels = family.labels(by);
        labels.insert(0, "instance".to_owned());
        format!("sum by ({}) (rate({}{RANGE}))", labels.join(", "), family.series("", by, processes))
    };
    let inner = format!("{} / {} > 0", rate(&top), rate(&bottom));
    Some(Query {
        expression: top.top("max", &inner, &labels, processes),
        legend: legend(None, &labels, processes),
        unit: if top.nanoseconds() { "ns" } else { "s" },
    })
}

/// The label by which processes are chosen.
pub(super) fn comm(naming: Naming) -> String {
    naming.label("ebpf.comm")
}

fn legend(which: Option<String>, labels: &[String], processes: bool) -> String {
    let instance = (!processes).then(|| "instance".to_owned());
    let words = instance.iter().chain(labels).map(|label| format!("{{{{{label}}}}}"));
    which.into_iter().chain(words).collect::<Vec<_>>().join(" ")
}
