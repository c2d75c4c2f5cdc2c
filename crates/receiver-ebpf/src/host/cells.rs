//! Cells as streams: which (process, index) a cell belongs to, and what it adds up to.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pdata::Attributes;

use super::keys::{Index, owner};
use super::ledger::{Ledger, Totals};
use crate::kernel::{Cell, Kernel, PAGE_CELLS, candidates};

impl Totals for Cell {
    fn since(&self, earlier: &Self) -> Self {
        self.zip(earlier, u64::wrapping_sub)
    }
}

/// What a reader remembers of one cell in use.
#[derive(Debug, Default)]
pub(crate) struct CellStream {
    /// Key of the cell; another one means another stream.
    pub(crate) key: u64,
    /// Totals under the process's present name.
    pub(crate) ledger: Ledger<Cell>,
    /// Made when the stream is first exported.
    pub(crate) attributes: Option<Arc<Attributes>>,
}

/// The cells that one reader follows. Most cells are free most of the time, so
/// streams stand densely and cells hold a position. Cells are numbered through all pages.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    /// By cell: position in `streams`, or `UNUSED`.
    positions: Vec<u32>,
    streams: Vec<CellStream>,
    /// Positions in `streams` that have no cell.
    free: Vec<u32>,
    /// Cells whose key stands in other cells too, since CPUs put it in at once: all that belongs to the first.
    twins: HashMap<u32, Vec<u32>>,
    /// Cells that are counted with their first.
    seconds: HashSet<u32>,
}

const UNUSED: u32 = u32::MAX;
const PAGE: usize = PAGE_CELLS as usize;

impl Cells {
    /// Calls `visit` with slot and generation, index, totals and stream of every cell in use with a plain index in
    /// `indices`.
    pub(crate) fn for_each(
        &mut self,
        kernel: &Kernel,
        indices: &[Range<u32>],
        mut visit: impl FnMut((u32, u32), Index, Cell, &mut CellStream),
    ) {
        // All twins are known before the first total is taken: the last read of a process has no second try.
        self.follow(kernel, indices);
        for cell in 0..self.positions.len() {
            if self.stream(cell).is_none() || self.seconds.contains(&number(cell)) {
                continue;
            }
            let totals = self.totals(kernel, cell);
            if let Some(stream) = self.stream_mut(cell) {
                visit(owner(stream.key), Index::of(stream.key), totals, stream);
            }
        }
    }

    fn stream(&self, cell: usize) -> Option<&CellStream> {
        self.streams.get(*self.positions.get(cell)? as usize)
    }

    fn stream_mut(&mut self, cell: usize) -> Option<&mut CellStream> {
        self.streams.get_mut(*self.positions.get(cell)? as usize)
    }

    /// Begins and ends streams as the keys in the table came and went.
    fn follow(&mut self, kernel: &Kernel, indices: &[Range<u32>]) {
        self.positions.resize(kernel.pages.len() * PAGE, UNUSED);
        for cell in 0..self.positions.len() {
            let key = kernel.pages[cell / PAGE].key(cell % PAGE).load(Ordering::Acquire);
            let held = self.stream(cell).map_or(0, |stream| stream.key);
            if key == held {
                continue;
            }
            if held != 0 {
                self.end(cell);
            }
            let plain = Index::of(key).plain;
            if key != 0 && indices.iter().any(|range| range.contains(&plain)) {
                self.begin(cell, key);
            }
        }
    }

    /// Twins end together: their key is cleared for all of them before the next read.
    fn end(&mut self, cell: usize) {
        let position = std::mem::replace(&mut self.positions[cell], UNUSED);
        self.streams[position as usize] = CellStream::default();
        self.free.push(position);
        self.twins.remove(&number(cell));
        self.seconds.remove(&number(cell));
    }

    /// Starts to follow `cell`; where its key is followed in another cell already, as a part of that one.
    fn begin(&mut self, cell: usize, key: u64) {
        let page = cell / PAGE * PAGE;
        let first = candidates(key).map(|candidate| page + candidate).find(|other| {
            self.stream(*other).is_some_and(|stream| stream.key == key) && !self.seconds.contains(&number(*other))
        });
        if let Some(first) = first {
            self.twins.entry(number(first)).or_default().push(number(cell));
            self.seconds.insert(number(cell));
        }
        let position = self.free.pop().unwrap_or_else(|| {
            self.streams.push(CellStream::default());
            number(self.streams.len() - 1)
        });
        self.streams[position as usize] = CellStream { key, ..CellStream::default() };
        self.positions[cell] = position;
    }

    /// Sum over all stripes of `cell` and of its twins.
    fn totals(&self, kernel: &Kernel, cell: usize) -> Cell {
        let sum = |cell: usize| kernel.pages[cell / PAGE].cell(cell % PAGE);
        let twins = self.twins.get(&number(cell)).into_iter().flatten();
        twins.fold(sum(cell), |total, twin| total.plus(&sum(*twin as usize)))
    }
}

/// Cells are numbered by 32 bits: a million processes would be 32 million.
fn number(cell: usize) -> u32 {
    u32::try_from(cell).unwrap_or(UNUSED)
}
