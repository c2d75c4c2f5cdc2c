//! Processes here: which slot a life has, when it is over, and its row.

use std::mem::offset_of;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::super::abi::{Control, LIFE_TGID_MASK, LifeEntry, OVERFLOW_LIFE, PAGE_SLOTS, ProcessRow, UNATTRIBUTED_LIFE};
use super::super::load::Kernel;
use super::super::system::{boottime_now, monotonic_now};
use super::{Mirror, Place, proc};

const PAGE: usize = PAGE_SLOTS as usize;

/// What is known of a life.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// `None`: there was no slot, it is a part of the overflow.
    pub(super) place: Option<Place>,
    /// Whether it was looked for a slot.
    pub(super) met: bool,
    /// Threads that are counted here and not by the programs, because they were found in /proc.
    pub(super) found: i32,
    /// Its name by /proc, where a program has opened it before /proc was read: by the name of a thread.
    pub(super) comm: Option<[u8; 16]>,
    /// When it began, on the clock that goes on in suspension; 0 where it began under our eyes.
    pub(super) start_boottime: u64,
    /// When its entry was taken away, and when its last thread had left; CLOCK_MONOTONIC ns.
    pub(super) ended: Option<(u64, u64)>,
}

pub(super) fn is_process(life: u64) -> bool {
    life != OVERFLOW_LIFE && life != UNATTRIBUTED_LIFE
}

pub(super) fn tgid(life: u64) -> u32 {
    (life & LIFE_TGID_MASK) as u32
}

impl Known {
    /// Whether all threads of the process have left. Where none was ever counted it is still being born.
    pub(super) fn is_over(&self, entry: &LifeEntry) -> bool {
        entry.threads + self.found <= 0 && (entry.left != 0 || self.start_boottime != 0)
    }
}

/// A program that found the entry before it was taken away is through with it after this long, in ns.
const GRACE: u64 = 10_000_000;

impl Known {
    /// Whether nothing of it can change any more.
    pub(super) fn is_final(&self, now: u64) -> bool {
        self.ended.is_some_and(|(taken, _)| now.saturating_sub(taken) > GRACE)
    }
}

impl Mirror {
    /// Gives every life a slot that has none yet.
    pub(super) fn meet(
        &mut self,
        kernel: &mut Kernel,
        entries: &[(u64, LifeEntry)],
        make_room: &mut dyn FnMut(&mut Kernel),
    ) {
        for (life, entry) in entries.iter().filter(|(life, _)| is_process(*life)) {
            let known = self.known.entry(*life).or_default();
            if known.met {
                continue;
            }
            known.met = true;
            known.place = take_slot(kernel).or_else(|| {
                make_room(kernel);
                take_slot(kernel)
            });
            match known.place {
                Some(place) => {
                    let cgroup = self.cgroups.as_deref().map_or(0, |root| proc::cgroup(root, tgid(*life)));
                    open_row(kernel, place, *life, known, entry, cgroup);
                }
                None => self.overflow.count_process(),
            }
        }
    }
}

/// The next free slot, in the life that it is to have.
fn take_slot(kernel: &Kernel) -> Option<Place> {
    let head = kernel.control.at(0, offset_of!(Control, free_head));
    let taken = head.load(Ordering::Relaxed);
    if taken >= kernel.control.at(0, offset_of!(Control, free_tail)).load(Ordering::Relaxed) {
        return None;
    }
    let entry = usize::try_from(taken).unwrap_or(0) & (kernel.free.len() - 1);
    let slot = u32::try_from(kernel.free.at(entry, 0).load(Ordering::Relaxed)).ok()?;
    head.store(taken + 1, Ordering::Release);
    let generation = kernel.pages.get(slot as usize / PAGE)?.rows.read(slot as usize % PAGE).generation;
    Some(Place { slot, generation })
}

fn open_row(kernel: &Kernel, place: Place, life: u64, known: &Known, entry: &LifeEntry, cgroup: u64) {
    let since_boot = boottime_now().saturating_sub(monotonic_now()).saturating_add(entry.born);
    let row = ProcessRow {
        start_boottime: if known.start_boottime == 0 { since_boot } else { known.start_boottime },
        born: entry.born,
        cgroup,
        tgid: tgid(life),
        generation: place.generation,
        threads: 1,
        ..ProcessRow::default()
    };
    write_row(kernel, place, &ProcessRow { comm: name(known, entry), uid: entry.uid, ..row });
}

fn write_row(kernel: &Kernel, place: Place, row: &ProcessRow) {
    if let Some(page) = kernel.pages.get(place.slot as usize / PAGE) {
        page.rows.write(place.slot as usize % PAGE, row);
    }
}

fn name(known: &Known, entry: &LifeEntry) -> [u8; 16] {
    match known.comm {
        Some(comm) if entry.comm_sequence == 0 => comm,
        _ => entry.comm,
    }
}

/// Brings name and facts of the row up to date.
pub(super) fn describe(kernel: &Kernel, known: &Known, entry: &LifeEntry, cgroups: Option<&Path>) {
    let Some(place) = known.place else { return };
    let Some(page) = kernel.pages.get(place.slot as usize / PAGE) else { return };
    let row = page.rows.read(place.slot as usize % PAGE);
    let (comm, uid) = (name(known, entry), entry.uid);
    if row.comm != comm || row.uid != uid {
        let cgroup = cgroups.map_or(row.cgroup, |root| proc::cgroup(root, row.tgid));
        let comm_sequence = row.comm_sequence.wrapping_add(2);
        write_row(kernel, place, &ProcessRow { comm, uid, cgroup, comm_sequence, ..row });
    }
}

/// Notes that nothing is counted for the process any more.
pub(super) fn close_row(kernel: &Kernel, place: Place, left: u64) {
    let Some(page) = kernel.pages.get(place.slot as usize / PAGE) else { return };
    let row = page.rows.read(place.slot as usize % PAGE);
    write_row(kernel, place, &ProcessRow { exited: left, threads: 0, ..row });
}
