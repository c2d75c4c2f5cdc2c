//! Batches of everything that fits into one.

use std::borrow::Cow;
use std::sync::Arc;

use fastrand::Rng;
use pdata::{
    Attribute, AttributeValue, Attributes, Batch, Descriptor, Distribution, ExplicitHistogram, ExponentialHistogram,
    Extras, HistogramMetric, HistogramPoint, Instrument, Metric, NumberKind, OwnAttributes, Point, Process, Resource,
    ResourceMetrics, Scope, ScopeMetrics, Summary, Temporality,
};

pub(crate) fn scope() -> Scope {
    Scope::new("ebpf_syscalls", "0.1.0")
}

pub(crate) fn descriptor(name: Cow<'static, str>, instrument: Instrument, number: NumberKind) -> Descriptor {
    Descriptor { name, unit: "s".into(), instrument, number, ..Default::default() }
}

pub(crate) fn batch(rng: &mut Rng) -> Batch {
    let resources = repeat(rng, 3, |rng| ResourceMetrics {
        resource: Arc::new(Resource { schema_url: text(rng).into(), ..Resource::of(attributes(rng)) }),
        scopes: repeat(rng, 3, |rng| ScopeMetrics {
            scope: Arc::new(random_scope(rng)),
            metrics: repeat(rng, 4, metric),
            histograms: repeat(rng, 4, histogram_metric),
        }),
    });
    Batch { resources }
}

fn random_scope(rng: &mut Rng) -> Scope {
    match rng.u8(..3) {
        0 => scope(),
        1 => Scope::default(),
        _ => Scope {
            attributes: Resource::of(attributes(rng)).attributes,
            schema_url: text(rng).into(),
            ..Scope::new(text(rng), text(rng))
        },
    }
}

fn metric(rng: &mut Rng) -> Metric {
    let instruments = [Instrument::Counter, Instrument::UpDownCounter, Instrument::Gauge];
    let instrument = instruments[rng.usize(..3)];
    let mut descriptor = random_descriptor(rng, instrument);
    if rng.u8(..8) == 0 {
        descriptor.number = NumberKind::Missing;
    }
    let number = descriptor.number;
    Metric { descriptor: Arc::new(descriptor), points: repeat(rng, 8, |rng| point(rng, number)).into() }
}

fn histogram_metric(rng: &mut Rng) -> HistogramMetric {
    let instruments = [Instrument::ExponentialHistogram, Instrument::Histogram, Instrument::Summary];
    let instrument = instruments[rng.usize(..3)];
    let descriptor = random_descriptor(rng, instrument);
    let number = descriptor.number;
    let points = repeat(rng, 8, |rng| histogram_point(rng, instrument, number));
    HistogramMetric { descriptor: Arc::new(descriptor), points: points.into() }
}

fn random_descriptor(rng: &mut Rng, instrument: Instrument) -> Descriptor {
    let numbers = [NumberKind::Unsigned, NumberKind::Signed, NumberKind::Nanoseconds, NumberKind::Double];
    let mut number = numbers[rng.usize(..4)];
    if number == NumberKind::Signed && instrument == Instrument::ExponentialHistogram {
        number = NumberKind::Double;
    }
    let mut descriptor = descriptor(text(rng).into(), instrument, number);
    descriptor.description = text(rng).into();
    descriptor.unit = text(rng).into();
    if !matches!(instrument, Instrument::Gauge | Instrument::Summary) && rng.bool() {
        descriptor.temporality = Temporality::Delta;
    }
    descriptor
}

fn point(rng: &mut Rng, number: NumberKind) -> Point {
    Point { attributes: stream(rng), start: rng.u64(..), time: rng.u64(..), bits: bits(rng, number) }
}

fn histogram_point(rng: &mut Rng, instrument: Instrument, number: NumberKind) -> HistogramPoint {
    let histogram = match instrument {
        Instrument::Histogram => explicit(rng).into(),
        Instrument::Summary => summary(rng).into(),
        _ => exponential(rng, number).into(),
    };
    let histogram: Arc<Distribution> = Arc::new(histogram);
    HistogramPoint { attributes: stream(rng), start: rng.u64(..), time: rng.u64(..), histogram }
}

/// Buckets are often empty, also at the ends and all of them; counts and offsets take one byte to many.
fn exponential(rng: &mut Rng, number: NumberKind) -> ExponentialHistogram {
    let extras = rng.bool().then(|| {
        Box::new(Extras {
            negative_offset: offset(rng),
            negative: repeat(rng, 160, count).into(),
            zero_threshold: if rng.bool() { rng.f64() } else { 0.0 },
            min: optional(rng),
            max: optional(rng),
            no_sum: rng.bool(),
            missing: rng.bool(),
        })
    });
    ExponentialHistogram {
        scale: rng.i32(-10..=20),
        zero_count: count(rng),
        offset: offset(rng),
        counts: repeat(rng, 160, count).into(),
        sum: bits(rng, number),
        extras,
    }
}

fn explicit(rng: &mut Rng) -> ExplicitHistogram {
    let bounds: Arc<[f64]> = repeat(rng, 160, Rng::f64).into();
    let counts = if bounds.is_empty() { Box::default() } else { (0..=bounds.len()).map(|_| count(rng)).collect() };
    let (sum, min, max) = (optional(rng), optional(rng), optional(rng));
    ExplicitHistogram { bounds, counts, count: rng.u64(..), sum, min, max, missing: rng.bool() }
}

fn summary(rng: &mut Rng) -> Summary {
    let quantiles = repeat(rng, 20, |rng| (rng.f64(), rng.f64())).into();
    Summary { count: rng.u64(..), sum: rng.f64(), quantiles, missing: rng.bool() }
}

fn count(rng: &mut Rng) -> u64 {
    if rng.bool() { 0 } else { rng.u64(..) >> rng.u32(10..64) }
}

fn offset(rng: &mut Rng) -> i32 {
    rng.i32(..1 << 30) >> rng.u32(..32)
}

fn optional(rng: &mut Rng) -> Option<f64> {
    rng.bool().then(|| rng.f64())
}

fn bits(rng: &mut Rng, number: NumberKind) -> u64 {
    match number {
        // A NaN would not equal itself.
        NumberKind::Double => rng.f64().to_bits(),
        NumberKind::Signed => (rng.i64(..) >> rng.u32(..64)).cast_unsigned(),
        NumberKind::Missing => 0,
        NumberKind::Unsigned | NumberKind::Nanoseconds => rng.u64(..) >> rng.u32(..64),
    }
}

pub(crate) fn stream(rng: &mut Rng) -> Arc<Attributes> {
    let own = attributes(rng);
    Arc::new(if rng.u8(..4) == 0 {
        let (pid, comm) = (rng.u32(..), text(rng).into());
        Attributes::of_process(
            Arc::new(Process { pid, start_boottime: 0, comm, uid: 0, cgroup: None, is_agent: false }),
            OwnAttributes::of(own),
        )
    } else {
        Attributes::of(own)
    })
}

fn attributes(rng: &mut Rng) -> Vec<Attribute> {
    let keys = ["", "a", "ebpf.syscall.name", Attributes::OVERFLOW];
    let mut all = Vec::new();
    for key in keys {
        if rng.bool() {
            let key = if rng.bool() { key.into() } else { key.to_owned().into() };
            all.push((key, value(rng, 0)));
        }
    }
    all
}

fn value(rng: &mut Rng, depth: usize) -> AttributeValue {
    match rng.u8(..if depth < 3 { 9 } else { 7 }) {
        0 => AttributeValue::Static("getppid"),
        1 => AttributeValue::Text(text(rng).into()),
        2 => AttributeValue::Int(rng.i64(..) >> rng.u32(..64)),
        3 => AttributeValue::Bool(rng.bool()),
        4 => AttributeValue::Double(rng.f64()),
        5 => AttributeValue::Bytes(repeat(rng, 20, |rng| rng.u8(..)).into()),
        6 => AttributeValue::Empty,
        7 => AttributeValue::List(repeat(rng, 4, |rng| value(rng, depth + 1)).into()),
        _ => AttributeValue::Map(repeat(rng, 4, |rng| (text(rng).into(), value(rng, depth + 1))).into()),
    }
}

/// Often empty, seldom so long that its length takes three bytes.
pub(crate) fn text(rng: &mut Rng) -> String {
    let longest = [1, 10, 300, 20_000][rng.usize(..16).saturating_sub(12)];
    (0..rng.usize(..longest)).map(|_| rng.char(..)).collect()
}

pub(crate) fn repeat<T>(rng: &mut Rng, most: usize, mut make: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rng.usize(..=most)).map(|_| make(rng)).collect()
}
