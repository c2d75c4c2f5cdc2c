//! That a page says what the batches said that are on it, whoever's names it uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use component::config::{Configuration as _, Faults, Section};
use component::{Endpoint, Exporter as _};
use exporter_prometheus::{Config, Naming, Prometheus};
use pdata::{
    AttributeValue, Attributes, Batch, ExponentialHistogram, HistogramPoint, Instrument, Metric, Metrics,
    OwnAttributes, Point, Process, Resource, Scope, UnixNanos,
};

use super::sink;
use super::{BRIEF, Page, Reading};
use crate::top::figures::{ORIGINS, Place};
use crate::top::reading::{Own, Who};

/// A time in whole milliseconds, of now: pages forget what is old.
fn time() -> UnixNanos {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since_epoch.as_millis()).unwrap() * 1_000_000
}

/// Every metric of the catalog, each with streams of two processes and of nobody, that differ in what the view looks at.
fn batch() -> Batch {
    let time = time();
    let attributes = |pid: u32, value: u64| {
        let own = vec![
            ("ebpf.syscall.name", AttributeValue::Static(["read", "write"][usize::try_from(value % 2).unwrap()])),
            (
                "network.io.direction",
                AttributeValue::Static(["receive", "transmit"][usize::try_from(value % 2).unwrap()]),
            ),
            ("network.transport", AttributeValue::Static(["tcp", "udp"][usize::try_from(value / 2 % 2).unwrap()])),
            (
                "ebpf.file.operation",
                AttributeValue::Static(["read", "write", "open"][usize::try_from(value % 3).unwrap()]),
            ),
            (
                "system.paging.fault.type",
                AttributeValue::Static(["major", "minor"][usize::try_from(value % 2).unwrap()]),
            ),
        ];
        let comm = format!("a\"{pid} \\");
        let process = Process { pid, start_boottime: 0, comm: comm.into(), uid: 0, cgroup: None, is_agent: false };
        if pid == 0 {
            return Arc::new(Attributes::new(
                own.into_iter().chain([(Attributes::OVERFLOW, AttributeValue::Bool(true))]).collect(),
            ));
        }
        Arc::new(Attributes::of_process(Arc::new(process), OwnAttributes::new(own)))
    };
    let streams: Vec<(u32, u64)> = (0..3).flat_map(|pid| (0..6).map(move |value| (pid, value))).collect();
    let mut metrics = Metrics::default();
    for (place, descriptor) in receiver_ebpf::catalog().into_iter().enumerate() {
        let of = u64::try_from(place).unwrap() * 1_000_000;
        if descriptor.instrument == Instrument::ExponentialHistogram {
            let point = |(pid, value): &(u32, u64)| {
                let counts = [*value, 0, of, 7].into();
                let histogram =
                    ExponentialHistogram { scale: 2, zero_count: 0, offset: -20, counts, sum: 9, extras: None };
                HistogramPoint {
                    attributes: attributes(*pid, *value),
                    start: 1,
                    time,
                    histogram: Arc::new(histogram.into()),
                }
            };
            metrics.histograms.push(Metric { descriptor, points: streams.iter().map(point).collect() });
        } else {
            let point = |(pid, value): &(u32, u64)| {
                let bits = of + u64::from(*pid) * 1000 + value;
                Point { attributes: attributes(*pid, *value), start: 1, time, bits }
            };
            metrics.numbers.push(Metric { descriptor, points: streams.iter().map(point).collect() });
        }
    }
    Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "")), metrics)
}

/// What is on the page of `batch`.
async fn by_page(batch: &Batch, naming: Naming) -> Reading {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let default = Section::read_node(None, &mut Faults::default(), Config::read);
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
    let mut exporter =
        Prometheus::new(&"prometheus".parse().unwrap(), &Config { endpoint, naming, ..default }).unwrap();
    exporter.start().await.unwrap();
    exporter.export(Arc::new(batch.clone())).await.unwrap();
    let page = Page::new(&format!("http://127.0.0.1:{port}")).unwrap();
    let reading = page.fetch(std::time::Duration::from_secs(60)).await.unwrap();
    exporter.shutdown().await;
    reading
}

/// Numbers as whole ones: seconds differ in the last place that a double has.
fn rounded(reading: &Reading) -> BTreeMap<String, (Vec<u64>, String)> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are small")]
    let whole = |number: &f64| (number * 1e9).round() as u64;
    let row = |(who, totals): (&Who, &crate::top::reading::Totals)| {
        let numbers = totals.numbers.iter().map(whole).collect();
        (format!("{who:?}"), (numbers, format!("{:?} {:?}", totals.spreads, totals.times)))
    };
    reading.rows.iter().map(row).collect()
}

#[tokio::test]
async fn pages_in_both_namings_say_what_batches_say() {
    let batch = batch();
    let mut direct = Reading::default();
    sink::read(&batch, &mut direct);
    assert_eq!(direct.rows.len(), 3);
    for origin in ORIGINS.iter().filter(|origin| matches!(origin.place, Place::Number(_))) {
        let Place::Number(figure) = origin.place else { continue };
        assert!(direct.rows.values().all(|row| row.of(figure) > 0.0), "{figure:?} is nowhere");
    }
    for naming in [Naming::Seed, Naming::Otel] {
        let page = by_page(&batch, naming).await;
        assert_eq!(rounded(&page), rounded(&direct), "{naming:?}");
        let own = |reading: &Reading| {
            [Own::ProgramTime, Own::Loss, Own::MapMemory, Own::Attached].map(|own| reading.agent.get(own))
        };
        for (page, direct) in own(&page).into_iter().zip(own(&direct)) {
            assert!((page.unwrap() - direct.unwrap()).abs() < 1e-6, "{naming:?}: {page:?} {direct:?}");
        }
    }
}

#[tokio::test]
async fn a_page_without_figures_of_an_agent_is_none() {
    let empty = Batch::default();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = Page::new(&format!("http://127.0.0.1:{port}/metrics")).unwrap();
    assert!(away.fetch(BRIEF).await.is_err());
    let default = Section::read_node(None, &mut Faults::default(), Config::read);
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port };
    let mut exporter = Prometheus::new(&"prometheus".parse().unwrap(), &Config { endpoint, ..default }).unwrap();
    exporter.start().await.unwrap();
    exporter.export(Arc::new(empty)).await.unwrap();
    assert!(away.fetch(BRIEF).await.unwrap_err().contains("no figure"));
    let wrong = Page::new(&format!("http://127.0.0.1:{port}/elsewhere")).unwrap();
    assert!(wrong.fetch(BRIEF).await.unwrap_err().contains("404"));
    exporter.shutdown().await;
}
