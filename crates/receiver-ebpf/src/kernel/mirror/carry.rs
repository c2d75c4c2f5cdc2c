//! One walk over the kernel's hashes.
//!
//! Counters are read before names, so that no event after a rename lands under the old one. A process goes in two
//! steps, so that no late event is lost: when its last thread has left, its entry is taken away, and nobody finds it
//! any more; at a later walk, when no program can be at work for it, its cells are final, are carried over once more
//! and taken away too. Only then does its row say that it has exited.

use std::collections::HashSet;

use aya::maps::MapError;

use super::super::abi::{
    COLLECTORS, Cell, CellKey, CpuRecord, LifeEntry, OVERFLOW_LIFE, PAGE_SLOTS, UNATTRIBUTED_LIFE, UNATTRIBUTED_SLOT,
};
use super::super::load::Kernel;
use super::super::pages::Page;
use super::super::system::monotonic_now;
use super::lives::{close_row, describe, is_process, tgid};
use super::overflow::Sums;
use super::{Fill, Mirror, Place, made};

/// The identity of what no process is known for, as `pages.h` has it.
const UNATTRIBUTED: Place = Place { slot: UNATTRIBUTED_SLOT, generation: 1 };

/// Losses with which something may be in the kernel's own overflow: no entry, no cell, no thread.
const OVERFLOWING: [usize; 3] = [0, 1, 2];

/// What one walk has found to be over.
#[derive(Default)]
struct Over {
    /// Lives whose cells are final, with the time of their end.
    lives: Vec<(u64, u64)>,
    cells: Vec<(CellKey, Cell)>,
}

impl Mirror {
    pub(super) fn carry(
        &mut self,
        kernel: &mut Kernel,
        make_room: &mut dyn FnMut(&mut Kernel),
    ) -> Result<(), MapError> {
        let now = monotonic_now();
        let records = self.records()?;
        self.counted_before = counted(&records);
        let made = made(&records);
        let first: Vec<_> = self.processes.iter().collect::<Result<_, _>>()?;
        self.meet(kernel, &first, make_room);
        let ended: Vec<u64> =
            first.iter().filter(|(life, entry)| self.has_ended(*life, entry)).map(|(life, _)| *life).collect();
        let mut over = Over { lives: self.final_lives(now), ..Over::default() };
        let mut sums = self.overflow.retired.clone();
        let cells = self.carry_cells(kernel, make_room, &mut sums, &mut over)?;
        let processes = self.carry_processes(kernel, make_room, &mut sums)?;
        self.carry_overflow(&records, &mut sums)?;
        self.carry_records(kernel, &sums)?;
        for (index, cell) in sums.unattributed.clone() {
            sums.store(kernel, UNATTRIBUTED.identity(), index, &cell);
        }
        sums.finish(kernel);
        self.take_away(kernel, &over);
        for life in ended {
            self.end(life, now);
        }
        self.fill = Fill { processes, cells, made, ..std::mem::take(&mut self.fill) };
        Ok(())
    }

    fn has_ended(&self, life: u64, entry: &LifeEntry) -> bool {
        self.noticing && is_process(life) && self.known.get(&life).is_some_and(|known| known.is_over(entry))
    }

    /// Lives that ended long enough ago.
    fn final_lives(&self, now: u64) -> Vec<(u64, u64)> {
        let over = self.known.iter().filter(|(_, known)| known.is_final(now));
        let mut lives: Vec<(u64, u64)> = over.filter_map(|(life, known)| Some((*life, known.ended?.1))).collect();
        lives.sort_unstable();
        lives
    }

    /// Carries every cell to its place; returns how many there are.
    fn carry_cells(
        &mut self,
        kernel: &mut Kernel,
        make_room: &mut dyn FnMut(&mut Kernel),
        sums: &mut Sums,
        over: &mut Over,
    ) -> Result<u64, MapError> {
        let mut orphans = HashSet::new();
        let mut newcomers = Vec::new();
        let mut walked = 0;
        for entry in self.cells.iter() {
            // What was not walked over must not be taken for gone.
            let (key, cell) = entry?;
            walked += 1;
            if key.life == UNATTRIBUTED_LIFE {
                let sum = sums.unattributed.entry(key.index).or_default();
                *sum = sum.plus(&cell);
                continue;
            }
            match self.known.get(&key.life) {
                Some(known) => {
                    put(kernel, known.place, key.index, &cell, sums);
                    if over.lives.binary_search_by_key(&key.life, |(life, _)| *life).is_ok() {
                        over.cells.push((key, cell));
                    }
                }
                // Of a process that was born since the walk began, or of one that is gone.
                None if self.processes.get(&key.life, 0).is_ok() => newcomers.push((key, cell)),
                None => {
                    let sum = sums.unattributed.entry(key.index).or_default();
                    *sum = sum.plus(&cell);
                    if self.orphans.contains(&(key.life, key.index)) {
                        over.cells.push((key, cell));
                    } else {
                        orphans.insert((key.life, key.index));
                    }
                }
            }
        }
        self.orphans = orphans;
        for (key, cell) in newcomers {
            if let Ok(entry) = self.processes.get(&key.life, 0) {
                self.meet(kernel, &[(key.life, entry)], make_room);
            }
            put(kernel, self.known.get(&key.life).and_then(|known| known.place), key.index, &cell, sums);
        }
        Ok(walked)
    }

    /// Carries what stands in the entries of processes, names last; returns how many there are.
    fn carry_processes(
        &mut self,
        kernel: &mut Kernel,
        make_room: &mut dyn FnMut(&mut Kernel),
        sums: &mut Sums,
    ) -> Result<u64, MapError> {
        let entries: Vec<_> = self.processes.iter().collect::<Result<_, _>>()?;
        self.meet(kernel, &entries, make_room);
        // The loser of two that opened a process at once has taken its own entry back.
        let lives: HashSet<u64> = entries.iter().map(|(life, _)| *life).collect();
        let now = monotonic_now();
        for (_, known) in self.known.iter_mut().filter(|(life, known)| known.ended.is_none() && !lives.contains(life)) {
            known.ended = Some((now, now));
        }
        for (life, entry) in &entries {
            let entry = self.settled(*life, entry);
            let Some(known) = self.known.get(life) else {
                if *life == OVERFLOW_LIFE {
                    sums.slots = sums.slots.plus(&entry.counters);
                }
                continue;
            };
            match known.place.and_then(|place| Some((place, page(kernel, place)?))) {
                Some((place, page)) => {
                    page.counters[0].slots.write((place.slot % PAGE_SLOTS) as usize, &entry.counters);
                    describe(kernel, known, &entry, self.cgroups.as_deref());
                }
                None => sums.slots = sums.slots.plus(&entry.counters),
            }
        }
        Ok(entries.len() as u64)
    }

    /// The entry in a moment in which nobody writes its name.
    fn settled(&self, life: u64, entry: &LifeEntry) -> LifeEntry {
        let mut entry = *entry;
        for _ in 0..100 {
            if entry.comm_sequence.is_multiple_of(2) {
                break;
            }
            entry = self.processes.get(&life, 0).unwrap_or(entry);
        }
        entry
    }

    /// Adds what the kernel could not tell apart either.
    fn carry_overflow(&mut self, records: &[CpuRecord], sums: &mut Sums) -> Result<(), MapError> {
        let lost = records.iter().any(|record| OVERFLOWING.iter().any(|reason| record.loss[*reason] > 0));
        if !lost {
            return Ok(());
        }
        for plain in 0..self.overflowing.len() {
            let cell = self.overflowing.get(&plain, 0)?;
            if cell != Cell::default() {
                let sum = sums.cells.entry(plain).or_default();
                *sum = sum.plus(&cell);
            }
        }
        Ok(())
    }

    /// Stores the records of the CPUs, with what was given up here in the first.
    fn carry_records(&self, kernel: &Kernel, sums: &Sums) -> Result<(), MapError> {
        for (cpu, mut record) in self.records()?.into_iter().enumerate() {
            if cpu == 0 {
                record.loss.iter_mut().zip(sums.loss).for_each(|(loss, more)| *loss += more);
            }
            kernel.cpus.write(cpu, &record);
        }
        Ok(())
    }

    /// The process is over: nobody is to find it any more.
    fn end(&mut self, life: u64, now: u64) {
        let Ok(entry) = self.processes.get(&life, 0) else { return };
        let _ = self.processes.remove(&life);
        let tgid = tgid(life);
        if self.lives.get(&tgid, 0).is_ok_and(|present| present == life) {
            let _ = self.lives.remove(&tgid);
            // Its number may have gone to another process since the look.
            if let Ok(thread) = self.threads.get(&tgid, 0)
                && thread.life != life
            {
                let _ = self.lives.insert(tgid, thread.life, 1);
            }
        }
        if let Some(known) = self.known.get_mut(&life) {
            known.ended = Some((now, if entry.left == 0 { now } else { entry.left }));
            if known.place.is_none() {
                let retired = &mut self.overflow.retired;
                retired.slots = retired.slots.plus(&entry.counters);
            }
        }
    }

    /// Takes away what is final and has been carried over.
    fn take_away(&mut self, kernel: &Kernel, over: &Over) {
        for (key, cell) in &over.cells {
            let retired = &mut self.overflow.retired;
            match self.known.get(&key.life) {
                Some(known) if known.place.is_none() => retired.add(key.index, cell),
                Some(_) => {}
                None => {
                    let sum = retired.unattributed.entry(key.index).or_default();
                    *sum = sum.plus(cell);
                }
            }
            let _ = self.cells.remove(key);
        }
        for (life, left) in &over.lives {
            if let Some(place) = self.known.remove(life).and_then(|known| known.place) {
                close_row(kernel, place, *left);
            }
        }
    }
}

fn page(kernel: &Kernel, place: Place) -> Option<&Page> {
    kernel.pages.get((place.slot / PAGE_SLOTS) as usize)
}

fn put(kernel: &Kernel, place: Option<Place>, index: u32, cell: &Cell, sums: &mut Sums) {
    match place {
        Some(place) => sums.store(kernel, place.identity(), index, cell),
        None => sums.add(index, cell),
    }
}

fn counted(records: &[CpuRecord]) -> [u64; COLLECTORS] {
    std::array::from_fn(|collector| {
        records.iter().fold(0, |sum: u64, record| sum.wrapping_add(record.counted[collector]))
    })
}
