//! Points that stay in the bytes that they came in: looked at once to see that they are good, and read only if somebody
//! asks for them.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use pdata::wire::{Reader, checked_key};
use pdata::{NumberKind, Point, Points, ReadPoints};

use super::Rejected;
use super::points::{self, Numbers};
use super::sets::{Checked, Sets, TAG};

/// The points of a metric as nearly all are: of one kind of value, with fields as short as they can be and nothing that
/// would be left out.
pub(super) struct Plain<'b> {
    bytes: &'b [u8],
    count: u32,
    latest: u64,
    pub(super) number: NumberKind,
    /// What stands behind the points.
    pub(super) rest: &'b [u8],
}

/// What the point before had, each attribute in its place: what is the same is known to be good.
#[derive(Debug, Default)]
pub(super) struct Look<'b> {
    attributes: [(&'b [u8], &'b str); MOST],
    /// How many of these are of one point, whose keys all differ.
    count: usize,
    /// The last time of a point in this metric.
    latest: u64,
}

/// Points with more attributes are read at once.
const MOST: usize = 16;

impl<'b> Look<'b> {
    /// The `NumberDataPoint`s that are field 1 of `data`, if they are good and may stay as they are.
    ///
    /// What is not taken here is taken or refused by whoever reads it.
    pub(super) fn at(&mut self, data: &'b [u8]) -> Option<Plain<'b>> {
        let plain = self.plain(data);
        if plain.is_none() {
            self.count = 0;
        }
        plain
    }

    fn plain(&mut self, data: &'b [u8]) -> Option<Plain<'b>> {
        let mut reader = Reader::new(data);
        let (mut count, mut value) = (0, None);
        self.latest = 0;
        while let Some(bytes) = reader.next_bytes(0x0a) {
            let found = self.point(bytes)?;
            if *value.get_or_insert(found) != found {
                return None;
            }
            count += 1;
        }
        let rest = reader.rest();
        while let Some((number, _)) = reader.field().ok()? {
            if number == 1 {
                return None;
            }
        }
        let number = if value? == AS_INT { NumberKind::Signed } else { NumberKind::Double };
        Some(Plain { bytes: &data[..data.len() - rest.len()], count, latest: self.latest, number, rest })
    }

    /// The tag of its value.
    #[inline]
    fn point(&mut self, bytes: &'b [u8]) -> Option<u8> {
        let mut reader = Reader::new(bytes);
        let (mut value, mut place, mut keys_differ) = (None, 0, true);
        while let Some(tag) = reader.peek() {
            match tag {
                TAG => {
                    let attribute = reader.next_bytes(TAG)?;
                    let before = self.attributes.get_mut(place)?;
                    if place >= self.count || before.0 != attribute {
                        let key = checked_key(attribute).ok()?;
                        keys_differ &= place < self.count && before.1 == key;
                        *before = (attribute, key);
                    }
                    place += 1;
                }
                START => _ = reader.next_fixed64(tag)?,
                TIME => self.latest = self.latest.max(reader.next_fixed64(tag)?),
                AS_DOUBLE | AS_INT if value.is_none() => {
                    reader.next_fixed64(tag)?;
                    value = Some(tag);
                }
                _ => return None,
            }
        }
        if !keys_differ && !all_differ(self.attributes.get(..place)?) {
            return None;
        }
        self.count = place;
        value
    }
}

fn all_differ(attributes: &[(&[u8], &str)]) -> bool {
    let in_order = attributes.is_sorted_by(|(_, a), (_, b)| a < b);
    in_order
        || attributes.iter().enumerate().all(|(place, (_, key))| attributes[..place].iter().all(|(_, it)| it != key))
}

const START: u8 = 0x11;
const TIME: u8 = 0x19;
const AS_DOUBLE: u8 = 0x21;
const AS_INT: u8 = 0x31;

impl Plain<'_> {
    /// The points, which `reader` reads if need be; `None` where they are not in `request`.
    pub(super) fn points(&self, request: &Bytes, reader: Arc<dyn ReadPoints<Point>>) -> Option<Points> {
        let at = self.bytes.as_ptr().addr().checked_sub(request.as_ptr().addr())?;
        let [at, length] = [at, self.bytes.len()].map(u32::try_from);
        Some(Points::came(request.clone(), [at.ok()?, length.ok()?, self.count], self.latest, reader))
    }
}

/// Reads the points of one scope; metrics that have the same streams share them.
#[derive(Debug, Default)]
pub(super) struct Streams(Mutex<Sets>);

impl ReadPoints<Point> for Streams {
    fn read(&self, bytes: &[u8]) -> Vec<Point> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rejected = Rejected::default();
        // They were looked at: there is no error, and they are of one kind.
        let numbers = points::read(bytes, &mut Vec::new(), &mut sets, &mut Checked::default(), &mut rejected);
        let Numbers { whole, double, .. } = numbers.unwrap_or_default();
        if double.is_empty() { whole } else { double }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::put_bytes;

    /// A point of the value 1 with an attribute for each of `keys`, whose value is `value`.
    fn point(keys: &[u8], value: u8) -> Vec<u8> {
        let mut point = [&[AS_INT][..], &1_u64.to_le_bytes()].concat();
        for key in keys {
            point.extend([TAG, 7, 0x0a, 1, *key, 0x12, 2, 0x18, value]);
        }
        let mut field = Vec::new();
        put_bytes(&mut field, 0x0a, &point);
        field
    }

    #[test]
    fn keys_may_be_in_any_order_and_must_differ_whatever_the_point_before_had() {
        let mut look = Look::default();
        let metrics = [
            (vec![point(b"ba", 1), point(b"ba", 2), point(b"b", 3), point(b"bac", 3)], Some(4)),
            (vec![point(b"ab", 1), point(b"aa", 1)], None),
            (vec![point(b"aa", 1)], None),
            (vec![point(b"ab", 1), point(b"abb", 1)], None),
            (vec![point(b"", 1), point(b"cab", 1)], Some(2)),
            (vec![point(b"abcdefghijklmnop", 1)], Some(1)),
            (vec![point(b"abcdefghijklmnopq", 1)], None),
        ];
        let metrics: Vec<_> = metrics.into_iter().map(|(points, count)| (points.concat(), count)).collect();
        for (data, count) in &metrics {
            assert_eq!(look.at(data).map(|plain| plain.count), *count, "{data:?}");
        }
    }

    #[test]
    fn what_would_be_left_out_or_ends_early_is_not_plain() {
        let good = point(b"a", 1);
        let looked = |data: &[u8]| Look::default().at(data).map(|plain| (plain.bytes.len(), plain.rest.len()));
        assert_eq!(looked(&[&good[..], &[0x10, 2]].concat()), Some((good.len(), 2)));
        assert_eq!(looked(&[&good[..], &[0x10, 2], &good].concat()), None, "points must stand together");
        assert_eq!(looked(&good[..good.len() - 1]), None);
        assert_eq!(looked(&[]), None);
        let with = |field: &[u8]| {
            let point = [&good[2..], field].concat();
            looked(&[&[0x0a, u8::try_from(point.len()).unwrap()], &point[..]].concat())
        };
        assert!(with(&[0x11, 1, 2, 3, 4, 5, 6, 7, 8]).is_some());
        for field in
            [&[0x40, 1][..], &[0x2a, 0], &[0x11, 1], &[AS_INT, 1, 2, 3, 4, 5, 6, 7, 8], &[0x78, 1], &[0x3a, 1, 0xff]]
        {
            assert_eq!(with(field), None, "{field:?}");
        }
    }
}
