//! Slots out and back: the ring that the kernel takes from, and which slot returns to it when.
//!
//! The slot of a process that has exited stays readable for five minutes, unless
//! newcomers need it or its cells before: the one that exited first goes first, and
//! none before every reader has delivered it.

use std::mem::offset_of;
use std::sync::atomic::Ordering;

use super::processes::Processes;
use crate::kernel::{
    BUCKET_WAYS, CELL_INDICES, Control, IDENTITY_GENERATION_SHIFT, IDENTITY_SLOT_MASK, IDENTITY_SLOT_SHIFT, Kernel,
    ProcessRow,
};

/// How long the slot of an exited process is kept while there is no need for it, in ns.
const RETENTION: u64 = 300_000_000_000;

/// Share of the slots, and of the cells, that is kept free for newcomers between two reads: one in this many.
const RESERVE: u64 = 2;

const FREE_HEAD: usize = offset_of!(Control, free_head);
const FREE_TAIL: usize = offset_of!(Control, free_tail);
const BORN: usize = offset_of!(ProcessRow, born);
/// `tgid` and `generation` share a word; the second half of it on a little-endian machine.
const TGID_AND_GENERATION: usize = offset_of!(ProcessRow, tgid);

/// Fills the ring of a fresh kernel side: every slot but the overflow one, in its first life.
pub(crate) fn open(kernel: &Kernel) {
    for slot in 1..kernel.processes.len() {
        set_generation(kernel, slot, 1);
        kernel.free.at(slot - 1, 0).store(slot as u64, Ordering::Release);
    }
    kernel.control.at(0, FREE_TAIL).store(kernel.processes.len() as u64 - 1, Ordering::Release);
}

/// Gives back the slots that are due at `now` (CLOCK_MONOTONIC ns); `readers` has a bit for each.
pub(crate) fn recycle(kernel: &Kernel, processes: &mut Processes, stripes: usize, readers: u64, now: u64) {
    let mut candidates: Vec<(u64, u32, u32)> = processes
        .iter()
        .filter(|(_, entry)| entry.exited != 0 && entry.delivered & readers == readers)
        .map(|(slot, entry)| (entry.exited, slot, entry.generation))
        .collect();
    candidates.sort_unstable();
    let slots = kernel.processes.len() as u64;
    // How many cells a process has is not known here, so where they run low all go that may.
    let wanted = if cells_run_low(kernel) { slots } else { slots.div_ceil(RESERVE).saturating_sub(free(kernel)) };
    let due: Vec<(u32, u32)> = (0..)
        .zip(candidates)
        .take_while(|(index, (exited, ..))| *index < wanted || now.saturating_sub(*exited) > RETENTION)
        .map(|(_, (_, slot, generation))| (slot, generation))
        .collect();
    if due.is_empty() {
        return;
    }
    clear_cells(kernel, stripes, &due);
    for (slot, generation) in due {
        clear_slot(kernel, stripes, slot as usize, generation);
        processes.forget(slot);
    }
}

fn cells_run_low(kernel: &Kernel) -> bool {
    let keys = kernel.keys.len() * BUCKET_WAYS as usize;
    let key = |cell: usize| kernel.keys.at(cell / BUCKET_WAYS as usize, cell % BUCKET_WAYS as usize * 8);
    let used = (0..keys).filter(|cell| key(*cell).load(Ordering::Relaxed) != 0).count();
    used > keys - keys / usize::try_from(RESERVE).unwrap_or(1)
}

/// Slots that the kernel can take now.
pub(crate) fn free(kernel: &Kernel) -> u64 {
    let tail = kernel.control.at(0, FREE_TAIL).load(Ordering::Acquire);
    tail.saturating_sub(kernel.control.at(0, FREE_HEAD).load(Ordering::Acquire))
}

fn clear_slot(kernel: &Kernel, stripes: usize, slot: usize, generation: u32) {
    let slots = kernel.processes.len();
    for stripe in 0..stripes {
        kernel.slots.clear(stripe * slots + slot);
    }
    kernel.processes.at(slot, BORN).store(0, Ordering::Release);
    kernel.processes.clear(slot);
    set_generation(kernel, slot, generation.wrapping_add(1).max(1));
    let tail = kernel.control.at(0, FREE_TAIL);
    let position = tail.load(Ordering::Acquire);
    let entry = usize::try_from(position).unwrap_or(0) & (kernel.free.len() - 1);
    kernel.free.at(entry, 0).store(slot as u64, Ordering::Release);
    tail.store(position + 1, Ordering::Release);
}

/// Counters first, then the key: a way with a zero key is free to be claimed. What an earlier life of a
/// slot left behind goes too.
fn clear_cells(kernel: &Kernel, stripes: usize, due: &[(u32, u32)]) {
    let mut gone = due.to_vec();
    gone.sort_unstable();
    let ways = BUCKET_WAYS as usize;
    let cells = kernel.cells.len() / stripes;
    for bucket in 0..kernel.keys.len() {
        for way in 0..ways {
            let key = kernel.keys.at(bucket, way * 8).load(Ordering::Acquire);
            let (slot, generation) = owner(key);
            let stale = kernel.processes.read(slot as usize).generation != generation;
            if key == 0 || !(stale || gone.binary_search(&(slot, generation)).is_ok()) {
                continue;
            }
            for stripe in 0..stripes {
                kernel.cells.clear(stripe * cells + CELL_INDICES as usize + bucket * ways + way);
            }
            kernel.keys.at(bucket, way * 8).store(0, Ordering::Release);
        }
    }
}

/// Slot and generation of a key.
pub(crate) fn owner(key: u64) -> (u32, u32) {
    (((key >> IDENTITY_SLOT_SHIFT) & IDENTITY_SLOT_MASK) as u32, (key >> IDENTITY_GENERATION_SHIFT) as u32)
}

fn set_generation(kernel: &Kernel, slot: usize, generation: u32) {
    let word = [0u32, generation];
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&word[0].to_ne_bytes());
    bytes[4..].copy_from_slice(&word[1].to_ne_bytes());
    kernel.processes.at(slot, TGID_AND_GENERATION).store(u64::from_ne_bytes(bytes), Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_its_slot_and_generation() {
        let key = (7u64 << IDENTITY_GENERATION_SHIFT) | (1234 << IDENTITY_SLOT_SHIFT) | 39;
        assert_eq!(owner(key), (1234, 7));
    }

    #[test]
    fn tgid_and_generation_share_an_aligned_word() {
        assert!(TGID_AND_GENERATION.is_multiple_of(8));
        assert_eq!(offset_of!(ProcessRow, generation), TGID_AND_GENERATION + 4);
    }
}
