//! The table of processes: slot by slot, what the kernel wrote, as user space knows it.

use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pdata::{Process, UnixNanos};

use super::cgroups::Cgroups;
use super::clock::Clock;
use super::verdicts::Judges;
use crate::kernel::{GENERATION_MASK, Kernel, PAGE_SLOTS, Page, ProcessRow};

/// One slot.
#[derive(Debug, Default)]
pub(crate) struct ProcessEntry {
    /// Who has the slot, under its present name; `None` where nobody has.
    pub(crate) process: Option<Arc<Process>>,
    /// Which life of the slot this is.
    pub(crate) generation: u32,
    /// A number of its own for every process and name; 0 is none.
    pub(crate) epoch: u64,
    /// One bit per reader that has no use for it.
    pub(crate) denied: u64,
    /// When streams under this name begin.
    pub(crate) start: UnixNanos,
    /// CLOCK_MONOTONIC ns after which nothing is counted here; 0 while it lives.
    pub(crate) exited: u64,
    /// One bit per reader that has delivered the final values.
    pub(crate) delivered: u64,
    /// Once nothing is counted here any more: one bit per reader that has read it since.
    pub(crate) closed: Option<u64>,
    comm_sequence: u32,
    /// Whether those who judge are others than those that have.
    unjudged: bool,
    names: Names,
}

/// The last names of a process with their epochs and starts: under a name that comes back its streams go on.
#[derive(Debug, Default)]
struct Names(Vec<(Arc<str>, u64, UnixNanos)>);

/// As many as a [`Ledger`](super::Ledger) remembers, and the present one.
const MOST_NAMES: usize = 4;

impl Names {
    fn epoch_of(&mut self, name: &Arc<str>, next: u64, start: UnixNanos) -> (u64, UnixNanos) {
        let known = self.0.iter().position(|(known, ..)| known == name).map(|position| self.0.remove(position));
        let (epoch, start) = known.map_or((next, start), |(_, epoch, start)| (epoch, start));
        if self.0.len() >= MOST_NAMES {
            self.0.remove(0);
        }
        self.0.push((name.clone(), epoch, start));
        (epoch, start)
    }
}

/// All slots, up to the highest one that was ever used.
pub(crate) struct Processes {
    entries: Vec<ProcessEntry>,
    next_epoch: u64,
    refreshed: UnixNanos,
    cgroups: Option<Cgroups>,
    judges: Judges,
    /// Tgids of our own processes, as the kernel counts.
    agents: [u64; 2],
}

const PAGE: usize = PAGE_SLOTS as usize;

impl Processes {
    pub(crate) fn new(judges: Judges) -> Self {
        let cgroups = judges.read_cgroups().then(Cgroups::of_this_machine);
        Self { entries: Vec::new(), next_epoch: 1, refreshed: 0, cgroups, judges, agents: [0; 2] }
    }

    /// Judges every process that is known by `judges` from now on.
    pub(crate) fn judge_anew(&mut self, kernel: &Kernel, judges: Judges) {
        self.judges = judges;
        // Paths of cgroups stand in what is known of a process only where they were asked for.
        if self.judges.read_cgroups() && self.cgroups.is_none() {
            self.cgroups = Some(Cgroups::of_this_machine());
        }
        for slot in 0..self.entries.len() {
            if self.entries[slot].process.is_some() {
                self.entries[slot].unjudged = true;
                self.rename(slot, &kernel.pages[slot / PAGE], None);
            }
        }
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
    pub(crate) fn present(&mut self, kernel: &Kernel, slot: u32, generation: u32) -> Option<&ProcessEntry> {
        self.get(slot, generation)?;
        let index = slot as usize;
        let page = kernel.pages.get(index / PAGE)?;
        if sequence(page, index) != self.entries[index].comm_sequence {
            self.rename(index, page, None);
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
        self.agents = kernel.agents();
        self.entries.resize_with(kernel.pages.len() * PAGE, ProcessEntry::default);
        for slot in 0..self.entries.len() {
            self.refresh_slot(slot, &kernel.pages[slot / PAGE], clock);
        }
        self.refreshed = clock.now();
    }

    fn refresh_slot(&mut self, slot: usize, page: &Page, clock: &Clock) {
        if page.rows.at(slot % PAGE, offset_of!(ProcessRow, born)).load(Ordering::Acquire) == 0 {
            return;
        }
        let row = page.rows.read(slot % PAGE);
        let generation = row.generation & GENERATION_MASK;
        let entry = &mut self.entries[slot];
        if entry.process.is_none() || entry.generation != generation {
            *entry = ProcessEntry { generation, ..ProcessEntry::default() };
            self.rename(slot, page, Some(clock.unix(row.born)));
        } else if entry.comm_sequence != row.comm_sequence || entry.unjudged {
            self.rename(slot, page, None);
        }
        // Read before the counters of this read, so that those of a process that has exited are final.
        // Threads that were adopted late may have joined since.
        self.entries[slot].exited = if row.threads == 0 { row.exited } else { 0 };
    }

    /// Takes over name and facts of the process in `slot`, which was born at `born` or changed its name since the last read.
    fn rename(&mut self, slot: usize, page: &Page, born: Option<UnixNanos>) {
        let Some(row) = settled(page, slot) else { return };
        let cgroup = self.cgroups.as_mut().and_then(|cgroups| cgroups.path(row.cgroup));
        let process = Process {
            pid: row.tgid,
            start_boottime: row.start_boottime,
            comm: name(&row).into(),
            uid: row.uid,
            cgroup,
            is_agent: self.agents.contains(&u64::from(row.tgid)),
        };
        let entry = &mut self.entries[slot];
        let known = entry.process.as_deref();
        if known.is_none_or(|known| known.comm != process.comm) {
            let start = born.unwrap_or(self.refreshed);
            (entry.epoch, entry.start) = entry.names.epoch_of(&process.comm, self.next_epoch, start);
        }
        if known != Some(&process) || entry.unjudged {
            entry.denied = self.judges.deny(&process);
            entry.unjudged = false;
            entry.process = Some(Arc::new(process));
        }
        // A verdict is about one name, so each needs its own.
        self.judges.tell_kernel(page, slot % PAGE, row.comm_sequence, entry.denied);
        entry.comm_sequence = row.comm_sequence;
        self.next_epoch += 1;
    }
}

/// The number of the present name; it shares its word with the first letters.
fn sequence(page: &Page, slot: usize) -> u32 {
    let word = page.rows.at(slot % PAGE, offset_of!(ProcessRow, comm_sequence)).load(Ordering::Acquire).to_ne_bytes();
    u32::from_ne_bytes([word[0], word[1], word[2], word[3]])
}

/// The row in a moment in which nobody writes its name; `None` if that moment does not come soon.
fn settled(page: &Page, slot: usize) -> Option<ProcessRow> {
    (0..100).find_map(|_| {
        let row = page.rows.read(slot % PAGE);
        let again = sequence(page, slot);
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
