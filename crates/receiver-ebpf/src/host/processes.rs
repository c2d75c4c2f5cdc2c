//! The table of processes: slot by slot, what the kernel wrote, as user space knows it.

use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pdata::{Process, UnixNanos};

use super::cgroups::Cgroups;
use super::clock::Clock;
use crate::kernel::{Control, Kernel, Mapped, ProcessRow};

/// One slot.
#[derive(Debug, Default)]
pub(crate) struct ProcessEntry {
    /// Who has the slot, under its present name; `None` where nobody has.
    pub(crate) process: Option<Arc<Process>>,
    /// Which life of the slot this is.
    pub(crate) generation: u32,
    /// A number of its own for every process and name; 0 is none.
    pub(crate) epoch: u64,
    /// A number of its own for every set of facts that a filter may judge by; 0 is none.
    pub(crate) facts: u64,
    /// When streams under this name begin.
    pub(crate) start: UnixNanos,
    /// CLOCK_MONOTONIC ns after which nothing is counted here; 0 while it lives.
    pub(crate) exited: u64,
    /// One bit per reader that has delivered the final values.
    pub(crate) delivered: u64,
    comm_sequence: u32,
}

/// All slots, up to the highest one that was ever used.
pub(crate) struct Processes {
    entries: Vec<ProcessEntry>,
    next_epoch: u64,
    refreshed: UnixNanos,
    cgroups: Option<Cgroups>,
    /// Our own tgid, as the kernel counts.
    agent: u64,
}

impl Processes {
    pub(crate) fn new(resolve_cgroups: bool) -> Self {
        let cgroups = resolve_cgroups.then(Cgroups::of_this_machine);
        Self { entries: Vec::new(), next_epoch: 1, refreshed: 0, cgroups, agent: 0 }
    }

    /// The process in `slot`, if `generation` is its present life, as of the last refresh.
    pub(crate) fn get(&self, slot: u32, generation: u32) -> Option<&ProcessEntry> {
        self.entries.get(slot as usize).filter(|entry| entry.generation == generation && entry.process.is_some())
    }

    /// The process in `slot` in its life `generation`, under the name that it has now; to be asked
    /// **after** its counters were read.
    ///
    /// What it counted since it changed its name must not go to the old one. The other way
    /// round, what it counted before and was not read yet goes to the new one, see `Ledger`.
    pub(crate) fn present(&mut self, rows: &Mapped<ProcessRow>, slot: u32, generation: u32) -> Option<&ProcessEntry> {
        self.get(slot, generation)?;
        let index = slot as usize;
        if sequence(rows, index) != self.entries[index].comm_sequence {
            self.rename(index, rows, None);
        }
        self.get(slot, generation)
    }

    /// Every slot in use, with its number, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &ProcessEntry)> {
        (0u32..).zip(&self.entries).filter(|(_, entry)| entry.process.is_some())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut ProcessEntry)> {
        (0u32..).zip(&mut self.entries).filter(|(_, entry)| entry.process.is_some())
    }

    /// Forgets the process in `slot`.
    pub(crate) fn forget(&mut self, slot: u32) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            *entry = ProcessEntry::default();
        }
    }

    /// Takes over what the kernel wrote since the last time: births, names, exits.
    pub(crate) fn refresh(&mut self, kernel: &Kernel, clock: &mut Clock) {
        self.agent = kernel.control.at(0, offset_of!(Control, agent)).load(Ordering::Acquire);
        // Slots are handed out from the ring in order, so none beyond the head was ever used.
        let used = kernel.control.at(0, offset_of!(Control, free_head)).load(Ordering::Acquire) + 1;
        let used = usize::try_from(used).unwrap_or(usize::MAX).min(kernel.processes.len());
        self.entries.resize_with(used.max(self.entries.len()), ProcessEntry::default);
        for slot in 1..self.entries.len() {
            self.refresh_slot(slot, &kernel.processes, clock);
        }
        self.refreshed = clock.now();
    }

    fn refresh_slot(&mut self, slot: usize, rows: &Mapped<ProcessRow>, clock: &Clock) {
        let row = rows.read(slot);
        if row.born == 0 {
            return;
        }
        let entry = &mut self.entries[slot];
        if entry.process.is_none() || entry.generation != row.generation {
            *entry = ProcessEntry { generation: row.generation, ..ProcessEntry::default() };
            self.rename(slot, rows, Some(clock.unix(row.born)));
        } else if entry.comm_sequence != row.comm_sequence {
            self.rename(slot, rows, None);
        }
        // Read before the counters of this read, so that those of a process that has exited are final.
        // Threads that were adopted late may have joined since.
        self.entries[slot].exited = if row.threads == 0 { row.exited } else { 0 };
    }

    /// Takes over name and facts of the process in `slot`, which was born at `born` or changed its name since the last read.
    fn rename(&mut self, slot: usize, rows: &Mapped<ProcessRow>, born: Option<UnixNanos>) {
        let Some(row) = settled(rows, slot) else { return };
        let cgroup = self.cgroups.as_mut().and_then(|cgroups| cgroups.path(row.cgroup));
        let process = Process {
            pid: row.tgid,
            start_boottime: row.start_boottime,
            comm: name(&row).into(),
            uid: row.uid,
            cgroup,
            is_agent: u64::from(row.tgid) == self.agent,
        };
        let entry = &mut self.entries[slot];
        let known = entry.process.as_deref();
        if known.is_none_or(|known| known.comm != process.comm) {
            entry.epoch = self.next_epoch;
            entry.start = born.unwrap_or(self.refreshed);
        }
        if known != Some(&process) {
            entry.facts = self.next_epoch;
            entry.process = Some(Arc::new(process));
        }
        entry.comm_sequence = row.comm_sequence;
        self.next_epoch += 1;
    }
}

/// The number of the present name; it shares its word with the first letters.
fn sequence(rows: &Mapped<ProcessRow>, slot: usize) -> u32 {
    let word = rows.at(slot, offset_of!(ProcessRow, comm_sequence)).load(Ordering::Acquire).to_ne_bytes();
    u32::from_ne_bytes([word[0], word[1], word[2], word[3]])
}

/// The row in a moment in which nobody writes its name; `None` if that moment does not come soon.
fn settled(rows: &Mapped<ProcessRow>, slot: usize) -> Option<ProcessRow> {
    (0..100).find_map(|_| {
        let row = rows.read(slot);
        let again = rows.read(slot).comm_sequence;
        (row.comm_sequence == again && row.comm_sequence.is_multiple_of(2)).then_some(row)
    })
}

fn name(row: &ProcessRow) -> String {
    let end = row.comm.iter().position(|byte| *byte == 0).unwrap_or(row.comm.len());
    String::from_utf8_lossy(&row.comm[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_its_zero_and_survives_any_bytes() {
        let mut row = ProcessRow { comm: *b"nginx\0old-name\0\0", ..ProcessRow::default() };
        assert_eq!(name(&row), "nginx");
        row.comm = [0xff; 16];
        assert_eq!(name(&row).chars().count(), 16);
    }
}
