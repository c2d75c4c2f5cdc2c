//! The lines of each verbosity.

use std::io::{self, Write};
use std::sync::Mutex;

use component::config::Faults;
use pdata::{
    AttributeValue, Attributes, Descriptor, ExplicitHistogram, ExponentialHistogram, Extras, HistogramMetric,
    HistogramPoint, Instrument, Metric, Metrics, NumberKind, OwnAttributes, Point, Process, Resource, Scope, Summary,
    Temporality,
};

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn metric(number: NumberKind, values: &[u64]) -> Metric {
    let descriptor = Descriptor {
        name: "ebpf.things".into(),
        unit: "s".into(),
        description: "".into(),
        instrument: Instrument::Counter,
        number,
        ..Default::default()
    };
    let process =
        Arc::new(Process { pid: 7, start_boottime: 0, comm: "sh".into(), uid: 0, cgroup: None, is_agent: false });
    let attributes =
        Arc::new(Attributes::of_process(process, OwnAttributes::new(vec![("ok", AttributeValue::Bool(true))])));
    let point = |bits: &u64| Point { attributes: attributes.clone(), start: 1, time: 2, bits: *bits };
    Metric { descriptor: Arc::new(descriptor), points: values.iter().map(point).collect() }
}

fn lines(verbosity: Verbosity) -> Vec<String> {
    let numbers = vec![metric(NumberKind::Unsigned, &[u64::MAX]), metric(NumberKind::Nanoseconds, &[1_500_000_000, 0])];
    lines_of(verbosity, numbers.into())
}

fn lines_of(verbosity: Verbosity, metrics: Metrics) -> Vec<String> {
    let (resource, scope) = (Resource::default(), Scope::new("test", "0"));
    let batch = Batch::of(Arc::new(resource), Arc::new(scope), metrics);

    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .without_time()
        .with_target(false)
        .with_ansi(false)
        .finish();
    let mut exporter = Debug::new(&"debug/x".parse().unwrap(), &Config { verbosity, ..default() });
    tracing::subscriber::with_default(subscriber, || drop(exporter.export(Arc::new(batch))));
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn each_verbosity_has_its_lines() {
    let head = r#"INFO Metrics otelcol.component.id=debug/x resource metrics=1 metrics=2 data points=3"#;
    assert_eq!(lines(Verbosity::Basic), [head]);
    let normal = lines(Verbosity::Normal);
    assert_eq!(normal[0], head);
    assert_eq!(
        normal[1..],
        [
            "INFO ResourceMetrics #0",
            "ScopeMetrics #0 test@0",
            "ebpf.things{process.pid=7,ebpf.comm=sh,ok=true} 18446744073709551615",
            "ebpf.things{process.pid=7,ebpf.comm=sh,ok=true} 1.5",
            "ebpf.things{process.pid=7,ebpf.comm=sh,ok=true} 0",
            "otelcol.component.id=debug/x",
        ]
    );
}

/// Metrics as in the Collector's own test, `metrics_with_all_types.out`, but for what is not kept here: exemplars.
#[test]
fn detailed_is_the_collector_s_text() {
    let of = |instrument, number| {
        let temporality =
            if instrument == Instrument::ExponentialHistogram { Temporality::Delta } else { Temporality::Cumulative };
        let (name, unit) = ("m".into(), "1".into());
        Arc::new(Descriptor {
            name,
            unit,
            instrument,
            number,
            temporality,
            description: "".into(),
            ..Default::default()
        })
    };
    let attributes = Arc::new(Attributes::new(vec![("label-1", AttributeValue::Static("label-value-1"))]));
    let (start, time) = (1_581_452_772_000_000_321, 1_581_452_773_000_000_789);
    let number = |instrument, kind, bits| Metric {
        descriptor: of(instrument, kind),
        points: vec![Point { attributes: attributes.clone(), start, time, bits }].into(),
    };
    let histogram = |instrument, histogram| HistogramMetric {
        descriptor: of(instrument, NumberKind::Double),
        points: vec![HistogramPoint { attributes: attributes.clone(), start, time, histogram: Arc::new(histogram) }]
            .into(),
    };
    let numbers = vec![
        number(Instrument::Gauge, NumberKind::Signed, 123),
        number(Instrument::Counter, NumberKind::Double, 1.23_f64.to_bits()),
    ];
    let (bounds, counts) = ([1.0].into(), [0, 1].into());
    let (sum, min, max) = (Some(15.0), Some(15.0), Some(15.0));
    let extras = Extras { negative_offset: -1, negative: [1, 1].into(), ..Extras::default() };
    let exponential = ExponentialHistogram {
        scale: 1,
        zero_count: 1,
        offset: 1,
        counts: [1, 1].into(),
        sum: 0.15_f64.to_bits(),
        extras: Some(Box::new(extras)),
    };
    let quantiles = [(0.01, 15.0)].into();
    let histograms = vec![
        histogram(
            Instrument::Histogram,
            ExplicitHistogram { bounds, counts, count: 1, sum, min, max, missing: false }.into(),
        ),
        histogram(Instrument::ExponentialHistogram, exponential.into()),
        histogram(Instrument::Summary, Summary { count: 1, sum: 15.0, quantiles, missing: false }.into()),
    ];
    let resource = Resource::new(vec![("resource-attr", AttributeValue::Static("resource-attr-val-1"))]);
    let batch = Batch::of(Arc::new(resource), Arc::new(Scope::default()), Metrics { numbers, histograms });
    assert_eq!(detailed::text(&batch), include_str!("detailed.out"));
}

#[test]
fn basic_is_the_default() {
    let config = Section::read_node(None, &mut Faults::default(), Config::read);
    assert_eq!(config.verbosity, Verbosity::Basic);
}

fn default() -> Config {
    Section::read_node(None, &mut Faults::default(), Config::read)
}

#[test]
fn of_many_batches_in_a_second_some_are_written() {
    let sampled = |sampling_initial, sampling_thereafter| {
        let config = Config { sampling_initial, sampling_thereafter, ..default() };
        let mut exporter = Debug::new(&"debug/x".parse().unwrap(), &config);
        let began = Instant::now();
        // Ten in the first second, one in the next.
        (0..11).map(|batch| exporter.is_sampled(began + Duration::from_millis(100 * batch))).collect::<Vec<_>>()
    };
    let at = |places: &[usize]| (0..11).map(|place| places.contains(&place)).collect::<Vec<_>>();
    assert_eq!(sampled(2, 1), vec![true; 11]);
    assert_eq!(sampled(2, 3), at(&[0, 1, 4, 7, 10]));
    assert_eq!(sampled(1, 0), at(&[0, 10]));
}
