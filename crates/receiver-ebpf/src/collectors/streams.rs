//! Cells as points: what all sub-collectors that count by (process, index) have in common.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use pdata::{
    AttributeValue, Attributes, ExponentialHistogram, HistogramPoint, Instrument, Metric, Metrics, OwnAttributes,
    Point, Process, StaticAttribute, UnixNanos,
};

use super::Reader;
use crate::calls;
use crate::catalog::{ERROR_TYPE, Shared};
use crate::host::{CellStream, Cells, Detail, Index, Source};
use crate::kernel::{Cell, Kernel, OVERFLOW_SLOT, UNATTRIBUTED_SLOT, sum};

/// What a sub-collector counts, and how that becomes metrics.
pub(crate) trait Figures: Send {
    /// See [`Reader::settings`].
    fn settings(&self) -> u64 {
        0
    }
    /// Called before each read.
    fn prepare(&mut self, _kernel: &Kernel) {}
    /// Plain indices that are its own.
    fn indices(&self) -> Vec<Range<u32>>;
    /// Metrics of numbers; `put` and `errors` name them by their position here.
    fn metrics(&self) -> Vec<&'static Shared>;
    /// Metrics of distributions; `histogram` names them by their position here.
    fn histograms(&self) -> Vec<&'static Shared> {
        vec![]
    }
    /// Attributes of a plain index beside those of the process; `None` where it is not to be exported.
    fn attributes(&self, plain: u32) -> Option<Vec<StaticAttribute>>;
    /// Hands the numbers of a stream to `put`, given its totals and those since the last read.
    fn put(&self, plain: u32, total: &Cell, interval: &Cell, put: &mut dyn FnMut(usize, u64));
    /// The metric that errors of a plain index go to, by errno.
    fn errors(&self, _plain: u32) -> Option<usize> {
        None
    }
    /// The distribution that a plain index has.
    fn histogram(&self, _plain: u32) -> Option<usize> {
        None
    }
}

/// Indices that are one range.
pub(crate) fn only(range: Range<u32>) -> Vec<Range<u32>> {
    std::iter::once(range).collect()
}

/// A reader of cells for one receiver.
pub(crate) struct Streams<F> {
    figures: F,
    cells: Cells,
    names: Names,
    /// Points of the last read: how much room the next one needs.
    expected: Vec<usize>,
}

/// Who a stream is about.
struct Owner {
    /// `None`: the overflow, or what no process is known for.
    process: Option<Arc<Process>>,
    overflow: bool,
    start: UnixNanos,
}

impl<F: Figures> Streams<F> {
    pub(crate) fn new(figures: F) -> Self {
        Self { figures, cells: Cells::default(), names: Names::default(), expected: Vec::new() }
    }
}

impl<F: Figures> Reader for Streams<F> {
    fn settings(&self) -> u64 {
        self.figures.settings()
    }

    fn read(&mut self, source: &mut Source<'_>) -> Metrics {
        self.figures.prepare(source.kernel);
        let mut points = Points::new(&self.figures, source.time, &self.expected);
        let mut octaves = Octaves::default();
        let Source { kernel, processes, reader, started, sample_rate, .. } = source;
        let (kernel, reader, started): (&Kernel, u64, UnixNanos) = (kernel, *reader, *started);
        let Self { figures, cells, names, .. } = self;
        cells.for_each(kernel, &figures.indices(), |(slot, generation), index, total, stream| {
            let (mut total, mut interval, mut ended) = (total, total, false);
            let mut owner = Owner { process: None, overflow: slot == OVERFLOW_SLOT, start: started };
            if slot < UNATTRIBUTED_SLOT {
                let Some(entry) = processes.present(kernel, slot, generation) else { return };
                // Sockets outlive their process, and go on counting for it: also into another part of a histogram, of
                // which all parts are told then.
                let is_part = matches!(index.detail, Detail::Octave(_)) && index.is_of_sockets();
                if entry.delivered & reader != 0 && stream.ledger.last().1 == total && !is_part {
                    return;
                }
                (total, interval) = stream.ledger.advance(entry.epoch, total);
                ended = entry.exited != 0;
                owner = Owner { process: entry.process.clone(), overflow: false, start: entry.start };
                if total == Cell::default() || entry.denied & reader != 0 {
                    return;
                }
            }
            let of = (slot, generation, index.plain);
            if let Detail::Octave(octave) = index.detail {
                octaves.add(of, octave, &total);
                return;
            }
            let Some(attributes) = names.of_stream(figures, stream, &owner, index) else { return };
            if index.detail == Detail::Plain && figures.histogram(index.plain).is_some() {
                octaves.describe(of, &attributes, owner.start, total.nanoseconds);
            }
            points.push(figures, index, &attributes, owner.start, &total, &interval);
            if index.detail == Detail::Plain && total.errors > 0 {
                let undetailed = names.make(figures, &owner, index.plain, UNDETAILED);
                points.push_error(figures, index.plain, undetailed, owner.start, total.errors);
            }
            if ended {
                // These were the final values.
                stream.attributes = None;
            }
        });
        for plain in figures.indices().into_iter().flatten() {
            let total = sum(&kernel.overflow, plain as usize);
            if total == Cell::default() {
                continue;
            }
            let owner = Owner { process: None, overflow: true, start: started };
            let Some(attributes) = names.make(figures, &owner, plain, 0) else { continue };
            octaves.describe((OVERFLOW_SLOT, 1, plain), &attributes, started, total.nanoseconds);
            points.push(figures, Index { plain, detail: Detail::Plain }, &attributes, started, &total, &total);
            if total.errors > 0 {
                let undetailed = names.make(figures, &owner, plain, UNDETAILED);
                points.push_error(figures, plain, undetailed, started, total.errors);
            }
        }
        octaves.finish(figures, &mut points, u64::from(*sample_rate));
        let metrics = points.into_metrics(figures);
        self.expected = metrics.numbers.iter().map(|metric| metric.points.len()).collect();
        metrics
    }
}

/// Errors whose number found no cell.
const UNDETAILED: u32 = u32::MAX;

/// The attributes that streams of all processes share, made once.
#[derive(Default)]
struct Names(HashMap<(u32, u32), Option<OwnAttributes>>);

impl Names {
    /// The attributes of a stream, made anew where its process has another name by now.
    fn of_stream(
        &mut self,
        figures: &impl Figures,
        stream: &mut CellStream,
        owner: &Owner,
        index: Index,
    ) -> Option<Arc<Attributes>> {
        let errno = if let Detail::Errno(errno) = index.detail { errno } else { 0 };
        let known = stream.attributes.as_ref().filter(|set| match (set.process(), &owner.process) {
            (Some(of), Some(process)) => Arc::ptr_eq(of, process),
            (None, None) => true,
            _ => false,
        });
        if known.is_none() {
            stream.attributes = self.make(figures, owner, index.plain, errno);
        }
        stream.attributes.clone()
    }

    /// The attributes of `owner`'s stream; `errno` 0 is no error.
    fn make(&mut self, figures: &impl Figures, owner: &Owner, plain: u32, errno: u32) -> Option<Arc<Attributes>> {
        let error = match errno {
            0 => None,
            UNDETAILED => Some(calls::OTHER_ERROR),
            errno => Some(calls::error(errno)),
        };
        let attributes = || -> Option<Vec<StaticAttribute>> {
            let mut own = figures.attributes(plain)?;
            own.extend(error.clone().map(|error| (ERROR_TYPE, error)));
            Some(own)
        };
        let Some(process) = &owner.process else {
            let overflow = owner.overflow.then_some((Attributes::OVERFLOW, AttributeValue::Bool(true)));
            return attributes().map(|own| Arc::new(Attributes::new(own.into_iter().chain(overflow).collect())));
        };
        let own = self.0.entry((plain, errno)).or_insert_with(|| attributes().map(OwnAttributes::new)).clone()?;
        Some(Arc::new(Attributes::of_process(process.clone(), own)))
    }
}

/// The points of one read.
pub(crate) struct Points {
    numbers: Vec<Vec<Point>>,
    histograms: Vec<Vec<HistogramPoint>>,
    gauges: Vec<bool>,
    now: UnixNanos,
}

impl Points {
    fn new(figures: &impl Figures, now: UnixNanos, expected: &[usize]) -> Self {
        let metrics = figures.metrics();
        let room = (0..metrics.len()).map(|metric| expected.get(metric).copied().unwrap_or(0));
        Self {
            numbers: room.map(Vec::with_capacity).collect(),
            histograms: vec![Vec::new(); figures.histograms().len()],
            gauges: metrics.iter().map(|metric| metric.instrument == Instrument::Gauge).collect(),
            now,
        }
    }

    fn push(
        &mut self,
        figures: &impl Figures,
        index: Index,
        attributes: &Arc<Attributes>,
        start: UnixNanos,
        total: &Cell,
        interval: &Cell,
    ) {
        if index.detail != Detail::Plain {
            self.push_error(figures, index.plain, Some(attributes.clone()), start, total.count);
            return;
        }
        let Self { numbers, gauges, now, .. } = self;
        figures.put(index.plain, total, interval, &mut |metric, bits| {
            let start = if gauges[metric] { *now } else { start };
            numbers[metric].push(Point { attributes: attributes.clone(), start, time: *now, bits });
        });
    }

    fn push_error(
        &mut self,
        figures: &impl Figures,
        plain: u32,
        attributes: Option<Arc<Attributes>>,
        start: UnixNanos,
        bits: u64,
    ) {
        if let (Some(metric), Some(attributes)) = (figures.errors(plain), attributes) {
            self.numbers[metric].push(Point { attributes, start, time: self.now, bits });
        }
    }

    fn into_metrics(self, figures: &impl Figures) -> Metrics {
        let metric = |(descriptor, points): (&Shared, Vec<Point>)| Metric {
            descriptor: (*descriptor).clone(),
            points: points.into(),
        };
        let histogram = |(descriptor, points): (&Shared, Vec<HistogramPoint>)| Metric {
            descriptor: (*descriptor).clone(),
            points: points.into(),
        };
        Metrics {
            numbers: figures.metrics().into_iter().zip(self.numbers).map(metric).collect(),
            histograms: figures.histograms().into_iter().zip(self.histograms).map(histogram).collect(),
        }
    }
}

/// Histograms that are being put together: their buckets stand in cells of four.
#[derive(Default)]
struct Octaves(HashMap<(u32, u32, u32), Distribution>);

#[derive(Default)]
struct Distribution {
    stream: Option<(Arc<Attributes>, UnixNanos)>,
    /// Nanoseconds, of all events.
    sum: u64,
    octaves: BTreeMap<u32, Cell>,
}

impl Octaves {
    fn add(&mut self, of: (u32, u32, u32), octave: u32, cell: &Cell) {
        let octaves = &mut self.0.entry(of).or_default().octaves;
        let sum = octaves.get(&octave).map_or(*cell, |known| known.plus(cell));
        octaves.insert(octave, sum);
    }

    fn describe(&mut self, of: (u32, u32, u32), attributes: &Arc<Attributes>, start: UnixNanos, sum: u64) {
        let distribution = self.0.entry(of).or_default();
        distribution.stream = Some((attributes.clone(), start));
        distribution.sum = sum;
    }

    fn finish(self, figures: &impl Figures, points: &mut Points, sample_rate: u64) {
        for ((_, _, plain), distribution) in self.0 {
            let (Some(metric), Some((attributes, start))) = (figures.histogram(plain), distribution.stream) else {
                continue;
            };
            // The sum stands for all events, the buckets hold those that were measured.
            let sum = distribution.sum.saturating_mul(sample_rate) / 100;
            if let Some(histogram) = assemble(&distribution.octaves, 0, sum) {
                let histogram = Arc::new(histogram.into());
                points.histograms[metric].push(HistogramPoint { attributes, start, time: points.now, histogram });
            }
        }
    }
}

/// The histogram of `octaves`, see `ebpf/histogram.h`; `None` where nothing was observed.
pub(crate) fn assemble(octaves: &BTreeMap<u32, Cell>, zero_count: u64, sum: u64) -> Option<ExponentialHistogram> {
    if octaves.is_empty() && zero_count == 0 {
        // What every stream comes to while there are no histograms: not worth an allocation.
        return None;
    }
    let first = octaves.keys().next().copied().unwrap_or(0);
    let last = octaves.keys().next_back().copied().unwrap_or(0);
    let mut counts = vec![0; (last - first + 1) as usize * 4];
    for (octave, cell) in octaves {
        let at = (octave - first) as usize * 4;
        counts[at..at + 4].copy_from_slice(&[cell.count, cell.nanoseconds, cell.bytes, cell.errors]);
    }
    let offset = i32::try_from(first).unwrap_or(0) * 4 - 128;
    let histogram = ExponentialHistogram { scale: 2, zero_count, offset, counts: counts.into(), sum, extras: None };
    (histogram.count() > 0).then_some(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_buckets_of_a_cell_stand_at_their_edges() {
        // One nanosecond is above 2^(-120/4) s and at most 2^(-119/4) s: bucket -120, the first of octave 2.
        let octave = |count| Cell { count, nanoseconds: 2, bytes: 3, errors: 4 };
        let histogram = assemble(&BTreeMap::from([(2, octave(1)), (4, octave(5))]), 7, 99).unwrap();
        assert_eq!((histogram.scale, histogram.offset, histogram.zero_count), (2, -120, 7));
        assert_eq!(*histogram.counts, [1, 2, 3, 4, 0, 0, 0, 0, 5, 2, 3, 4]);
        assert!(ExponentialHistogram::upper_edge(2, -121) < 1e-9 && 1e-9 <= ExponentialHistogram::upper_edge(2, -120));
        assert_eq!(assemble(&BTreeMap::new(), 0, 0), None);
    }
}
