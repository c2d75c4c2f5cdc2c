//! Sources that come and go for ever: what is kept of their folded streams is bounded, and what the far side gets is
//! still what was counted.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use std::collections::HashMap;
use std::sync::Arc;

use pdata::{
    Acknowledged, AttributeValue, Attributes, Batch, Descriptor, Differences, Instrument, Key, Known, Latest, Limits,
    Metric, Overflow, Point, Resource, Room, Scope, Temporality,
};

const STREAMS: usize = 20;
const ROOM: Room = Room { streams: STREAMS, bytes: usize::MAX };
const SECOND: u64 = 1_000_000_000;

/// Twice as many streams of `source` as there is room for, which come at `time` only.
fn read(source: u64, start: u64, time: u64) -> Batch {
    let number = |number: u64| AttributeValue::Int(number.cast_signed());
    let point = |id: u64| {
        let attributes = Attributes::new(vec![("id", number(1000 * time + id))]);
        Point { attributes: Arc::new(attributes), start, time, bits: 1 + id % 7 }
    };
    let descriptor = Descriptor { name: "calls".into(), instrument: Instrument::Counter, ..Descriptor::default() };
    let points = (0..2 * STREAMS as u64).map(point).collect();
    let attributes = vec![(Key::Static("source"), number(source))];
    let resource = Resource { attributes, ..Resource::default() };
    let metric = Metric { descriptor: Arc::new(descriptor), points };
    Batch::of(Arc::new(resource), Arc::new(Scope::new("test", "0")), vec![metric])
}

fn sum(batch: &Batch) -> u64 {
    batch.metrics().flat_map(|metric| &metric.points).map(|point| point.bits).sum()
}

/// What a backend makes of what it gets: deltas, and totals that may begin anew.
#[derive(Default)]
struct FarSide {
    last: HashMap<String, (u64, u64)>,
    ended: u64,
}

impl FarSide {
    fn take(&mut self, batch: &Batch) {
        for resource in &batch.resources {
            for metric in &resource.scopes[0].metrics {
                for point in &metric.points {
                    let stream = format!("{:?} {:?}", resource.resource.attributes, point.attributes.to_vec());
                    if metric.descriptor.temporality == Temporality::Delta {
                        self.ended += point.bits;
                    } else if let Some((start, total)) = self.last.insert(stream, (point.start, point.bits)) {
                        let anew = point.start > start;
                        assert!(anew || (start == point.start && total <= point.bits), "{total} to {}", point.bits);
                        self.ended += if anew { total } else { 0 };
                    }
                }
            }
        }
    }

    fn total(&self) -> u64 {
        self.ended + self.last.values().map(|(_, total)| total).sum::<u64>()
    }
}

fn known(temporality: Temporality) -> Known {
    let limits = Limits { streams: 100_000, fresh: 0, saved: false };
    Known::new(match temporality {
        Temporality::Cumulative => Acknowledged::Until(0),
        Temporality::Delta => Acknowledged::Exactly(Box::new(Differences::new(limits))),
    })
}

#[test]
fn totals_of_sources_that_are_gone_give_way_and_begin_anew_when_they_come_again() {
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let (mut held, mut overflow, mut known) = (Latest::default(), Overflow::default(), known(temporality));
        let (mut far, mut counted) = (FarSide::default(), 0);
        for round in 1..=1000 {
            let time = 10 * round * SECOND;
            // Where it is known what the far side has, a stream may be older than what it was told last.
            let start = if temporality == Temporality::Delta { 1 } else { time - 1 };
            let batch = read(round % 200, start, time);
            counted += sum(&batch);
            held.merge(&batch);
            assert_eq!(overflow.shrink(&mut held, ROOM, &known).dropped, 0);
            for out in [Some(Arc::new(held.take())), overflow.take_changed()].into_iter().flatten() {
                match &known.acknowledged {
                    Acknowledged::Exactly(differences) => far.take(&differences.since(&out).batch),
                    Acknowledged::Until(_) => far.take(&out),
                }
                known.commit(&out);
            }
            overflow.delivered();
            assert!(overflow.totals() <= 2 * STREAMS, "{temporality:?} {round}: {}", overflow.totals());
        }
        assert_eq!(far.total(), counted, "{temporality:?}");
    }
}

#[test]
fn of_more_sources_than_there_is_room_for_in_one_outage_the_last_are_lost_and_counted() {
    let (mut held, mut overflow, known) = (Latest::default(), Overflow::default(), known(Temporality::Cumulative));
    let (mut points, mut folded, mut dropped) = (0, 0, 0);
    for round in 1..=1000 {
        let time = 10 * round * SECOND;
        let batch = read(round, time - 1, time);
        points += batch.items();
        held.merge(&batch);
        let shrunk = overflow.shrink(&mut held, ROOM, &known);
        (folded, dropped) = (folded + shrunk.folded, dropped + shrunk.dropped);
        assert!(overflow.totals() <= 2 * STREAMS, "{round}: {}", overflow.totals());
    }
    assert!(dropped > 0 && folded > 0);
    assert_eq!(folded + dropped + held.streams(), points);
    assert_eq!(overflow.take_changed().unwrap().items(), 2 * STREAMS);
}
