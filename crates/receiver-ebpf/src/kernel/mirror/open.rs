//! The maps of the tracepoint tier: how large they are, what is in them at the beginning.

use std::collections::{HashMap, HashSet};

use aya::Ebpf;
use aya::maps::{Array, Map, MapError};

use super::super::abi::{
    Cell, CellKey, CpuRecord, LifeEntry, OVERFLOW_LIFE, PAGE_CELLS, PLAIN_INDICES, SYSCALL_NUMBERS, SocketEntry,
    ThreadEntry, UNATTRIBUTED_LIFE,
};
use super::super::load::{Options, Setting, fault};
use super::super::requirements::LoadError;
use super::overflow::Overflow;
use super::{Fill, Mirror, proc};

/// What an element of a hash takes beside its key and its value.
const ELEMENT: usize = 48;

/// Bytes of a preallocated hash, its buckets included.
const fn hash(entries: u32, key: usize, value: usize) -> u64 {
    entries as u64 * (ELEMENT + key.next_multiple_of(8) + value.next_multiple_of(8) + 16) as u64
}

/// Hashes whose sizes follow from the processes that there may be: name, entries for each, bytes of key and value.
const BY_PROCESSES: [(&str, u32, usize, usize); 4] = [
    ("tfo_processes", 1, 8, size_of::<LifeEntry>()),
    ("tfo_lives", 1, 4, 8),
    ("tfo_threads", 2, 4, size_of::<ThreadEntry>()),
    ("tfo_sockets", 1, 8, size_of::<SocketEntry>()),
];

/// Two are no process.
const PSEUDO: [u64; 2] = [OVERFLOW_LIFE, UNATTRIBUTED_LIFE];

/// Cells of the kernel: as many as the pages have, or as the memory that is left allows.
pub(crate) fn cells(pages: u32, left: u64) -> u32 {
    let most = u64::from(pages) * u64::from(PAGE_CELLS);
    let fit = left / hash(1, size_of::<CellKey>(), size_of::<Cell>());
    u32::try_from(fit.min(most)).unwrap_or(u32::MAX)
}

/// Bytes of all hashes and arrays, for as many processes as the ring has entries and as many cells.
pub(crate) fn bytes(ring: u32, cells: u32, cpus: u32) -> u64 {
    let hashes = BY_PROCESSES.iter().map(|(_, each, key, value)| hash(each * ring, *key, *value)).sum::<u64>();
    let arrays = cpus as usize * size_of::<CpuRecord>() + PLAIN_INDICES as usize * size_of::<Cell>();
    hashes + hash(4096, 4, 8) + hash(cells, size_of::<CellKey>(), size_of::<Cell>()) + arrays as u64
}

/// Numbers of entries, by map.
pub(in crate::kernel) fn entries(options: &Options) -> Vec<(&'static str, u32)> {
    let by_processes = BY_PROCESSES.iter().map(|(name, each, ..)| (*name, each * options.ring + 2));
    by_processes.chain([("tfo_cells", options.cells), ("tfo_cpus", options.cpus)]).collect()
}

impl Mirror {
    /// Takes the maps out of the loaded object and fills those that the programs only read.
    pub(in crate::kernel) fn open(ebpf: &mut Ebpf, options: &Options) -> Result<Self, LoadError> {
        let failed = |name: &'static str| move |error: MapError| fault(name, error.to_string());
        // It stays where it is: nobody reads it again here.
        let map = ebpf.map_mut("tfo_calls").ok_or_else(|| fault("tfo_calls", "not in the object"))?;
        let mut calls = Array::<_, u32>::try_from(map).map_err(failed("tfo_calls"))?;
        for (number, kind) in (0..).zip(kinds(&options.settings)) {
            calls.set(number, kind, 0).map_err(failed("tfo_calls"))?;
        }
        let mut mirror = Self {
            processes: typed(ebpf, "tfo_processes")?,
            lives: typed(ebpf, "tfo_lives")?,
            threads: typed(ebpf, "tfo_threads")?,
            cells: typed(ebpf, "tfo_cells")?,
            cpus: typed(ebpf, "tfo_cpus")?,
            overflowing: typed(ebpf, "tfo_overflow")?,
            known: HashMap::new(),
            overflow: Overflow::default(),
            orphans: HashSet::new(),
            cgroups: proc::cgroup_root(options.cgroups),
            counted_before: Default::default(),
            fill: Fill { room: [options.ring.into(), options.cells.into()], ..Fill::default() },
            noticing: true,
            bytes: bytes(options.ring, options.cells, options.cpus),
        };
        for life in PSEUDO {
            mirror.processes.insert(life, LifeEntry::default(), 0).map_err(failed("tfo_processes"))?;
        }
        Ok(mirror)
    }
}

fn typed<T: TryFrom<Map, Error = MapError>>(ebpf: &mut Ebpf, name: &'static str) -> Result<T, LoadError> {
    let map: Map = ebpf.take_map(name).ok_or_else(|| fault(name, "not in the object"))?;
    T::try_from(map).map_err(|error| fault(name, error.to_string()))
}

/// What the programs are to know of each call, by its number; 32-bit calls are not told apart here.
fn kinds(settings: &[(&'static str, Setting)]) -> Vec<u32> {
    let kinds = settings.iter().find_map(|(name, setting)| match setting {
        Setting::U8s(kinds) if *name == "call_kinds" => Some(kinds),
        _ => None,
    });
    kinds.into_iter().flatten().take(SYSCALL_NUMBERS as usize).map(|kind| u32::from(*kind)).collect()
}
