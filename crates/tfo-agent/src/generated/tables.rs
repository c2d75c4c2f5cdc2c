//! docs/metrics.md: the tables of all metrics, between two comments.

use std::fmt::Write as _;
use std::path::Path;

use exporter_prometheus::Naming;
use pdata::{Descriptor, Instrument};

use super::keep;

const PAGE: &str = "docs/metrics.md";

#[test]
fn the_page_of_metrics_has_the_tables_of_the_catalog() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE);
    let mut page = std::fs::read_to_string(path).unwrap();
    let counted: Vec<_> = receiver_ebpf::catalog().iter().map(|metric| Descriptor::clone(metric)).collect();
    for (name, table) in [("catalog", table(&counted)), ("own", table(&runtime::own_descriptors()))] {
        let (begin, end) = (format!("<!-- {name}: made by make docs -->\n"), format!("<!-- end of {name} -->\n"));
        let from = page.find(&begin).unwrap_or_else(|| panic!("{PAGE} has no {begin}")) + begin.len();
        let to = page.find(&end).unwrap_or_else(|| panic!("{PAGE} has no {end}"));
        page.replace_range(from..to, &table);
    }
    keep(PAGE, &page);
}

fn table(metrics: &[Descriptor]) -> String {
    let mut table = "| metric | is a | unit | on the page, `naming: seed` | `naming: otel` | meaning |\n|---|---|---|---|---|---|\n".to_owned();
    for metric in metrics {
        let names = |naming: Naming| {
            let names = naming.families(metric).into_iter().map(|(name, _)| format!("`{name}`"));
            names.collect::<Vec<_>>().join(", ")
        };
        let kind = match metric.instrument {
            Instrument::Counter => "counter",
            Instrument::UpDownCounter => "up-down counter",
            Instrument::Gauge => "gauge",
            Instrument::ExponentialHistogram | Instrument::Histogram => "histogram",
            Instrument::Summary => "summary",
        };
        let (seed, otel) = (names(Naming::Seed), names(Naming::Otel));
        let Descriptor { name, unit, description, .. } = metric;
        writeln!(table, "| `{name}` | {kind} | `{unit}` | {seed} | {otel} | {description} |").unwrap();
    }
    table
}
