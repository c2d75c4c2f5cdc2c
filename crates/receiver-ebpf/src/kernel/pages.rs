//! Pages of process slots: rows, keys and counters, made while the programs run.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use aya::maps::{ArrayOfMaps, MapData, MapError};

use super::abi::{
    BUCKET_WAYS, Bucket, COUNTER_BYTES, COUNTER_CELLS, Cell, DIRECTORY_BUCKETS, DIRECTORY_BYTES, OVERFLOW_BYTES,
    OVERFLOW_CELLS, PAGE_BUCKETS, PAGE_CELLS, PAGE_SLOTS, PLAIN_INDICES, ProcessRow, SlotCounters,
};
use super::mapped::{Mapped, Mapping};

/// Rows, keys and counters of [`PAGE_SLOTS`] slots.
pub(crate) struct Page {
    pub(crate) rows: Mapped<ProcessRow>,
    pub(crate) buckets: Mapped<Bucket>,
    /// One entry per stripe: CPUs that share one add to the same counters.
    pub(crate) counters: Vec<Counters>,
}

/// Counters by slot, and cells by the place of their key.
pub(crate) struct Counters {
    pub(crate) slots: Mapped<SlotCounters>,
    pub(crate) cells: Mapped<Cell>,
}

impl Page {
    /// Makes a page with `stripes` copies of its counters. The maps' descriptors come with it.
    pub(super) fn make(stripes: u32) -> io::Result<(Self, Vec<MapData>)> {
        let maps = make_maps(stripes)?;
        Ok((Self::map(&maps)?, maps))
    }

    /// A page of maps that exist: the directory, then the counters.
    pub(super) fn map(maps: &[MapData]) -> io::Result<Self> {
        let Some((directory, counters)) = maps.split_first() else { return Err(io::Error::other("no page")) };
        let counters = counters.iter().map(|map| Mapping::new(map, 1, COUNTER_BYTES));
        Self::of(Mapping::new(directory, 1, DIRECTORY_BYTES)?, counters)
    }

    /// The same of maps that another process of ours has just made: nothing is asked of them by bpf(2).
    pub(super) fn received(maps: &[OwnedFd]) -> io::Result<Self> {
        let Some((directory, counters)) = maps.split_first() else { return Err(io::Error::other("no page")) };
        let counters = counters.iter().map(|map| Mapping::received(map, COUNTER_BYTES));
        Self::of(Mapping::received(directory, DIRECTORY_BYTES)?, counters)
    }

    /// A page in memory of our own, with one copy of its counters.
    pub(super) fn anonymous() -> io::Result<Self> {
        let counters = std::iter::once_with(|| Mapping::anonymous(1, COUNTER_BYTES));
        Self::of(Mapping::anonymous(1, DIRECTORY_BYTES)?, counters)
    }

    fn of(directory: Mapping, counters: impl Iterator<Item = io::Result<Mapping>>) -> io::Result<Self> {
        let directory = Arc::new(directory);
        let counters =
            counters.map(|mapping| Counters::of(&Arc::new(mapping?), 0, PAGE_SLOTS, COUNTER_CELLS, PAGE_CELLS));
        Ok(Self {
            rows: Mapped::part(&directory, 0, PAGE_SLOTS as usize)?,
            buckets: Mapped::part(&directory, DIRECTORY_BUCKETS, PAGE_BUCKETS as usize)?,
            counters: counters.collect::<io::Result<_>>()?,
        })
    }

    /// The key of `cell`.
    pub(crate) fn key(&self, cell: usize) -> &AtomicU64 {
        let ways = BUCKET_WAYS as usize;
        self.buckets.at(cell / ways, cell % ways * 8)
    }

    /// Totals of `cell` over all stripes.
    pub(crate) fn cell(&self, cell: usize) -> Cell {
        sum(&self.counters, cell)
    }

    /// Totals of `slot`, counted within the page, over all stripes.
    pub(crate) fn slot(&self, slot: usize) -> SlotCounters {
        sum_slots(&self.counters, slot)
    }
}

impl Counters {
    fn of(mapping: &Arc<Mapping>, offset: usize, slots: u32, cells_at: usize, cells: u32) -> io::Result<Self> {
        Ok(Self {
            slots: Mapped::part(mapping, offset, slots as usize)?,
            cells: Mapped::part(mapping, offset + cells_at, cells as usize)?,
        })
    }

    /// The stripes of the overflow counters.
    pub(super) fn overflow(map: &MapData, stripes: u32) -> io::Result<Vec<Self>> {
        Self::stripes(Mapping::new(map, stripes as usize, OVERFLOW_BYTES)?, stripes)
    }

    /// The overflow counters in memory of our own.
    pub(super) fn anonymous_overflow() -> io::Result<Vec<Self>> {
        Self::stripes(Mapping::anonymous(1, OVERFLOW_BYTES)?, 1)
    }

    fn stripes(mapping: Mapping, stripes: u32) -> io::Result<Vec<Self>> {
        let mapping = Arc::new(mapping);
        (0..stripes as usize)
            .map(|stripe| Self::of(&mapping, stripe * OVERFLOW_BYTES, 1, OVERFLOW_CELLS, PLAIN_INDICES))
            .collect()
    }
}

/// Every cell of a page in which `key` may stand, as `cells.h` computes it.
pub(crate) fn candidates(key: u64) -> impl Iterator<Item = usize> {
    let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mask = PAGE_BUCKETS as usize - 1;
    // The kernel side cuts the shifted hash to 32 bits too.
    let bucket = move |shift: u32| ((hash >> shift) as u32) as usize & mask;
    let ways = BUCKET_WAYS as usize;
    [bucket(40), bucket(16)].into_iter().flat_map(move |bucket| (0..ways).map(move |way| bucket * ways + way))
}

/// Totals of cell number `cell` over `stripes`.
pub(crate) fn sum(stripes: &[Counters], cell: usize) -> Cell {
    stripes.iter().fold(Cell::default(), |total, stripe| total.plus(&stripe.cells.read(cell)))
}

/// Totals of slot number `slot` over `stripes`.
pub(crate) fn sum_slots(stripes: &[Counters], slot: usize) -> SlotCounters {
    stripes.iter().fold(SlotCounters::default(), |total, stripe| total.plus(&stripe.slots.read(slot)))
}

/// Maps of a page with `stripes` copies of its counters: the directory first.
pub(super) fn make_maps(stripes: u32) -> io::Result<Vec<MapData>> {
    let mut maps = vec![create(b"tfo_directory", DIRECTORY_BYTES)?];
    for _ in 0..stripes {
        maps.push(create(b"tfo_counters", COUNTER_BYTES)?);
    }
    Ok(maps)
}

/// Puts `maps` (directory, then counters) into the outer maps as page number `page`. CPUs whose stripe the
/// page has no copy for share one.
pub(super) fn install(outer: &mut OuterMaps, page: u32, stripes: u32, maps: &[MapData]) -> Result<(), MapError> {
    let Some((rows, copies)) = maps.split_first() else { return Ok(()) };
    for stripe in 0..stripes {
        let copy = &copies[stripe as usize % copies.len().max(1)];
        outer.counters.set(page * stripes + stripe, copy, 0)?;
    }
    // Slots of the page are handed out after this.
    outer.directory.set(page, rows, 0)
}

/// The maps that hold the pages.
pub(super) struct OuterMaps {
    pub(super) directory: ArrayOfMaps<MapData>,
    pub(super) counters: ArrayOfMaps<MapData>,
    pub(super) sockets: ArrayOfMaps<MapData>,
    /// Of the three, in this order.
    pub(super) descriptors: Vec<OwnedFd>,
}

/// `BPF_MAP_CREATE`'s part of `union bpf_attr`.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
    numa_node: u32,
    map_name: [u8; 16],
}

const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_MAP_TYPE_ARRAY: u32 = 2;
const BPF_F_MMAPABLE: u32 = 1024;

/// Creates a mmapable array with one value of `bytes` bytes; aya gives such maps no name of ours.
pub(super) fn create(name: &[u8], bytes: usize) -> io::Result<MapData> {
    let mut attributes = MapCreate {
        map_type: BPF_MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: u32::try_from(bytes).map_err(io::Error::other)?,
        max_entries: 1,
        map_flags: BPF_F_MMAPABLE,
        inner_map_fd: 0,
        numa_node: 0,
        map_name: [0; 16],
    };
    // One byte short, so that it ends in a zero.
    for (target, byte) in attributes.map_name.iter_mut().take(15).zip(name) {
        *target = *byte;
    }
    // SAFETY: the attributes live for the call, which reads no more than their size.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_MAP_CREATE, &raw const attributes, size_of::<MapCreate>()) };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: just made by the kernel for us, and owned by nobody else.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    MapData::from_fd(fd).map_err(io::Error::other)
}
