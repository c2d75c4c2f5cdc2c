//! What is made of the metric catalog and kept in the checkout: the dashboards in deploy/grafana, the tables of
//! docs/metrics.md. What differs from the catalog fails; `make docs` (`TFO_WRITE=1`) writes it anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is compiled for tests only")]

mod dashboards;
mod promql;
mod rows;
mod tables;

use std::path::Path;

use pdata::Descriptor;

/// Every metric that can leave the agent by itself: what it counts, and its own figures.
fn catalog() -> Vec<Descriptor> {
    let counted = receiver_ebpf::catalog().into_iter().map(|metric| Descriptor::clone(&metric));
    counted.chain(runtime::own_descriptors()).collect()
}

/// Compares a file of the checkout with what it should be, or writes it.
fn keep(file: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    if std::env::var_os("TFO_WRITE").is_some() {
        std::fs::write(path, wanted).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    let lines = kept.lines().zip(wanted.lines()).position(|(kept, wanted)| kept != wanted);
    let place = lines.unwrap_or_else(|| kept.lines().count().min(wanted.lines().count())) + 1;
    assert!(kept == wanted, "{file}:{place} is not what the catalog says: make docs writes it");
}
