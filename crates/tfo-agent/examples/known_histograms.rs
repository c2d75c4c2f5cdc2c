//! The agent with a receiver of known distributions in place of eBPF, so that what real peers make of
//! them can be compared to the last bucket: `tests/e2e/histograms` starts it, and knows the same figures.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use component::{BoxFuture, Components, Output, Receiver, ReceiverFactory, Shutdown, Stability};
use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, ExponentialHistogram, HistogramMetric, HistogramPoint, Instrument,
    Metric, Metrics, NumberKind, OwnAttributes, Point, Process, Resource, Scope,
};
use runtime::{Config, Source};
use tokio::signal::unix::{SignalKind, signal};

static COMPONENTS: Components = Components {
    receivers: &[&KNOWN],
    processors: &[&processor::process_filter::FACTORY, &processor::interval::FACTORY],
    exporters: &[&exporter_otlp::FACTORY, &exporter_prometheus::FACTORY, &exporter_debug::FACTORY],
    connectors: &[],
    extensions: &[],
};

static KNOWN: ReceiverFactory = ReceiverFactory {
    component_type: "known_histograms",
    alias: None,
    stability: Stability::Alpha,
    summary: "sends the same distributions every second",
    requires: &[],
    configure: |_| Box::new(|_| Ok(Box::new(Known))),
};

struct Known;

impl Receiver for Known {
    fn run(self: Box<Self>, output: Output, mut shutdown: Shutdown) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            let started = now();
            while !shutdown.is_requested() {
                output.send(Arc::new(batch(started, now()))).await;
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    () = shutdown.requested() => {}
                }
            }
            output.send(Arc::new(batch(started, now()))).await;
            Ok(())
        })
    }
}

/// By stream: scale, observations of zero, number of the first bucket, counts, sum in nanoseconds.
type Distribution = (&'static str, i32, u64, i32, &'static [u64], u64);

const DISTRIBUTIONS: [Distribution; 5] = [
    ("read", 0, 3, -31, &[0, 5, 70, 0, 0, 0, 0, 900, 0, 1, 0], 1_234_567_890),
    ("write", 2, 0, -60, &[1, 2, 3, 4, 5, 4, 3, 2, 1_000_000_000_000], 98_765_432_109_876_543),
    ("fsync", 10, 0, -3, &[1, 1, 1, 1, 1, 1], 6_000_000_000),
    ("idle", 0, 0, 0, &[], 0),
    ("zeros", 0, 42, 0, &[0, 0], 0),
];

fn batch(start: u64, time: u64) -> Batch {
    let process = Process { pid: 4242, start_boottime: 1, comm: "known".into(), uid: 0, cgroup: None, is_agent: false };
    let process = Arc::new(process);
    let set = |name| {
        let own = OwnAttributes::new(vec![("ebpf.syscall.name", AttributeValue::Static(name))]);
        Arc::new(Attributes::of_process(process.clone(), own))
    };
    let histogram = |(name, scale, zero_count, offset, counts, sum): Distribution| {
        let histogram = ExponentialHistogram { scale, zero_count, offset, counts: counts.into(), sum, extras: None };
        let histogram = Arc::new(histogram.into());
        HistogramPoint { attributes: set(name), start, time, histogram }
    };
    let number = |name| vec![Point { attributes: set(name), start, time, bits: 7 }];
    let metrics = Metrics {
        numbers: vec![
            Metric {
                descriptor: described("known.calls", "{call}", Instrument::Counter),
                points: number("read").into(),
            },
            Metric { descriptor: described("known.depth", "{call}", Instrument::Gauge), points: number("read").into() },
        ],
        histograms: vec![HistogramMetric {
            descriptor: described("known.duration", "s", Instrument::ExponentialHistogram),
            points: DISTRIBUTIONS.into_iter().map(histogram).collect(),
        }],
    };
    let resource = Resource::new(vec![("service.name", AttributeValue::Static("known"))]);
    Batch::of(Arc::new(resource), Arc::new(Scope::new("known_histograms", "0")), metrics)
}

fn described(name: &'static str, unit: &'static str, instrument: Instrument) -> Arc<Descriptor> {
    let number = if unit == "s" { NumberKind::Nanoseconds } else { NumberKind::Unsigned };
    let description = "Known to the test.".into();
    Arc::new(Descriptor { name: name.into(), unit: unit.into(), description, instrument, number, ..Default::default() })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().try_into().unwrap_or(u64::MAX)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path: PathBuf = std::env::args_os().nth(1).ok_or("usage: known_histograms CONFIG")?.into();
    let config = Config::load(&[Source::File(path)], &COMPONENTS);
    let config = config.map_err(|faults| faults.iter().map(|fault| format!("{fault}\n")).collect::<String>())?;
    tracing_subscriber::fmt().init();
    let mut service = config.build().map_err(|failures| failures[0].to_string())?;
    service.prepare().map_err(|failure| failure.to_string())?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            terminate.recv().await;
        };
        service.run(stop).await.map_err(|failure| failure.to_string())?;
        Ok(())
    })
}
