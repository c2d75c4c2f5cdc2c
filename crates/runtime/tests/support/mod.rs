//! Fake components that do what their configuration says, and a record of what happened to them.
//!
//! The record belongs to the thread: a test runs on one, and so do its components.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

pub(crate) mod churn;
mod extension;
mod processor;
mod receiver;
pub(crate) mod sink;
pub(crate) mod storage;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use component::{Components, Connector, ConnectorFactory, Stability};
use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, NumberKind, Point, Process, Resource, Scope,
};
use runtime::{Config, Service, Source};

pub(crate) static COMPONENTS: Components = Components {
    receivers: &[&receiver::FACTORY, &receiver::NEEDY, &churn::FACTORY],
    processors: &[&processor::HOLD, &processor::ONLY],
    exporters: &[&sink::FACTORY],
    connectors: &[&FORWARD],
    extensions: &[&extension::FACTORY, &storage::FACTORY],
};

static FORWARD: ConnectorFactory = ConnectorFactory {
    component_type: "forward",
    alias: None,
    stability: Stability::Stable,
    summary: "joins",
    requires: &[],
    configure: |_| Box::new(|_| Ok(Connector)),
};

thread_local! {
    static EVENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes that something happened.
pub(crate) fn note(event: String) {
    EVENTS.with_borrow_mut(|events| events.push(event));
}

/// What happened so far, in order.
pub(crate) fn events() -> Vec<String> {
    EVENTS.with_borrow(Clone::clone)
}

pub(crate) fn load(texts: &[(&'static str, &'static str)]) -> Result<Config, Vec<String>> {
    EVENTS.take();
    sink::forget();
    churn::forget();
    let sources: Vec<Source> = texts.iter().map(|(name, text)| Source::Text { name, text }).collect();
    Config::load(&sources, &COMPONENTS).map_err(|faults| faults.into_iter().map(String::from).collect())
}

/// Reads another configuration for the service that runs.
pub(crate) fn again(text: &'static str) -> Result<Config, Vec<component::config::Fault>> {
    Config::load(&[Source::Text { name: "g.yaml", text }], &COMPONENTS)
}

/// Runs `text`, then each of `others` from its second of paused time on, until `end`.
pub(crate) async fn run_through(text: &'static str, others: &[(u64, &'static str)], end: u64) -> component::Snapshot {
    let service = service(text);
    let observed = service.observe();
    let (request, requests) = tokio::sync::mpsc::channel(1);
    let times: Vec<u64> = others.iter().map(|(second, _)| *second).collect();
    let began = tokio::time::Instant::now();
    let shutdown = async {
        for second in times {
            tokio::time::sleep_until(began + Duration::from_secs(second)).await;
            request.send(()).await.unwrap();
        }
        tokio::time::sleep_until(began + Duration::from_secs(end)).await;
    };
    let mut texts = others.iter().map(|(_, text)| *text);
    let reloading = runtime::Reloading { requests, load: || again(texts.next().unwrap()), taken: |_, _: &_| {} };
    let mut last = None;
    let shutdown = async {
        shutdown.await;
        last = Some(observed.snapshot());
    };
    service.run_reloading(shutdown, reloading).await.unwrap();
    last.unwrap()
}

pub(crate) fn faults(text: &'static str) -> Vec<String> {
    load(&[("f.yaml", text)]).err().unwrap_or_default()
}

pub(crate) fn service(text: &'static str) -> Service {
    let config = load(&[("f.yaml", text)]).unwrap_or_else(|faults| panic!("{faults:#?}"));
    config.build().unwrap_or_else(|failures| panic!("{failures:?}"))
}

/// Runs the service for `seconds` of paused time.
pub(crate) async fn run_for(service: Service, seconds: u64) -> runtime::Summary {
    service.run(tokio::time::sleep(Duration::from_secs(seconds))).await.unwrap()
}

pub(crate) fn totals(summary: &runtime::Summary, id: &str) -> runtime::Totals {
    summary.exporters.iter().find(|(exporter, _)| exporter.to_string() == id).unwrap().1
}

/// One point of each stream `0..streams` of `source`, all with `value` as value and time.
pub(crate) fn batch(source: &str, streams: u64, value: u64) -> Batch {
    let descriptor = Arc::new(Descriptor {
        name: "calls".into(),
        unit: "{call}".into(),
        description: "".into(),
        instrument: Instrument::Counter,
        number: NumberKind::Unsigned,
        ..Default::default()
    });
    let point = |stream: u64| Point {
        attributes: Arc::new(Attributes::new(vec![
            ("source", AttributeValue::Text(source.into())),
            ("stream", AttributeValue::Int(stream.cast_signed())),
        ])),
        start: 0,
        time: value,
        bits: value,
    };
    let metrics = vec![Metric { descriptor, points: (0..streams).map(point).collect() }];
    Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "0")), metrics)
}

pub(crate) fn process(comm: &str) -> Process {
    Process { pid: 1, start_boottime: 0, comm: comm.into(), uid: 0, cgroup: None, is_agent: false }
}
