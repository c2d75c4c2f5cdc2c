//! What has no slot or no place of its own here, though the kernel could tell it apart: added up anew at every walk, so
//! that a total is never counted twice, and kept where its process is gone.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::super::abi::{
    Cell, DETAIL_OCTAVE, DETAIL_SHIFT, IDENTITY_SLOT_MASK, IDENTITY_SLOT_SHIFT, LOSS_REASONS, PAGE_SLOTS,
    PLAIN_INDICES, SlotCounters, UNATTRIBUTED_SLOT,
};
use super::super::load::Kernel;
use super::super::pages::{Page, candidates};

/// Numbers of reasons in `enum loss_reason`.
const PROCESS_FOLDED: usize = 0;
const CELL_FOLDED: usize = 1;
const BUCKET_FOLDED: usize = 5;

/// Totals by plain index, and of slots.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    /// By plain index.
    pub(super) cells: HashMap<u32, Cell>,
    pub(super) slots: SlotCounters,
    /// By index, of what no process is known for.
    pub(super) unattributed: HashMap<u32, Cell>,
    /// Errors whose number found no place, by the key of their plain cell.
    errors: HashMap<u64, u64>,
    /// Events that gave up detail, by reason.
    pub(super) loss: [u64; LOSS_REASONS.len()],
}

/// What has been given up for good; a walk begins with it.
#[derive(Debug, Default)]
pub(super) struct Overflow {
    pub(super) retired: Sums,
}

impl Overflow {
    /// A process found no slot.
    pub(super) fn count_process(&mut self) {
        self.retired.loss[PROCESS_FOLDED] += 1;
    }
}

impl Sums {
    /// Adds a cell that has no place of its own.
    pub(super) fn add(&mut self, index: u32, cell: &Cell) {
        let plain = index % PLAIN_INDICES;
        let sum = self.cells.entry(plain).or_default();
        match index >> DETAIL_SHIFT {
            0 => {
                *sum = sum.plus(cell);
                self.loss[CELL_FOLDED] += cell.count;
            }
            DETAIL_OCTAVE.. => self.loss[BUCKET_FOLDED] += cell.count + cell.nanoseconds + cell.bytes + cell.errors,
            _ => sum.errors += cell.count,
        }
    }

    /// Stores a cell of `identity` at its place; adds it where there is none.
    pub(super) fn store(&mut self, kernel: &Kernel, identity: u64, index: u32, cell: &Cell) {
        if write(kernel, identity | u64::from(index), cell) {
            return;
        }
        if (1..DETAIL_OCTAVE).contains(&(index >> DETAIL_SHIFT)) {
            *self.errors.entry(identity | u64::from(index % PLAIN_INDICES)).or_default() += cell.count;
        } else {
            self.add(index, cell);
        }
    }

    /// Stores what was added up.
    pub(super) fn finish(&mut self, kernel: &Kernel) {
        for (key, errors) in std::mem::take(&mut self.errors) {
            if let Some((page, place)) = place(kernel, key) {
                let cells = &page.counters[0].cells;
                let cell = cells.read(place);
                cells.write(place, &Cell { errors: cell.errors + errors, ..cell });
            } else {
                self.add(
                    ((key as u32) % PLAIN_INDICES) | (1 << DETAIL_SHIFT),
                    &Cell { count: errors, ..Cell::default() },
                );
            }
        }
        let Some(overflow) = kernel.overflow.first() else { return };
        overflow.slots.write(0, &self.slots);
        for (plain, cell) in &self.cells {
            overflow.cells.write(*plain as usize, cell);
        }
    }
}

fn write(kernel: &Kernel, key: u64, cell: &Cell) -> bool {
    let Some((page, place)) = place(kernel, key) else { return false };
    page.counters[0].cells.write(place, cell);
    page.key(place).store(key, Ordering::Release);
    true
}

/// Where `key` stands, or may stand.
fn place(kernel: &Kernel, key: u64) -> Option<(&Page, usize)> {
    let slot = ((key >> IDENTITY_SLOT_SHIFT) & IDENTITY_SLOT_MASK) as u32;
    // What is no process has its keys in the first page.
    let page = kernel.pages.get(if slot < UNATTRIBUTED_SLOT { (slot / PAGE_SLOTS) as usize } else { 0 })?;
    let mut free = None;
    for candidate in candidates(key) {
        match page.key(candidate).load(Ordering::Relaxed) {
            held if held == key => return Some((page, candidate)),
            0 if free.is_none() => free = Some(candidate),
            _ => {}
        }
    }
    Some((page, free?))
}
