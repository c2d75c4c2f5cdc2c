//! The self-check: what was counted is what is there, plus what was there and has been given back.
//!
//! The programs count each event twice: in a cell or a slot, and then by collector in the record of
//! the CPU. The difference of the two sums must be zero at every read.

use std::mem::offset_of;
use std::sync::atomic::Ordering;

use super::keys::{Detail, Index};
use crate::kernel::{
    COLLECTORS, COUNTED_AGAIN, Cell, Control, CpuRecord, INDEX_CONNECTION, INDEX_FILE, INDEX_NETWORK, INDEX_TRANSITION,
    Kernel, PAGE_CELLS, PAGE_SLOTS, PLAIN_INDICES, SlotCounters, sum, sum_slots,
};

/// Events by collector, in the order of `enum collector`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Retired([u64; COLLECTORS]);

/// Positions in `enum collector`.
const SYSCALLS: usize = 0;
const NETWORK: usize = 1;
const FILEIO: usize = 2;
const SCHEDULER: usize = 3;
const MEMORY: usize = 4;
const TCPSTATE: usize = 5;

impl Retired {
    /// Adds the events of a cell, if its index is one that the collectors count by.
    pub(crate) fn add_cell(&mut self, key: u64, cell: &Cell) {
        let Index { plain, detail } = Index::of(key);
        if detail == Detail::Plain {
            self.add_plain(plain, cell);
        }
    }

    fn add_plain(&mut self, plain: u32, cell: &Cell) {
        let collector = match plain {
            0..INDEX_FILE => SYSCALLS,
            INDEX_FILE..INDEX_NETWORK => FILEIO,
            INDEX_NETWORK..INDEX_CONNECTION => NETWORK,
            INDEX_TRANSITION.. => TCPSTATE,
            _ => return,
        };
        self.0[collector] = self.0[collector].wrapping_add(cell.count);
    }

    /// Adds the events of a slot.
    pub(crate) fn add_slot(&mut self, slot: &SlotCounters) {
        let SlotCounters { scheduler, memory } = slot;
        let switches = scheduler.voluntary.wrapping_add(scheduler.involuntary);
        let faults = [memory.minor_user, memory.minor_kernel, memory.major_user, memory.major_kernel];
        self.0[SCHEDULER] = self.0[SCHEDULER].wrapping_add(switches);
        self.0[MEMORY] = self.0[MEMORY].wrapping_add(faults.iter().fold(0, |sum, fault| sum.wrapping_add(*fault)));
    }
}

/// Notes what is about to be cleared, just before it is; in the maps, so that the next agent knows it too.
pub(crate) fn retire(kernel: &Kernel, add: impl FnOnce(&mut Retired)) {
    let mut retired = Retired::default();
    add(&mut retired);
    for (collector, events) in retired.0.iter().enumerate() {
        if *events > 0 {
            kernel.control.at(0, offset_of!(Control, retired) + collector * 8).fetch_add(*events, Ordering::Relaxed);
        }
    }
}

/// By collector: events that are missing (negative) or too many. Looks again where something moves meanwhile.
pub(crate) fn self_check(kernel: &Kernel) -> [i64; COLLECTORS] {
    let mut differences = difference(kernel);
    for _ in 0..3 {
        if differences == [0; COLLECTORS] {
            break;
        }
        differences = difference(kernel);
    }
    differences
}

/// An event goes to its cell first: the sum of all cells lies between what was counted before they were looked at and
/// after, and one more for each CPU that is between the two.
fn difference(kernel: &Kernel) -> [i64; COLLECTORS] {
    let before = kernel.counted_before().unwrap_or_else(|| counted(kernel));
    let there = there(kernel);
    let after = counted(kernel);
    let in_flight = kernel.cpus.len() as i64;
    std::array::from_fn(|collector| {
        let events = there.0[collector];
        let missing = before[collector].wrapping_sub(events).cast_signed();
        let surplus = events.wrapping_sub(after[collector]).cast_signed() - in_flight;
        if missing > 0 { -missing } else { surplus.max(0) }
    })
}

fn counted(kernel: &Kernel) -> [u64; COLLECTORS] {
    let mut sums = [0u64; COLLECTORS];
    for cpu in 0..kernel.cpus.len() {
        for (collector, sum) in sums.iter_mut().enumerate() {
            let word = kernel.cpus.at(cpu, offset_of!(CpuRecord, counted) + collector * 8);
            *sum = sum.wrapping_add(word.load(Ordering::Acquire));
        }
        // In the tier without BTF something else stands there.
        if kernel.tier.btf {
            let again = kernel.cpus.at(cpu, offset_of!(CpuRecord, counted) + COUNTED_AGAIN * 8);
            sums[TCPSTATE] = sums[TCPSTATE].wrapping_add(again.load(Ordering::Acquire));
        }
    }
    sums
}

fn there(kernel: &Kernel) -> Retired {
    let mut events = Retired(std::array::from_fn(|collector| {
        kernel.control.at(0, offset_of!(Control, retired) + collector * 8).load(Ordering::Relaxed)
    }));
    for page in &kernel.pages {
        for slot in 0..PAGE_SLOTS as usize {
            if page.rows.at(slot, offset_of!(crate::kernel::ProcessRow, born)).load(Ordering::Relaxed) != 0 {
                events.add_slot(&page.slot(slot));
            }
        }
        for cell in 0..PAGE_CELLS as usize {
            let key = page.key(cell).load(Ordering::Acquire);
            if key != 0 {
                events.add_cell(key, &page.cell(cell));
            }
        }
    }
    events.add_slot(&sum_slots(&kernel.overflow, 0));
    for plain in 0..PLAIN_INDICES {
        events.add_plain(plain, &sum(&kernel.overflow, plain as usize));
    }
    events
}
