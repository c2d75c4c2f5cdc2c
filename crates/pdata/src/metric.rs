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
    /// How what was observed since `start` is distributed; its points are [`HistogramPoint`](crate::HistogramPoint)s.
    ExponentialHistogram,
}

/// How the 64 bits of a [`Point`]'s value are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberKind {
    /// A whole number.
    Unsigned,
    /// The bits of an `f64`.
    Double,
    /// Nanoseconds as a whole number. The metric's unit is `s`: the one rounding,
    /// to a double of seconds, happens where the value leaves the agent.
    Nanoseconds,
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
    /// Counter, up-down counter, gauge or histogram.
    pub instrument: Instrument,
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
        NumberKind::Double => f64::from_bits(bits),
        NumberKind::Nanoseconds => bits as f64 / 1e9,
    }
}
