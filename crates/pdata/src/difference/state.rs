//! What a far side has, in bytes: version, then a digest, times and value of each stream. All little-endian.

use std::sync::Arc;

use super::{Differences, Digest, Resume, Streams};
use crate::families::Families;
use crate::{Distribution, ExplicitHistogram, ExponentialHistogram, Extras, HistogramPoint, Point, UnixNanos};

/// What is kept of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    start: UnixNanos,
    time: UnixNanos,
    value: KeptValue,
}

#[derive(Debug, Clone)]
enum KeptValue {
    Number(u64),
    Distribution(Arc<Distribution>),
}

impl Differences {
    /// All that is known, for [`restore`](Self::restore) of a next agent.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + 48 * self.streams());
        out.push(VERSION);
        families(&mut out, &self.numbers);
        families(&mut out, &self.histograms);
        self.restored.iter().for_each(|(digest, kept)| put(&mut out, *digest, kept));
        out
    }

    /// Goes on from what an earlier agent saved; says no, and does nothing, where that cannot be read.
    #[must_use]
    pub fn restore(&mut self, saved: &[u8]) -> bool {
        let mut reader = Reader(saved);
        if reader.take::<1>() != Some([VERSION]) {
            return false;
        }
        let mut restored = std::collections::HashMap::new();
        while !reader.0.is_empty() {
            let Some((digest, kept)) = reader.stream() else { return false };
            restored.insert(digest, kept);
        }
        (self.restored, self.complete) = (restored, true);
        true
    }
}

impl Kept {
    /// When the stream began, for one that says now that it began at `now`.
    ///
    /// Clocks of two agents differ a little. `None` where it begins earlier than it did: it has more in it than it had,
    /// such as what a process counted under another name, and what came since is not known.
    fn start_of(&self, now: UnixNanos) -> Option<UnixNanos> {
        match now.abs_diff(self.start) <= SAME_START {
            true => Some(now),
            false => (now > self.start).then_some(self.start),
        }
    }
}

const SAME_START: UnixNanos = 1_000_000_000;

impl Resume for Point {
    fn resume(kept: &Kept, now: &Self) -> Option<Self> {
        let KeptValue::Number(bits) = kept.value else { return None };
        let Some(start) = kept.start_of(now.start) else { return Some(now.clone()) };
        Some(Self { attributes: now.attributes.clone(), start, time: kept.time, bits })
    }

    fn keep(&self) -> Kept {
        Kept { start: self.start, time: self.time, value: KeptValue::Number(self.bits) }
    }
}

impl Resume for HistogramPoint {
    fn resume(kept: &Kept, now: &Self) -> Option<Self> {
        let KeptValue::Distribution(histogram) = &kept.value else { return None };
        let Some(start) = kept.start_of(now.start) else { return Some(now.clone()) };
        Some(Self { attributes: now.attributes.clone(), start, time: kept.time, histogram: histogram.clone() })
    }

    fn keep(&self) -> Kept {
        Kept { start: self.start, time: self.time, value: KeptValue::Distribution(self.histogram.clone()) }
    }
}

fn families<P: Resume>(out: &mut Vec<u8>, families: &Families<Streams<P>>) {
    for entry in families.iter().flat_map(|family| &family.value.entries) {
        put(out, entry.digest, &entry.point.keep());
    }
}

fn put(out: &mut Vec<u8>, digest: Digest, kept: &Kept) {
    [digest.0[0], digest.0[1], kept.start, kept.time].iter().for_each(|word| put_word(out, *word));
    match &kept.value {
        KeptValue::Number(bits) => {
            out.push(NUMBER);
            put_word(out, *bits);
        }
        KeptValue::Distribution(distribution) => match &**distribution {
            Distribution::Exponential(histogram) => put_exponential(out, histogram),
            Distribution::Explicit(histogram) => put_explicit(out, histogram),
            // Quantiles are no total, so nothing of them is ever subtracted.
            Distribution::Summary(_) => put_explicit(out, &ExplicitHistogram::default()),
        },
    }
}

fn put_exponential(out: &mut Vec<u8>, histogram: &ExponentialHistogram) {
    let ExponentialHistogram { scale, zero_count, offset, counts, sum, extras } = histogram;
    out.push(if extras.is_some() { EXPONENTIAL_WITH_EXTRAS } else { EXPONENTIAL });
    put_word(out, u64::from(scale.cast_unsigned()) << 32 | u64::from(offset.cast_unsigned()));
    put_word(out, *zero_count);
    put_word(out, *sum);
    put_words(out, counts);
    if let Some(extras) = extras {
        put_word(out, extras.negative_offset.cast_unsigned().into());
        put_words(out, &extras.negative);
        put_word(out, extras.zero_threshold.to_bits());
        put_word(out, extras.no_sum.into());
    }
}

fn put_explicit(out: &mut Vec<u8>, histogram: &ExplicitHistogram) {
    out.push(EXPLICIT);
    put_words(out, &histogram.bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>());
    put_words(out, &histogram.counts);
    put_word(out, histogram.count);
    put_word(out, histogram.sum.is_some().into());
    put_word(out, histogram.sum.unwrap_or_default().to_bits());
}

fn put_word(out: &mut Vec<u8>, word: u64) {
    out.extend_from_slice(&word.to_le_bytes());
}

fn put_words(out: &mut Vec<u8>, words: &[u64]) {
    put_word(out, words.len() as u64);
    words.iter().for_each(|word| put_word(out, *word));
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn word(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn words(&mut self) -> Option<Vec<u64>> {
        let count = usize::try_from(self.word()?).ok()?;
        // What is not there is not made room for.
        (count <= self.0.len() / 8).then(|| (0..count).map_while(|_| self.word()).collect())
    }

    fn stream(&mut self) -> Option<(Digest, Kept)> {
        let digest = Digest([self.word()?, self.word()?]);
        let (start, time) = (self.word()?, self.word()?);
        let value = match self.take::<1>()? {
            [NUMBER] => KeptValue::Number(self.word()?),
            [EXPLICIT] => KeptValue::Distribution(Arc::new(self.explicit()?.into())),
            [kind @ (EXPONENTIAL | EXPONENTIAL_WITH_EXTRAS)] => {
                let mut histogram = self.exponential()?;
                if kind == EXPONENTIAL_WITH_EXTRAS {
                    histogram.extras = Some(Box::new(self.extras()?));
                }
                KeptValue::Distribution(Arc::new(histogram.into()))
            }
            _ => return None,
        };
        Some((digest, Kept { start, time, value }))
    }

    fn exponential(&mut self) -> Option<ExponentialHistogram> {
        let both = self.word()?;
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).map(u32::cast_signed).ok();
        Some(ExponentialHistogram {
            scale: half(both >> 32)?,
            offset: half(both)?,
            zero_count: self.word()?,
            sum: self.word()?,
            counts: self.words()?.into(),
            extras: None,
        })
    }

    fn extras(&mut self) -> Option<Extras> {
        Some(Extras {
            negative_offset: u32::try_from(self.word()?).ok()?.cast_signed(),
            negative: self.words()?.into(),
            zero_threshold: f64::from_bits(self.word()?),
            no_sum: self.word()? != 0,
            ..Extras::default()
        })
    }

    fn explicit(&mut self) -> Option<ExplicitHistogram> {
        let bounds = self.words()?.into_iter().map(f64::from_bits).collect();
        let counts = self.words()?.into();
        let count = self.word()?;
        let known = self.word()? != 0;
        let sum = f64::from_bits(self.word()?);
        Some(ExplicitHistogram { bounds, counts, count, sum: known.then_some(sum), ..Default::default() })
    }
}

const VERSION: u8 = 1;
const NUMBER: u8 = 0;
const EXPONENTIAL: u8 = 1;
const EXPONENTIAL_WITH_EXTRAS: u8 = 2;
const EXPLICIT: u8 = 3;
