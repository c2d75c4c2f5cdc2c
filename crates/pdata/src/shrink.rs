//! What is kept for an absent far side, held within limits: the streams that ended first go first.

use std::sync::Arc;
use std::time::Instant;

use crate::difference::{Differences, Resume};
use crate::families::Origin;
use crate::kind::Kind;
use crate::overflow::{Overflow, folded, is_total};
use crate::{Attributes, Batch, Descriptor, HistogramPoint, Latest, Point, Sample, Temporality, UnixNanos};

/// What is known of what the far side has, and what it may have any moment.
#[derive(Debug)]
pub struct Known {
    /// What it took.
    pub acknowledged: Acknowledged,
    /// The latest time of any point that it is being sent; zero where nothing is on the way.
    in_flight: UnixNanos,
}

/// What a far side took.
#[derive(Debug)]
pub enum Acknowledged {
    /// Nothing that began later than any point it took.
    Until(UnixNanos),
    /// Exactly this.
    Exactly(Box<Differences>),
}

/// How much may be held.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Most streams.
    pub streams: usize,
    /// Most bytes, as [`Latest::bytes`] has them.
    pub bytes: usize,
}

/// What became of streams that found no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shrunk {
    /// Points whose total went on in the overflow stream.
    pub folded: usize,
    /// Points that nothing is left of.
    pub dropped: usize,
}

/// What to do with a point that finds no room.
enum Fate<P> {
    /// Its total goes on in another stream, but for what the far side has.
    Fold(Option<P>),
    /// It is added to another delta.
    Add,
    /// It is no total.
    Drop,
    /// It is one, of which the far side may have something.
    Keep,
}

/// Whom to look at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    /// All whose total can go on.
    Sure,
    /// All there are.
    Everyone,
}

impl Known {
    /// Nothing is on the way.
    #[must_use]
    pub fn new(acknowledged: Acknowledged) -> Self {
        Self { acknowledged, in_flight: 0 }
    }

    /// That the far side is being sent the `parts` of a batch from now on: nobody knows which of its streams it has
    /// until [`land`](Self::land) says that it is over.
    pub fn launch<'a>(&mut self, parts: impl Iterator<Item = &'a Batch> + Clone, now: Instant) {
        self.in_flight = parts.clone().map(latest).max().unwrap_or_default();
        if let Acknowledged::Exactly(differences) = &mut self.acknowledged {
            differences.launch(parts, now);
        }
    }

    /// That nothing is on the way any more.
    pub fn land(&mut self) {
        self.in_flight = 0;
    }

    /// That the far side took `batch`.
    pub fn commit(&mut self, batch: &Batch) {
        match &mut self.acknowledged {
            Acknowledged::Exactly(differences) => differences.commit(batch),
            Acknowledged::Until(until) => *until = latest(batch).max(*until),
        }
    }
}

fn latest(batch: &Batch) -> UnixNanos {
    let numbers = batch.metrics().map(|metric| metric.points.latest());
    let distributions = batch.histograms().map(|metric| metric.points.latest());
    numbers.chain(distributions).max().unwrap_or_default()
}

impl Overflow {
    /// Makes room in `held`, where there is more than fits; an eighth is left free for what comes next.
    pub fn shrink(&mut self, held: &mut Latest, room: Room, known: &Known) -> Shrunk {
        let mut shrunk = Shrunk::default();
        self.make_room_for_totals(room.streams);
        for among in [Among::Sure, Among::Everyone] {
            // Bytes are told by the share of streams, which need not be enough at once.
            for _ in 0..8 {
                let need = excess(held, room);
                if need == 0 || !self.make_room(held, need, among, known, &mut shrunk) {
                    break;
                }
            }
        }
        self.forget(held, room.streams);
        shrunk
    }

    /// Takes the `need` points that were read longest ago out of `held`; says no where there are none.
    fn make_room(&mut self, held: &mut Latest, need: usize, among: Among, known: &Known, shrunk: &mut Shrunk) -> bool {
        let mut times = Vec::new();
        self.times::<Point>(held, among, known, &mut times);
        self.times::<HistogramPoint>(held, among, known, &mut times);
        let Some(last) = need.min(times.len()).checked_sub(1) else { return false };
        let (_, oldest, _) = times.select_nth_unstable(last);
        let (oldest, mut need) = (*oldest, last + 1);
        self.take::<Point>(held, among, known, oldest, &mut need, shrunk);
        self.take::<HistogramPoint>(held, among, known, oldest, &mut need, shrunk);
        true
    }

    fn times<P: Kind + Resume>(&self, held: &mut Latest, among: Among, known: &Known, times: &mut Vec<UnixNanos>) {
        for family in P::of_latest(held).iter() {
            let source = Origin::new(&family.resource, &family.scope);
            let goes = |point: &&P| {
                among == Among::Everyone || !matches!(self.fate(source, &family.descriptor, *point, known), Fate::Keep)
            };
            times.extend(family.value.points().iter().filter(goes).map(Sample::time));
        }
    }

    fn take<P: Kind + Resume>(
        &mut self,
        held: &mut Latest,
        among: Among,
        known: &Known,
        oldest: UnixNanos,
        need: &mut usize,
        shrunk: &mut Shrunk,
    ) {
        for family in P::of_latest(held).iter_mut() {
            let source = Origin::new(&family.resource, &family.scope);
            let descriptor = &family.descriptor;
            let taken = family.value.extract(|point| {
                let sure = || !matches!(self.fate(source, descriptor, point, known), Fate::Keep);
                let goes = *need > 0 && point.time() <= oldest && (among == Among::Everyone || sure());
                *need -= usize::from(goes);
                goes
            });
            for (point, seen) in taken {
                let goes_on = match self.fate(source, descriptor, &point, known) {
                    Fate::Fold(base) => self.fold(source, descriptor, &point, base.as_ref()),
                    Fate::Add => {
                        let to = Arc::new(folded(point.attributes()));
                        family.value.merge_at(&[point.under(to)], descriptor, seen);
                        true
                    }
                    Fate::Drop | Fate::Keep => false,
                };
                *(if goes_on { &mut shrunk.folded } else { &mut shrunk.dropped }) += 1;
            }
        }
        P::of_latest(held).retain(|family| !family.value.points().is_empty());
    }

    fn fate<P: Kind + Resume>(
        &self,
        source: Origin<'_>,
        descriptor: &Arc<Descriptor>,
        point: &P,
        known: &Known,
    ) -> Fate<P> {
        if !is_total(descriptor.instrument) || point.is_missing(descriptor.number) {
            return Fate::Drop;
        }
        if point.attributes().get(Attributes::OVERFLOW).is_some() {
            return Fate::Keep;
        }
        if descriptor.temporality == Temporality::Delta {
            return Fate::Add;
        }
        if let Some(trace) = self.trace(source, descriptor, point) {
            return Fate::Fold(Some(trace.clone()));
        }
        if point.start() <= known.in_flight {
            return Fate::Keep;
        }
        match &known.acknowledged {
            Acknowledged::Exactly(differences) => Fate::Fold(differences.base(source, descriptor, point)),
            Acknowledged::Until(until) if point.start() > *until => Fate::Fold(None),
            Acknowledged::Until(_) => Fate::Keep,
        }
    }
}

/// How many streams are to go.
fn excess(held: &Latest, room: Room) -> usize {
    let streams = held.streams();
    let bytes = if streams > 0 { held.bytes() } else { 0 };
    if streams <= room.streams && bytes <= room.bytes {
        return 0;
    }
    let too_many = if streams > room.streams { streams - (room.streams - room.streams / 8) } else { 0 };
    let (free, bytes) = (room.bytes - room.bytes / 8, bytes.max(1));
    let too_large =
        if bytes > room.bytes { ((bytes - free) as u128 * streams as u128).div_ceil(bytes as u128) } else { 0 };
    too_many.max(usize::try_from(too_large).unwrap_or(streams)).min(streams)
}
