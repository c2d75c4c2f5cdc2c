//! Points of histograms and summaries.

use std::sync::Arc;

use pdata::wire::{Field, Malformed, Reader, WRONG_TYPE};
use pdata::{
    Distribution, ExplicitHistogram, ExponentialHistogram, Extras, HistogramPoint, Instrument, Summary, UnixNanos,
};

use super::sets::{Checked, Sets};
use super::{Rejected, each_message};

/// What the points of all three kinds have.
#[derive(Default)]
struct Common {
    start: UnixNanos,
    time: UnixNanos,
    count: u64,
    sum: Option<f64>,
    missing: bool,
}

/// A point, or what is wrong with it.
type Read = Result<Distribution, &'static str>;

/// The points that are field 1 of `data`, of the kind that `instrument` says.
pub(super) fn read(
    data: &[u8],
    instrument: Instrument,
    sets: &mut Sets,
    rejected: &mut Rejected,
) -> Result<Vec<HistogramPoint>, Malformed> {
    let (attributes, flags) = match instrument {
        Instrument::Histogram => (9, 10),
        Instrument::Summary => (7, 8),
        _ => (1, 10),
    };
    let mut bounds: Arc<[f64]> = Arc::default();
    let (mut read, mut checked) = (Vec::new(), Checked::default());
    each_message(data, 1, |bytes| {
        let mut set = sets.begin_point();
        let mut common = Common::default();
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.field()? {
            match field {
                (number, Field::Bytes(bytes)) if number == attributes => set.push(bytes, &mut checked)?,
                (number, Field::Varint(bits)) if number == flags => common.missing = bits & 1 != 0,
                (2, Field::Fixed64(bits)) => common.start = bits,
                (3, Field::Fixed64(bits)) => common.time = bits,
                (4, Field::Fixed64(bits)) => common.count = bits,
                (5, Field::Fixed64(bits)) => common.sum = Some(f64::from_bits(bits)),
                (2..=5, _) => return Err(WRONG_TYPE),
                (number, _) if number == attributes || number == flags => return Err(WRONG_TYPE),
                _ => {}
            }
        }
        let distribution = match instrument {
            Instrument::Histogram => explicit(bytes, &common, &mut bounds)?,
            Instrument::Summary => summary(bytes, &common)?,
            _ => exponential(bytes, &common)?,
        };
        match distribution {
            Ok(distribution) => {
                set.finish()?;
                read.push((common.start, common.time, distribution));
            }
            Err(reason) => {
                set.abandon();
                rejected.add(1, reason);
            }
        }
        Ok(())
    })?;
    let points = read.into_iter().zip(sets.take()).map(|((start, time, histogram), attributes)| HistogramPoint {
        attributes,
        start,
        time,
        histogram: Arc::new(histogram),
    });
    Ok(points.collect())
}

/// `bounds` are those of the point before, which are nearly always the same.
fn explicit(bytes: &[u8], common: &Common, bounds: &mut Arc<[f64]>) -> Result<Read, Malformed> {
    let (mut counts, mut edges, mut min, mut max) = (Vec::new(), Vec::new(), None, None);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (6, field) => fixed(field, |bits| counts.push(bits))?,
            (7, field) => fixed(field, |bits| edges.push(f64::from_bits(bits)))?,
            (11, Field::Fixed64(bits)) => min = Some(f64::from_bits(bits)),
            (12, Field::Fixed64(bits)) => max = Some(f64::from_bits(bits)),
            (11 | 12, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    let fits = counts.len() == edges.len() + 1 || (counts.is_empty() && edges.is_empty());
    if !fits {
        return Ok(Err("a histogram has not one bucket more than edges"));
    }
    if !edges.is_sorted_by(|a, b| a < b) || edges.first().is_some_and(|edge| edge.is_nan()) {
        return Ok(Err("the edges of a histogram do not rise"));
    }
    if **bounds != *edges {
        *bounds = edges.into();
    }
    Ok(Ok(Distribution::Explicit(ExplicitHistogram {
        bounds: bounds.clone(),
        counts: counts.into(),
        count: common.count,
        sum: common.sum,
        min,
        max,
        missing: common.missing,
    })))
}

fn summary(bytes: &[u8], common: &Common) -> Result<Read, Malformed> {
    let mut quantiles = Vec::new();
    each_message(bytes, 6, |bytes| {
        let mut pair = (0.0, 0.0);
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.field()? {
            match field {
                (1, Field::Fixed64(bits)) => pair.0 = f64::from_bits(bits),
                (2, Field::Fixed64(bits)) => pair.1 = f64::from_bits(bits),
                (1 | 2, _) => return Err(WRONG_TYPE),
                _ => {}
            }
        }
        quantiles.push(pair);
        Ok(())
    })?;
    let sum = common.sum.unwrap_or_default();
    let Common { count, missing, .. } = *common;
    Ok(Ok(Distribution::Summary(Summary { count, sum, quantiles: quantiles.into(), missing })))
}

fn exponential(bytes: &[u8], common: &Common) -> Result<Read, Malformed> {
    let mut histogram =
        ExponentialHistogram { sum: common.sum.unwrap_or_default().to_bits(), ..ExponentialHistogram::default() };
    let mut extras = Extras { no_sum: common.sum.is_none(), missing: common.missing, ..Extras::default() };
    let mut sides = [None, None];
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (6, Field::Varint(bits)) => histogram.scale = unzigzag(bits),
            (7, Field::Fixed64(bits)) => histogram.zero_count = bits,
            (8 | 9, Field::Bytes(_)) if sides[field.0 as usize - 8].is_some() => {
                return Err(Malformed("a histogram has the buckets of one side twice"));
            }
            (number @ (8 | 9), Field::Bytes(bytes)) => sides[number as usize - 8] = Some(buckets(bytes)?),
            (12, Field::Fixed64(bits)) => extras.min = Some(f64::from_bits(bits)),
            (13, Field::Fixed64(bits)) => extras.max = Some(f64::from_bits(bits)),
            (14, Field::Fixed64(bits)) => extras.zero_threshold = f64::from_bits(bits),
            (6..=9 | 12..=14, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    let [positive, negative] = sides.map(Option::unwrap_or_default);
    (histogram.offset, histogram.counts) = positive;
    (extras.negative_offset, extras.negative) = negative;
    histogram.extras = (extras != Extras::default()).then(|| Box::new(extras));
    if histogram.count() != common.count {
        return Ok(Err("the count of an exponential histogram is not that of its buckets"));
    }
    Ok(Ok(Distribution::Exponential(histogram)))
}

/// Number of the first bucket, and the counts.
fn buckets(bytes: &[u8]) -> Result<(i32, Box<[u64]>), Malformed> {
    let (mut offset, mut counts) = (0, Vec::new());
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (1, Field::Varint(bits)) => offset = unzigzag(bits),
            (2, Field::Varint(count)) => counts.push(count),
            (2, Field::Bytes(bytes)) => {
                let mut reader = Reader::new(bytes);
                while !reader.is_at_end() {
                    counts.push(reader.varint()?);
                }
            }
            (1 | 2, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok((offset, counts.into()))
}

/// A number of 64 fixed bits, or a packed list of them.
fn fixed(field: Field<'_>, mut push: impl FnMut(u64)) -> Result<(), Malformed> {
    match field {
        Field::Fixed64(bits) => push(bits),
        Field::Bytes(bytes) => {
            let mut reader = Reader::new(bytes);
            while !reader.is_at_end() {
                push(reader.fixed64()?);
            }
        }
        _ => return Err(WRONG_TYPE),
    }
    Ok(())
}

/// A `sint32` of the varint that it was written as.
#[expect(clippy::cast_possible_truncation, reason = "of a number of 32 bits the others mean nothing")]
fn unzigzag(bits: u64) -> i32 {
    let bits = bits as u32;
    (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed()
}
