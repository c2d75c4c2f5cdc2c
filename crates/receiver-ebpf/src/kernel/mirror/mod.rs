//! The tracepoint tier's side of user space: hashes of the kernel, carried into the memory that all readers look at.
//!
//! Before 5.5 no map can be mapped. So the pages, the ring of slots and the records of CPUs are memory of our own
//! here, and [`carry`] plays the part that the programs of the other tiers play: it takes slots, opens rows, finds
//! places for keys and stores totals. Whatever stands on those pages does not know the difference.

mod carry;
mod lives;
mod open;
mod overflow;
mod proc;
mod seed;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use aya::maps::{Array, HashMap as KernelHash, MapData};

use super::abi::{
    COLLECTORS, Cell, CellKey, CpuRecord, IDENTITY_GENERATION_SHIFT, IDENTITY_SLOT_SHIFT, LifeEntry, RunningRecord,
    ThreadEntry,
};
use super::load::Kernel;
use super::system::monotonic_now;
use lives::Known;
use overflow::Overflow;

pub(super) use open::entries;
pub(crate) use open::{bytes, cells};

/// What the kernel keeps, and what is known of it.
pub(super) struct Mirror {
    processes: KernelHash<MapData, u64, LifeEntry>,
    /// The present life of each tgid.
    lives: KernelHash<MapData, u32, u64>,
    threads: KernelHash<MapData, u32, ThreadEntry>,
    cells: KernelHash<MapData, CellKey, Cell>,
    cpus: Array<MapData, CpuRecord>,
    overflowing: Array<MapData, Cell>,
    /// By life.
    known: HashMap<u64, Known>,
    overflow: Overflow,
    /// Cells of lives that are gone, as the last walk found them: nobody adds to them any more at the next.
    orphans: HashSet<(u64, u32)>,
    /// Events by collector before the last walk began; those in the records were counted when it had ended.
    counted_before: [u64; COLLECTORS],
    /// Where the hierarchy of cgroups is mounted, if they are asked for.
    cgroups: Option<PathBuf>,
    fill: Fill,
    /// Whether a walk looks for processes that are over. The one that takes away what an earlier one found does not, or
    /// on a busy host there would be no end of walks.
    noticing: bool,
    /// Memory of the maps.
    bytes: u64,
}

/// How full the hashes are: entries at the last walk, and how many had been made by then.
#[derive(Debug, Default)]
struct Fill {
    processes: u64,
    cells: u64,
    made: [u64; 2],
    room: [u64; 2],
}

impl Kernel {
    /// Brings the pages up to date where the kernel does not write them itself; `make_room` adds a page.
    pub(crate) fn carry(&mut self, make_room: &mut dyn FnMut(&mut Self)) {
        let Some(mut mirror) = self.mirror.take() else { return };
        if let Err(error) = mirror.carry(self, make_room) {
            tracing::warn!(%error, "ebpf: maps not read");
        }
        self.mirror = Some(mirror);
    }

    /// Brings the pages up to date between two reads, where entries get scarce, or what a read has found to be over can
    /// be taken away.
    pub(crate) fn relieve(&mut self, make_room: &mut dyn FnMut(&mut Self)) {
        let pressed = self.mirror.as_ref().is_some_and(Mirror::is_pressed);
        if let Some(mirror) = self.mirror.as_mut().filter(|mirror| pressed || mirror.is_something_final()) {
            mirror.noticing = pressed;
            self.carry(make_room);
        }
        if let Some(mirror) = &mut self.mirror {
            mirror.noticing = true;
        }
    }

    /// Events by collector that had been counted when the pages were brought up to date; `None` where they always are.
    pub(crate) fn counted_before(&self) -> Option<[u64; COLLECTORS]> {
        self.mirror.as_ref().map(|mirror| mirror.counted_before)
    }
}

impl Mirror {
    /// What threads that are on a CPU have gathered since they got it.
    pub(super) fn running(&self) -> Vec<RunningRecord> {
        let now = monotonic_now();
        let threads = self.threads().into_values().filter(|thread| thread.running != 0);
        let record = |thread: ThreadEntry| {
            let place = self.known.get(&thread.life)?.place?;
            let identity = place.identity();
            let runtime = now.saturating_sub(thread.running);
            Some(RunningRecord { identity, runtime, ..RunningRecord::default() })
        };
        threads.filter_map(record).collect()
    }

    /// Every thread once: a walk begins again where the entry that it stood at was taken away.
    fn threads(&self) -> HashMap<u32, ThreadEntry> {
        let most = usize::try_from(self.fill.room[0]).unwrap_or(usize::MAX).saturating_mul(8);
        self.threads.iter().flatten().take(most).collect()
    }

    /// Sockets of the agent's network namespace by TCP state.
    pub(super) fn connections() -> std::io::Result<[u64; 16]> {
        proc::connections()
    }

    /// Memory of the maps, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a process is over for so long that nothing of it can change.
    fn is_something_final(&self) -> bool {
        let now = monotonic_now();
        self.known.values().any(|known| known.is_final(now))
    }

    fn is_pressed(&self) -> bool {
        let Ok(records) = self.records() else { return false };
        let made = made(&records);
        let used = [self.fill.processes, self.fill.cells];
        (0..2).any(|map| {
            let new = made[map].saturating_sub(self.fill.made[map]);
            used[map] + new > self.fill.room[map] / 2 && new > self.fill.room[map] / 8
        })
    }

    /// The records of all CPUs.
    fn records(&self) -> Result<Vec<CpuRecord>, aya::maps::MapError> {
        (0..self.cpus.len()).map(|cpu| self.cpus.get(&cpu, 0)).collect()
    }
}

/// Entries of processes and of cells that the programs have made.
fn made(records: &[CpuRecord]) -> [u64; 2] {
    let sum = |counter: usize| records.iter().fold(0u64, |sum, record| sum.wrapping_add(record.counted[counter]));
    [sum(COLLECTORS), sum(COLLECTORS + 1)]
}

/// A slot in one of its lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    slot: u32,
    generation: u32,
}

impl Place {
    fn identity(self) -> u64 {
        u64::from(self.generation) << IDENTITY_GENERATION_SHIFT | u64::from(self.slot) << IDENTITY_SLOT_SHIFT
    }
}
