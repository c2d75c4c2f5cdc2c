//! Attribute sets of points: checked, put in order, and left in the bytes that they came in.

use std::sync::Arc;

use pdata::Attributes;
use pdata::wire::{Field, Malformed, Reader, WRONG_TYPE, checked_key, key_value};

use crate::wire::put_bytes;

/// The sets of the metric that is being read.
///
/// Some sets share a block, which is copied out of the request: what outlives it keeps a block, not the request.
#[derive(Debug, Default)]
pub(super) struct Sets {
    block: Vec<u8>,
    /// Where in `block` each set is that has no place yet, in order.
    pending: Vec<Place>,
    /// Sets in the order of their points, those that have a place.
    placed: Vec<Arc<Attributes>>,
    /// The sets of the metric before, in the same order: metrics of one scope often have the same streams.
    before: Vec<Arc<Attributes>>,
    empty: Option<Arc<Attributes>>,
}

#[derive(Debug)]
enum Place {
    Block(u32, u32),
    Known(Arc<Attributes>),
}

/// Attributes of the point before, each in its place: what is the same has been checked.
#[derive(Debug, Default)]
pub(super) struct Checked<'b>([(&'b [u8], &'b str); 8]);

impl<'b> Checked<'b> {
    #[inline]
    fn key(&mut self, place: usize, bytes: &'b [u8]) -> Result<&'b str, Malformed> {
        match self.0.get_mut(place) {
            Some((before, key)) if *before == bytes && !bytes.is_empty() => Ok(*key),
            Some(before) => {
                let key = checked_key(bytes)?;
                *before = (bytes, key);
                Ok(key)
            }
            None => checked_key(bytes),
        }
    }
}

/// A block that is larger takes no more sets.
const FULL: usize = 4096;
/// The tag of attributes in a point of a number, which is what their encoded form begins with.
pub(super) const TAG: u8 = 0x3a;

impl Sets {
    /// To be called before the metrics of a scope.
    pub(super) fn begin_scope(&mut self) {
        self.before.clear();
    }

    /// The set of the next point.
    pub(super) fn begin_point<'b>(&mut self) -> Point<'_, 'b> {
        if self.block.len() >= FULL {
            self.settle();
        }
        let at = self.block.len();
        Point { sets: self, at, place: 0, last: None, in_order: true }
    }

    /// Gives those that are pending their block.
    fn settle(&mut self) {
        let block: Arc<[u8]> = if self.block.is_empty() { Arc::default() } else { self.block.as_slice().into() };
        for place in self.pending.drain(..) {
            self.placed.push(match place {
                Place::Block(at, length) => Arc::new(Attributes::came(block.clone(), at, length)),
                Place::Known(set) => set,
            });
        }
        self.block.clear();
    }

    /// The sets of all points since the last call, in their order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Arc<Attributes>> {
        self.settle();
        std::mem::swap(&mut self.placed, &mut self.before);
        self.placed.clear();
        self.before.iter().cloned()
    }

    /// Drops what was taken of the last point.
    fn truncate(&mut self, at: usize) {
        self.block.truncate(at);
    }
}

/// The attributes of one point, while it is read.
pub(super) struct Point<'s, 'b> {
    sets: &'s mut Sets,
    at: usize,
    /// Number of the next attribute.
    place: usize,
    last: Option<&'b str>,
    in_order: bool,
}

impl<'b> Point<'_, 'b> {
    /// Takes a `KeyValue`.
    #[inline]
    pub(super) fn push(&mut self, bytes: &'b [u8], checked: &mut Checked<'b>) -> Result<(), Malformed> {
        self.check(bytes, checked)?;
        put_bytes(&mut self.sets.block, TAG, bytes);
        Ok(())
    }

    /// Takes the attributes that stand next in the point of a number, as far as each is short.
    #[inline]
    pub(super) fn push_run(&mut self, reader: &mut Reader<'b>, checked: &mut Checked<'b>) -> Result<(), Malformed> {
        let rest = reader.rest();
        while let Some(bytes) = reader.next_bytes(TAG) {
            self.check(bytes, checked)?;
        }
        // Their fields are written as they are kept.
        self.sets.block.extend_from_slice(&rest[..rest.len() - reader.rest().len()]);
        Ok(())
    }

    #[inline]
    fn check(&mut self, bytes: &'b [u8], checked: &mut Checked<'b>) -> Result<(), Malformed> {
        let key = checked.key(self.place, bytes)?;
        self.place += 1;
        self.in_order &= self.last.is_none_or(|last| last < key);
        self.last = Some(key);
        Ok(())
    }

    /// Leaves the set out: its point is no good.
    pub(super) fn abandon(self) {
        self.sets.truncate(self.at);
    }

    /// The set is whole.
    pub(super) fn finish(self) -> Result<(), Malformed> {
        let Self { sets, at, in_order, .. } = self;
        if !in_order {
            let ordered = ordered(&sets.block[at..])?;
            sets.block.truncate(at);
            sets.block.extend_from_slice(&ordered);
        }
        let set = &sets.block[at..];
        let place = sets.placed.len() + sets.pending.len();
        let known = if set.is_empty() {
            Some(sets.empty.get_or_insert_with(|| Arc::new(Attributes::new(vec![]))).clone())
        } else {
            sets.before.get(place).filter(|known| known.encoded(crate::measure::encode_attributes) == set).cloned()
        };
        if let Some(known) = known {
            sets.block.truncate(at);
            sets.pending.push(Place::Known(known));
        } else {
            // A request has no more than 4 GiB, and so has what is taken of it.
            let [at, length] = [at, set.len()].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
            sets.pending.push(Place::Block(at, length));
        }
        Ok(())
    }
}

/// The same fields by key; of one key twice the later.
fn ordered(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut fields = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some((_, field)) = reader.field()? {
        let Field::Bytes(bytes) = field else { return Err(WRONG_TYPE) };
        fields.push((key_value(bytes)?.0, bytes));
    }
    fields.sort_by_key(|(key, _)| *key);
    let mut out = Vec::with_capacity(bytes.len());
    for (index, (key, bytes)) in fields.iter().enumerate() {
        if fields.get(index + 1).is_none_or(|(next, _)| next != key) {
            put_bytes(&mut out, TAG, bytes);
        }
    }
    Ok(out)
}
