//! The fields of one message while it is written.

use std::ops::Range;

use super::{Fault, Written};

/// Where each of them is: JSON has them in any order and more than once, of which the last counts; written they are as the table
/// has them.
pub(super) struct Parts {
    start: usize,
    /// By their places in the table, of which none is here twice.
    parts: Vec<(usize, Part)>,
}

enum Part {
    At(Range<usize>),
    Wrong(Fault),
}

impl Parts {
    /// Of a message that begins at the end of `out`.
    pub(super) fn new(out: &[u8]) -> Self {
        Self { start: out.len(), parts: Vec::new() }
    }

    /// Takes out what came under the same name before. It moves what stands behind it, so the name comes last from then on: a
    /// message is not moved more often than it has fields.
    pub(super) fn take_out(&mut self, out: &mut Vec<u8>, place: usize) {
        let Some(found) = self.parts.iter().position(|(other, _)| *other == place) else { return };
        let (_, Part::At(gone)) = self.parts.remove(found) else { return };
        out.drain(gone.clone());
        for (_, part) in &mut self.parts[found..] {
            if let Part::At(range) = part {
                *range = range.start - gone.len()..range.end - gone.len();
            }
        }
    }

    /// Notes what came of a field, which begins at `start` of `out`; null is as if it were not there.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, place: usize, start: usize, written: Option<Written>) {
        match written {
            None => {}
            Some(Ok(())) => self.parts.push((place, Part::At(start..out.len()))),
            Some(Err(fault)) => {
                out.truncate(start);
                self.parts.push((place, Part::Wrong(fault)));
            }
        }
    }

    /// Puts them in order; of what is wrong, tells the first.
    pub(super) fn end(mut self, out: &mut Vec<u8>) -> Written {
        let in_order = self.parts.is_sorted_by_key(|(place, _)| *place);
        self.parts.sort_unstable_by_key(|(place, _)| *place);
        if let Some(fault) = self.parts.iter().find_map(|(_, part)| part.fault()) {
            return Err(fault);
        }
        if !in_order {
            let as_it_came = out.split_off(self.start);
            for (_, part) in &self.parts {
                if let Part::At(Range { start, end }) = part {
                    out.extend_from_slice(&as_it_came[start - self.start..end - self.start]);
                }
            }
        }
        Ok(())
    }
}

impl Part {
    fn fault(&self) -> Option<Fault> {
        match self {
            Self::At(_) => None,
            Self::Wrong(fault) => Some(*fault),
        }
    }
}
