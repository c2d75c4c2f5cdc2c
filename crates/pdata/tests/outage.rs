//! A far side that comes and goes, streams that are born and end meanwhile, and little room: what it has in the end is
//! what was counted, to the last one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

use std::collections::HashMap;
use std::sync::Arc;

use pdata::{
    Acknowledged, AttributeValue, Attributes, Batch, Descriptor, Differences, Distribution, ExponentialHistogram,
    HistogramPoint, Instrument, Known, Latest, Limits, Metric, Metrics, Overflow, OwnAttributes, Point, Process,
    Resource, Room, Sample, Scope, Temporality,
};

const SECOND: u64 = 1_000_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A stream of a number and one of a distribution, of a process or of nobody in particular.
struct Stream {
    attributes: Arc<Attributes>,
    start: u64,
    count: u64,
    buckets: Vec<u64>,
}

impl Stream {
    fn born(id: u64, start: u64) -> Self {
        let own = |key, id: u64| vec![(key, AttributeValue::Int(id.cast_signed()))];
        let attributes = if id.is_multiple_of(3) {
            Attributes::new(own("id", id))
        } else {
            let process = Process {
                pid: u32::try_from(id).unwrap(),
                start_boottime: start,
                comm: "short".into(),
                uid: 0,
                cgroup: None,
                is_agent: false,
            };
            Attributes::of_process(Arc::new(process), OwnAttributes::new(own("call", id % 5)))
        };
        Self { attributes: Arc::new(attributes), start, count: 0, buckets: vec![0; 8] }
    }

    fn work(&mut self, random: &mut Random) -> u64 {
        let more = random.below(100);
        self.count += more;
        for _ in 0..more {
            self.buckets[usize::try_from(random.below(8)).unwrap()] += 1;
        }
        more
    }
}

fn batch_of(streams: &[Stream], time: u64) -> Arc<Batch> {
    let descriptor = |name: &'static str, instrument| {
        Arc::new(Descriptor { name: name.into(), instrument, ..Descriptor::default() })
    };
    let number = |stream: &Stream| Point {
        attributes: stream.attributes.clone(),
        start: stream.start,
        time,
        bits: stream.count,
    };
    let distribution = |stream: &Stream| {
        let histogram = ExponentialHistogram { counts: stream.buckets.clone().into(), ..Default::default() };
        HistogramPoint {
            attributes: stream.attributes.clone(),
            start: stream.start,
            time,
            histogram: Arc::new(histogram.into()),
        }
    };
    let metrics = Metrics {
        numbers: vec![Metric {
            descriptor: descriptor("calls", Instrument::Counter),
            points: streams.iter().map(number).collect(),
        }],
        histograms: vec![Metric {
            descriptor: descriptor("times", Instrument::ExponentialHistogram),
            points: streams.iter().map(distribution).collect(),
        }],
    };
    Arc::new(Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "0")), metrics))
}

/// What a backend makes of what it gets: the last of what is cumulative, the sum of what is not.
#[derive(Default)]
struct FarSide {
    last: HashMap<String, (u64, u64)>,
    sums: HashMap<&'static str, u64>,
    ends: HashMap<String, u64>,
}

impl FarSide {
    fn take(&mut self, batch: &Batch) {
        for metric in batch.metrics() {
            metric.points.iter().for_each(|point| self.point("calls", &metric.descriptor, point, point.bits));
        }
        for metric in batch.histograms() {
            metric.points.iter().for_each(|point| {
                let Distribution::Exponential(histogram) = &*point.histogram else { panic!("{point:?}") };
                self.point("times", &metric.descriptor, point, histogram.counts.iter().sum());
            });
        }
    }

    fn point(&mut self, metric: &'static str, descriptor: &Descriptor, point: &impl Sample, count: u64) {
        let stream = format!("{metric} {:?}", point.attributes().to_vec());
        if descriptor.temporality == Temporality::Delta {
            assert!(count > 0 && point.start() <= point.time(), "{stream}");
            let end = self.ends.insert(stream.clone(), point.time()).unwrap_or_default();
            assert!(end <= point.start(), "{stream}: {end} to {}", point.start());
            *self.sums.entry(metric).or_default() += count;
        } else if let Some((start, before)) = self.last.insert(stream.clone(), (point.start(), count)) {
            assert!(before <= count && start == point.start(), "{stream} went from {before} to {count}");
        }
    }

    fn total(&self, metric: &str) -> u64 {
        let last = self.last.iter().filter(|(stream, _)| stream.starts_with(metric)).map(|(_, (_, count))| count);
        last.sum::<u64>() + self.sums.get(metric).copied().unwrap_or_default()
    }
}

/// An exporter in a few lines: what is given up stays, and goes with the next.
struct Exporter {
    held: Latest,
    overflow: Overflow,
    known: Known,
    far: FarSide,
}

impl Exporter {
    fn new(temporality: Temporality) -> Self {
        let limits = Limits { streams: 100_000, fresh: 0, saved: true };
        let known = match temporality {
            Temporality::Cumulative => Acknowledged::Until(0),
            Temporality::Delta => Acknowledged::Exactly(Box::new(Differences::new(limits))),
        };
        let known = Known::new(known);
        Self { held: Latest::default(), overflow: Overflow::default(), known, far: FarSide::default() }
    }

    fn send(&mut self, batch: &Batch) {
        if let Acknowledged::Exactly(differences) = &mut self.known.acknowledged {
            let since = differences.since(batch);
            assert_eq!(since.left_out, 0);
            self.far.take(&since.batch);
        } else {
            self.far.take(batch);
        }
        self.known.commit(batch);
    }

    fn deliver(&mut self, random: &mut Random) {
        let batch = self.overflow.pass(Arc::new(self.held.take()));
        let half = batch.slice(0..batch.items() / 2);
        if random.below(3) == 0 {
            // It breaks off in the middle.
            self.send(&half);
            self.held.merge(&batch.slice(batch.items() / 2..batch.items()));
            return;
        }
        self.send(&batch);
        if let Some(totals) = self.overflow.take_changed() {
            self.send(&totals);
            self.overflow.delivered();
        }
    }
}

fn churn(temporality: Temporality, room: Room, births: u64, deaths: u64, seed: u64) {
    let mut random = Random(seed);
    let mut exporter = Exporter::new(temporality);
    let (mut alive, mut born, mut counted, mut most) = (Vec::<Stream>::new(), 0, 0, 0);
    let (mut away, mut folded) = (0, 0);
    for round in 1..700 {
        let time = round * SECOND;
        for _ in 0..random.below(births) {
            alive.push(Stream::born(born, time - SECOND / 2));
            born += 1;
        }
        counted += alive.iter_mut().map(|stream| stream.work(&mut random)).sum::<u64>();
        exporter.held.merge(&batch_of(&alive, time));
        let shrunk = exporter.overflow.shrink(&mut exporter.held, room, &exporter.known);
        folded += shrunk.folded;
        assert_eq!(shrunk.dropped, 0, "round {round}, {} alive", alive.len());
        most = most.max(exporter.held.streams());
        assert!(exporter.held.streams() <= room.streams && exporter.held.bytes() <= room.bytes);
        alive.retain(|_| random.below(deaths) > 0);
        away = if away > 0 {
            away - 1
        } else {
            [0, 0, 0, 0, random.below(120)][usize::try_from(random.below(5)).unwrap()]
        };
        if away == 0 {
            exporter.deliver(&mut random);
        }
    }
    for _ in 0..20 {
        exporter.deliver(&mut random);
    }
    assert_eq!(
        (exporter.far.total("calls"), exporter.far.total("times")),
        (counted, counted),
        "{temporality:?} {seed}"
    );
    assert!(born > 100 && most > 20);
    if room.streams < 500 {
        assert!(folded > 100 && exporter.overflow.remembered() > 0, "{folded}");
    }
}

const WIDE: Room = Room { streams: 1_000_000, bytes: usize::MAX };

#[test]
fn with_room_every_stream_arrives_whole_whatever_breaks_off() {
    for seed in 1..3 {
        churn(Temporality::Cumulative, WIDE, 6, 20, seed);
        churn(Temporality::Delta, WIDE, 6, 20, seed);
    }
}

#[test]
fn with_little_room_streams_fold_and_the_sum_over_all_stays_what_was_counted() {
    for seed in 1..3 {
        // Some thirty live at a time, two points each, and many more come and go in an outage.
        let few = Room { streams: 240, bytes: usize::MAX };
        churn(Temporality::Cumulative, few, 12, 6, seed);
        churn(Temporality::Delta, few, 12, 6, seed);
    }
}

#[test]
fn deltas_stay_exact_where_even_the_living_find_no_room() {
    for seed in 1..3 {
        churn(Temporality::Delta, Room { streams: 40, bytes: usize::MAX }, 8, 12, seed);
        churn(Temporality::Delta, Room { streams: 400, bytes: 20_000 }, 8, 12, seed);
    }
}
