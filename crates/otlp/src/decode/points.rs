//! Points of numbers.

use std::sync::Arc;

use pdata::wire::{Field, Malformed, Reader, WRONG_TYPE};
use pdata::{Attributes, Point};

use super::sets::{Checked, Sets, TAG};
use super::{Rejected, each_message};

/// Points of one metric, by what their value is.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) whole: Vec<Point>,
    pub(super) double: Vec<Point>,
    pub(super) missing: Vec<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Whole,
    Double,
    Missing,
}

/// A point that has no attributes yet.
#[derive(Debug)]
pub(super) struct Read {
    start: u64,
    time: u64,
    bits: u64,
    value: Value,
}

/// The `NumberDataPoint`s that are field 1 of `data`; `read` is room that is used again.
pub(super) fn read<'b>(
    data: &'b [u8],
    read: &mut Vec<Read>,
    sets: &mut Sets,
    checked: &mut Checked<'b>,
    rejected: &mut Rejected,
) -> Result<Numbers, Malformed> {
    read.clear();
    each_message(data, 1, |bytes| {
        if let Some(point) = point(bytes, sets, checked)? {
            read.push(point);
        } else {
            rejected.add(1, "a point has no value");
        }
        Ok(())
    })?;
    let mut numbers = Numbers::default();
    let first = read.first().map(|point| point.value);
    let uniform = read.iter().all(|point| Some(point.value) == first);
    if let Some(first) = first.filter(|_| uniform) {
        numbers.of(first).reserve_exact(read.len());
    }
    let make = |(Read { start, time, bits, value }, attributes): (Read, Arc<Attributes>)| {
        numbers.of(value).push(Point { attributes, start, time, bits });
    };
    read.drain(..).zip(sets.take()).for_each(make);
    Ok(numbers)
}

impl Numbers {
    fn of(&mut self, value: Value) -> &mut Vec<Point> {
        match value {
            Value::Whole => &mut self.whole,
            Value::Double => &mut self.double,
            Value::Missing => &mut self.missing,
        }
    }
}

fn point<'b>(bytes: &'b [u8], sets: &mut Sets, checked: &mut Checked<'b>) -> Result<Option<Read>, Malformed> {
    let mut set = sets.begin_point();
    let (mut start, mut time, mut value, mut flags) = (0, 0, None, 0);
    let mut reader = Reader::new(bytes);
    while let Some(tag) = reader.peek() {
        match tag {
            TAG => set.push_run(&mut reader, checked)?,
            0x11 => start = reader.next_fixed64(tag).unwrap_or(start),
            0x19 => time = reader.next_fixed64(tag).unwrap_or(time),
            0x31 => value = reader.next_fixed64(tag).map(|bits| (Value::Whole, bits)).or(value),
            _ => {}
        }
        // What was not taken.
        if reader.peek() != Some(tag) {
            continue;
        }
        let Some(field) = reader.field()? else { break };
        match field {
            (7, Field::Bytes(bytes)) => set.push(bytes, checked)?,
            (2, Field::Fixed64(bits)) => start = bits,
            (3, Field::Fixed64(bits)) => time = bits,
            (4, Field::Fixed64(bits)) => value = Some((Value::Double, bits)),
            (6, Field::Fixed64(bits)) => value = Some((Value::Whole, bits)),
            (8, Field::Varint(bits)) => flags = bits,
            (2..=4 | 6..=8, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    if flags & 1 != 0 {
        value = Some((Value::Missing, 0));
    }
    let Some((value, bits)) = value else {
        set.abandon();
        return Ok(None);
    };
    set.finish()?;
    Ok(Some(Read { start, time, bits, value }))
}
