//! Slots out and back: the ring that the kernel takes from, which slot returns to it when, and when it gets more.
//!
//! The slot of a process that has exited stays readable for five minutes, unless
//! newcomers need it or its cells before: the one that exited first goes first, and
//! none before every reader has delivered it. Sockets may outlive their process: a slot
//! is closed before it goes, and what was counted until then is delivered.

use std::collections::HashSet;
use std::mem::offset_of;
use std::sync::atomic::Ordering;

use super::keys::{Index, owner};
use super::own_metrics::per_cpu;
use super::processes::{ProcessEntry, Processes};
use super::retired::retire;
use super::sizing::Sizing;
use crate::kernel::{
    Control, CpuRecord, GENERATION_CLOSED, GENERATION_MASK, Kernel, PAGE_CELLS, PAGE_SLOTS, PAGE_SOCKETS, Page,
    ProcessRow, UNATTRIBUTED_SLOT,
};

/// How long the slot of an exited process is kept while there is no need for it, in ns.
const RETENTION: u64 = 300_000_000_000;

const PAGE: usize = PAGE_SLOTS as usize;
const CELLS: usize = PAGE_CELLS as usize;
const FREE_HEAD: usize = offset_of!(Control, free_head);
const FREE_TAIL: usize = offset_of!(Control, free_tail);
/// `stripe` and `exclusive_pages` share a word; the latter is the second half of it on a little-endian machine.
const STRIPE_AND_PAGES: usize = offset_of!(CpuRecord, stripe);
const BORN: usize = offset_of!(ProcessRow, born);
/// `tgid` and `generation` share a word; the second half of it on a little-endian machine.
const TGID_AND_GENERATION: usize = offset_of!(ProcessRow, tgid);

/// Adds pages until a quarter of all slots is free, or there are as many as there may be; at least one. The same for
/// sockets. Cheap where there is nothing to do.
pub(crate) fn grow(kernel: &mut Kernel, sizing: &Sizing) {
    if kernel.tier.btf {
        grow_sockets(kernel, sizing);
    }
    while let Some(stripes) = sizing.pages.get(kernel.pages.len()).copied() {
        let slots = (kernel.pages.len() * PAGE) as u64;
        if slots > 0 && free(kernel) >= slots / 4 {
            return;
        }
        if let Err(error) = kernel.add_page(stripes) {
            if kernel.may_complain() {
                let pages = kernel.pages.len();
                tracing::warn!(%error, pages, "ebpf: no page of slots can be added, newcomers overflow");
            }
            return;
        }
        assign_stripes(kernel, sizing);
        open_new_slots(kernel, sizing);
        tracing::info!(map_bytes = kernel.map_bytes(), pages = kernel.pages.len(), "ebpf: maps grown");
    }
}

/// Tells each CPU which stripe it counts in, and in how many of the first pages nobody else does.
pub(crate) fn assign_stripes(kernel: &Kernel, sizing: &Sizing) {
    let enough = |page: &&Page| page.counters.len() >= sizing.cpus as usize;
    let exclusive = kernel.pages.iter().take_while(enough).count() as u64;
    for cpu in 0..sizing.cpus {
        let stripe = u64::from(cpu & (sizing.stripes - 1));
        // Both halves of a word, of which the first one stays as it is.
        kernel.cpus.at(cpu as usize, STRIPE_AND_PAGES).store(exclusive << 32 | stripe, Ordering::Release);
    }
}

/// Adds pages of sockets while half of those that there are is in use.
fn grow_sockets(kernel: &mut Kernel, sizing: &Sizing) {
    // A socket may come on one CPU and go on another, and between two of them the sum is no number of sockets.
    let used = per_cpu(kernel, offset_of!(CpuRecord, open_sockets)).cast_signed().max(0).cast_unsigned();
    while kernel.socket_pages() < u64::from(sizing.socket_pages) && used >= kernel.socket_pages() * PAGE_SOCKETS / 2 {
        if let Err(error) = kernel.add_socket_page() {
            if kernel.may_complain() {
                tracing::warn!(%error, "ebpf: no page of sockets can be added, new connections have no owner");
            }
            return;
        }
    }
}

/// Puts slots that have not been in the ring yet into it: those of a new page, and of one that an agent did not get
/// to open.
pub(crate) fn open_new_slots(kernel: &Kernel, sizing: &Sizing) {
    for slot in 0..slots(kernel, sizing) {
        let rows = &kernel.pages[slot / PAGE].rows;
        if rows.read(slot % PAGE).generation == 0 {
            give(kernel, slot, 1);
        }
    }
}

/// Slots that there are, taken or not.
fn slots(kernel: &Kernel, sizing: &Sizing) -> usize {
    (kernel.pages.len() * PAGE).min(sizing.max_processes as usize)
}

/// Closes the slots that are due at `now` (CLOCK_MONOTONIC ns): nothing more is counted for their processes, and what
/// their sockets still do is nobody's from here on. To be called before a read.
///
/// Those that have counted anything of sockets are read by everybody once more, since that may have been after their last
/// read; of the others it is enough to have been read since the exit.
pub(crate) fn close(kernel: &Kernel, sizing: &Sizing, processes: &mut Processes, now: u64) {
    let due = due(kernel, slots(kernel, sizing), processes, now);
    if due.is_empty() {
        return;
    }
    let chosen = |slot: u32| due.binary_search(&slot).is_ok();
    for (slot, entry) in processes.iter_mut().filter(|(slot, _)| chosen(*slot)) {
        let (page, row) = (&kernel.pages[slot as usize / PAGE], slot as usize % PAGE);
        set_generation(page, row, page.rows.read(row).tgid, entry.generation | GENERATION_CLOSED);
        entry.closed = Some(entry.delivered);
    }
    let keys = kernel.pages.iter().flat_map(|page| (0..CELLS).map(|cell| page.key(cell).load(Ordering::Acquire)));
    let with_sockets: HashSet<u32> =
        keys.filter(|key| Index::of(*key).is_of_sockets()).map(|key| owner(key).0).collect();
    for (_, entry) in processes.iter_mut().filter(|(slot, _)| chosen(*slot) && with_sockets.contains(slot)) {
        entry.closed = Some(0);
    }
}

/// Which of `slots` are to go back, in ascending order: those of processes that have exited, as far as room is wanted, and
/// the old ones.
fn due(kernel: &Kernel, slots: usize, processes: &Processes, now: u64) -> Vec<u32> {
    let exited = processes.iter().filter(|(_, entry)| entry.exited != 0 && entry.closed.is_none());
    let mut candidates: Vec<(u64, u32)> = exited.map(|(slot, entry)| (entry.exited, slot)).collect();
    candidates.sort_unstable();
    let closed = processes.iter().filter(|(_, entry)| entry.closed.is_some()).count();
    // Half of the slots is kept free for newcomers between two reads, and half of the cells of each page.
    let free = usize::try_from(free(kernel)).unwrap_or(0) + closed;
    let wanted = (slots / 2).saturating_sub(free);
    let used: Vec<usize> = kernel.pages.iter().map(used_cells).collect();
    let scarce: Vec<bool> = used.iter().map(|used| *used > CELLS / 2).collect();
    // Of what is left, counts come before histograms.
    let thrifty = used.iter().any(|used| *used > CELLS / 4 * 3);
    kernel.control.at(0, offset_of!(Control, thrifty)).store(u64::from(thrifty), Ordering::Release);
    let mut due: Vec<u32> = (0..)
        .zip(candidates)
        .filter(|(index, (exited, slot))| {
            *index < wanted
                || now.saturating_sub(*exited) > RETENTION
                || scarce.get(*slot as usize / PAGE).is_some_and(|scarce| *scarce)
        })
        .map(|(_, (_, slot))| slot)
        .collect();
    due.sort_unstable();
    due
}

/// Gives back the slots that are closed and read; `readers` has a bit for each that has to. To be called after a read.
pub(crate) fn recycle(kernel: &Kernel, processes: &mut Processes, readers: u64) {
    let is_read = |entry: &ProcessEntry| entry.exited != 0 && entry.closed.is_some_and(|by| by & readers == readers);
    let going: Vec<(u32, u32)> =
        processes.iter().filter(|(_, entry)| is_read(entry)).map(|(slot, entry)| (slot, entry.generation)).collect();
    clear_cells(kernel, &going);
    for (slot, generation) in going {
        clear_slot(kernel, slot as usize, generation);
        processes.forget(slot);
    }
}

fn used_cells(page: &Page) -> usize {
    (0..CELLS).filter(|cell| page.key(*cell).load(Ordering::Relaxed) != 0).count()
}

/// Slots that the kernel can take now.
pub(crate) fn free(kernel: &Kernel) -> u64 {
    let tail = kernel.control.at(0, FREE_TAIL).load(Ordering::Acquire);
    tail.saturating_sub(kernel.control.at(0, FREE_HEAD).load(Ordering::Acquire))
}

fn clear_slot(kernel: &Kernel, slot: usize, generation: u32) {
    let page = &kernel.pages[slot / PAGE];
    retire(kernel, |retired| retired.add_slot(&page.slot(slot % PAGE)));
    for stripe in &page.counters {
        stripe.slots.clear(slot % PAGE);
    }
    page.rows.at(slot % PAGE, BORN).store(0, Ordering::Release);
    page.rows.clear(slot % PAGE);
    give(kernel, slot, generation.wrapping_add(1) & GENERATION_MASK);
}

/// Puts `slot` into the ring for its life number `generation`.
fn give(kernel: &Kernel, slot: usize, generation: u32) {
    set_generation(&kernel.pages[slot / PAGE], slot % PAGE, 0, generation.max(1));
    let tail = kernel.control.at(0, FREE_TAIL);
    let position = tail.load(Ordering::Acquire);
    let entry = usize::try_from(position).unwrap_or(0) & (kernel.free.len() - 1);
    kernel.free.at(entry, 0).store(slot as u64, Ordering::Release);
    tail.store(position + 1, Ordering::Release);
}

/// Counters first, then the key: a way with a zero key is free to be claimed. What an earlier life of a
/// slot left behind goes too.
fn clear_cells(kernel: &Kernel, going: &[(u32, u32)]) {
    for page in &kernel.pages {
        for cell in 0..CELLS {
            let key = page.key(cell).load(Ordering::Acquire);
            let (slot, generation) = owner(key);
            if key == 0 || slot >= UNATTRIBUTED_SLOT {
                continue;
            }
            let stale = page.rows.read(slot as usize % PAGE).generation & GENERATION_MASK != generation;
            if !stale && going.binary_search(&(slot, generation)).is_err() {
                continue;
            }
            retire(kernel, |retired| retired.add_cell(key, &page.cell(cell)));
            for stripe in &page.counters {
                stripe.cells.clear(cell);
            }
            page.key(cell).store(0, Ordering::Release);
        }
    }
}

fn set_generation(page: &Page, slot: usize, tgid: u32, generation: u32) {
    let word = [tgid, generation];
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&word[0].to_ne_bytes());
    bytes[4..].copy_from_slice(&word[1].to_ne_bytes());
    page.rows.at(slot, TGID_AND_GENERATION).store(u64::from_ne_bytes(bytes), Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tgid_and_generation_share_an_aligned_word() {
        assert!(TGID_AND_GENERATION.is_multiple_of(8));
        assert_eq!(offset_of!(ProcessRow, generation), TGID_AND_GENERATION + 4);
    }
}
