//! The lines of each verbosity.

use std::io::{self, Write};
use std::sync::Mutex;

use component::config::Faults;
use pdata::{AttributeValue, HistogramMetric, Instrument, Metric, Metrics, OwnAttributes, Process, Resource, Scope};

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
    assert_eq!(lines(Verbosity::Basic), ["INFO batch otelcol.component.id=debug/x resources=1 metrics=2 points=3"]);
    assert_eq!(
        lines(Verbosity::Normal),
        [
            r#"INFO metric otelcol.component.id=debug/x name="ebpf.things" unit="s" points=1"#,
            r#"INFO metric otelcol.component.id=debug/x name="ebpf.things" unit="s" points=2"#,
        ]
    );
    let detailed = lines(Verbosity::Detailed);
    assert_eq!(detailed.len(), 3);
    assert_eq!(
        detailed[1],
        "INFO point otelcol.component.id=debug/x name=\"ebpf.things\" unit=\"s\" value=1.5 \
         attributes={process.pid=7, ebpf.comm=sh, ok=true} start=1 time=2"
    );
    assert!(detailed[0].contains(&format!("value={}", u64::MAX)), "{detailed:?}");
}

#[test]
fn a_histogram_shows_the_buckets_that_are_not_empty() {
    let Metric { descriptor, points } = metric(NumberKind::Nanoseconds, &[0]);
    let descriptor = Descriptor { instrument: Instrument::ExponentialHistogram, ..(*descriptor).clone() };
    let counts = [0, 4, 0, 1].into();
    let point = |histogram| {
        let (attributes, start, time) = (points[0].attributes.clone(), 1, 2);
        HistogramPoint { attributes, start, time, histogram: Arc::new(Distribution::from(histogram)) }
    };
    let points = vec![
        point(ExponentialHistogram { scale: 0, zero_count: 2, offset: -21, counts, sum: 1_500_000_000, extras: None }),
        point(ExponentialHistogram::default()),
    ];
    let histograms = vec![HistogramMetric { descriptor: Arc::new(descriptor), points: points.into() }];
    let metrics = Metrics { numbers: vec![metric(NumberKind::Unsigned, &[1])], histograms };
    assert_eq!(
        lines_of(Verbosity::Basic, metrics.clone()),
        ["INFO batch otelcol.component.id=debug/x resources=1 metrics=2 points=3"]
    );
    assert_eq!(
        lines_of(Verbosity::Normal, metrics.clone())[1],
        r#"INFO metric otelcol.component.id=debug/x name="ebpf.things" unit="s" points=2"#
    );
    let detailed = lines_of(Verbosity::Detailed, metrics);
    assert_eq!(
        detailed[1],
        "INFO histogram otelcol.component.id=debug/x name=\"ebpf.things\" unit=\"s\" count=7 sum=1.5 \
         buckets=[0.0:2 1.9073486328125e-6:4 7.62939453125e-6:1] \
         attributes={process.pid=7, ebpf.comm=sh, ok=true} start=1 time=2"
    );
    assert!(detailed[2].contains("count=0 sum=0 buckets=[] "), "{detailed:?}");
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
