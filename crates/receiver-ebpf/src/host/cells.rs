//! Cells as streams: which (process, index) a cell belongs to, and what it adds up to.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pdata::Attributes;

use super::ledger::{Ledger, Totals};
use super::lifecycle::owner;
use crate::kernel::{BUCKET_WAYS, CELL_INDICES, Cell, Kernel};

impl Totals for Cell {
    fn since(&self, earlier: &Self) -> Self {
        Self {
            count: self.count.wrapping_sub(earlier.count),
            nanoseconds: self.nanoseconds.wrapping_sub(earlier.nanoseconds),
            errors: self.errors.wrapping_sub(earlier.errors),
        }
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
/// streams stand densely and cells hold a position.
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

impl Cells {
    /// Calls `visit` with slot, generation, index, totals and stream of every cell in use with an index in `indices`.
    pub(crate) fn for_each(
        &mut self,
        kernel: &Kernel,
        stripes: usize,
        indices: &Range<u32>,
        mut visit: impl FnMut((u32, u32), u32, Cell, &mut CellStream),
    ) {
        // All twins are known before the first total is taken: the last read of a process has no second try.
        self.follow(kernel, indices);
        for cell in 0..self.positions.len() {
            if self.stream(cell).is_none() || self.seconds.contains(&number(cell)) {
                continue;
            }
            let totals = self.totals(kernel, stripes, cell);
            if let Some(stream) = self.stream_mut(cell) {
                visit(owner(stream.key), index_of(stream.key), totals, stream);
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
    fn follow(&mut self, kernel: &Kernel, indices: &Range<u32>) {
        let ways = BUCKET_WAYS as usize;
        self.positions.resize(kernel.keys.len() * ways, UNUSED);
        for cell in 0..self.positions.len() {
            let key = kernel.keys.at(cell / ways, cell % ways * 8).load(Ordering::Acquire);
            let held = self.stream(cell).map_or(0, |stream| stream.key);
            if key == held {
                continue;
            }
            if held != 0 {
                self.end(cell);
            }
            if key != 0 && indices.contains(&index_of(key)) {
                self.begin(kernel, cell, key);
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
    fn begin(&mut self, kernel: &Kernel, cell: usize, key: u64) {
        let first = candidates(key, kernel.keys.len()).find(|other| {
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
    fn totals(&self, kernel: &Kernel, stripes: usize, cell: usize) -> Cell {
        let mut totals = sum(kernel, stripes, CELL_INDICES as usize + cell);
        for twin in self.twins.get(&number(cell)).into_iter().flatten() {
            add(&mut totals, &sum(kernel, stripes, CELL_INDICES as usize + *twin as usize));
        }
        totals
    }
}

/// Cells are numbered by 32 bits in the kernel.
fn number(cell: usize) -> u32 {
    u32::try_from(cell).unwrap_or(UNUSED)
}

/// Totals of cell number `cell` over all stripes; numbers below `CELL_INDICES` are the overflow stream's.
pub(crate) fn sum(kernel: &Kernel, stripes: usize, cell: usize) -> Cell {
    let cells = kernel.cells.len() / stripes;
    let mut totals = Cell::default();
    for stripe in 0..stripes {
        add(&mut totals, &kernel.cells.read(stripe * cells + cell));
    }
    totals
}

fn add(totals: &mut Cell, part: &Cell) {
    totals.count = totals.count.wrapping_add(part.count);
    totals.nanoseconds = totals.nanoseconds.wrapping_add(part.nanoseconds);
    totals.errors = totals.errors.wrapping_add(part.errors);
}

/// The low 12 bits.
fn index_of(key: u64) -> u32 {
    (key & 0xfff) as u32
}

/// Every cell in which `key` may stand, as `slots.h` computes it; `buckets` is a power of two.
fn candidates(key: u64, buckets: usize) -> impl Iterator<Item = usize> {
    let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mask = buckets - 1;
    // The kernel side cuts the shifted hash to 32 bits too.
    let bucket = move |shift: u32| ((hash >> shift) as u32) as usize & mask;
    let ways = BUCKET_WAYS as usize;
    [bucket(40), bucket(16)].into_iter().flat_map(move |bucket| (0..ways).map(move |way| bucket * ways + way))
}
