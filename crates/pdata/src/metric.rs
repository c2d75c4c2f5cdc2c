//! What a metric is, and one value of it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{Attributes, SeedName};

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type UnixNanos = u64;

/// How the values of a metric behave over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Instrument {
    /// A total since `start` that never goes down.
    Counter,
    /// A total that may go down.
    UpDownCounter,
    /// A value that stands for itself.
    Gauge,
    /// How what was observed since `start` is distributed, in buckets whose edges are powers of one base; its points,
    /// and those of the next two, are [`HistogramPoint`](crate::HistogramPoint)s.
    ExponentialHistogram,
    /// The same, in buckets with edges that were chosen.
    Histogram,
    /// Quantiles of what was observed.
    Summary,
}

/// What the points of sums and histograms cover.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Temporality {
    /// All since a start that stays where it is. What our own receivers read, and what gauges and summaries say.
    #[default]
    Cumulative,
    /// What came since the point before.
    Delta,
}

/// How the 64 bits of a [`Point`]'s value are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberKind {
    /// A whole number that is not negative.
    Unsigned,
    /// The bits of an `i64`.
    Signed,
    /// The bits of an `f64`.
    Double,
    /// Nanoseconds as a whole number. The metric's unit is `s`: the one rounding,
    /// to a double of seconds, happens where the value leaves the agent.
    Nanoseconds,
    /// None: the stream had no value at that time, and says so. Metrics of such points stand beside those with values.
    Missing,
}

/// Name, unit and kind of a metric; one per metric, shared by all of its batches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Descriptor {
    /// OpenTelemetry name, such as `ebpf.syscalls`.
    pub name: Cow<'static, str>,
    /// UCUM unit, such as `s`, `By` or `{call}`.
    pub unit: Cow<'static, str>,
    /// One sentence for people.
    pub description: Cow<'static, str>,
    /// Counter, up-down counter, gauge, histogram or summary.
    pub instrument: Instrument,
    /// Of sums and histograms.
    pub temporality: Temporality,
    /// How values are stored.
    pub number: NumberKind,
    /// The names in the operations guide that this agent implements, where it has some; of histograms it has none.
    pub seeds: &'static [SeedName],
}

/// One value of one stream.
#[derive(Debug, Clone)]
pub struct Point {
    /// Identity of the stream.
    pub attributes: Arc<Attributes>,
    /// When the total began; equal to `time` for a gauge.
    pub start: UnixNanos,
    /// When the value was read.
    pub time: UnixNanos,
    /// 64 bits, to be read as the metric's [`NumberKind`] says.
    pub bits: u64,
}

impl Default for Descriptor {
    /// A gauge of whole numbers without a name.
    fn default() -> Self {
        Self {
            name: Cow::Borrowed(""),
            unit: Cow::Borrowed(""),
            description: Cow::Borrowed(""),
            instrument: Instrument::Gauge,
            temporality: Temporality::Cumulative,
            number: NumberKind::Unsigned,
            seeds: &[],
        }
    }
}

impl Descriptor {
    /// Whether points of one stream that follow each other are to be added up, rather than the last one kept.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        let accumulates = !matches!(self.instrument, Instrument::Gauge | Instrument::Summary);
        self.temporality == Temporality::Delta && accumulates && self.number != NumberKind::Missing
    }
}

impl Point {
    /// The value as it leaves the agent: seconds for nanoseconds.
    #[must_use]
    pub fn as_f64(&self, number: NumberKind) -> f64 {
        to_f64(self.bits, number)
    }
}

/// `bits` as a double, seconds for nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "a double is what the wire carries")]
pub(crate) fn to_f64(bits: u64, number: NumberKind) -> f64 {
    match number {
        NumberKind::Unsigned => bits as f64,
        NumberKind::Signed => bits.cast_signed() as f64,
        NumberKind::Missing => f64::NAN,
        NumberKind::Double => f64::from_bits(bits),
        NumberKind::Nanoseconds => bits as f64 / 1e9,
    }
}
