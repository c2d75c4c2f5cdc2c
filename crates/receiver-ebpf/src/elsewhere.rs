//! Stands for `kernel` where there is no Linux: configurations are read and checked as they are there, and nothing is
//! ever loaded. [`Kernel`] cannot be made, so whatever reads one compiles and never runs.

#[path = "kernel/abi.rs"]
#[allow(unsafe_code, reason = "as in kernel: integers only, which the assertions there hold")]
#[allow(dead_code, reason = "what only the kernel side reads")]
mod abi;

use std::convert::Infallible;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

pub(crate) use abi::*;

use crate::trouble::Trouble;

/// What is to be loaded; see `kernel/load.rs`.
#[derive(Debug)]
#[expect(dead_code, reason = "said, never read")]
pub(crate) struct Options {
    pub(crate) btf_path: Option<PathBuf>,
    pub(crate) pin_path: PathBuf,
    pub(crate) keep: bool,
    pub(crate) settings: Vec<(&'static str, Setting)>,
    pub(crate) cpus: u32,
    pub(crate) stripes: u32,
    pub(crate) ring: u32,
    pub(crate) pages: u32,
    pub(crate) attach_types: Vec<String>,
    pub(crate) tiers: Vec<String>,
    pub(crate) cells: u32,
    pub(crate) cgroups: bool,
}

/// The value of a constant.
#[derive(Debug, Clone)]
#[expect(dead_code, reason = "said, never read")]
pub(crate) enum Setting {
    Flag(bool),
    U32(u32),
    U8s(Vec<u8>),
}

/// Why nothing is loaded.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("not running on Linux")]
    NotLinux,
    #[error("not running on Linux")]
    #[expect(dead_code, reason = "matched, never made")]
    Locked {},
    #[error("not running on Linux")]
    #[expect(dead_code, reason = "matched, never made")]
    Other,
}

/// Names of the objects, as `tiers` may have them.
pub(crate) static TIERS: [Tier; 3] = [Tier::named("task_storage"), Tier::named("hash"), Tier::named("tracepoint")];

pub(crate) struct Tier {
    pub(crate) name: &'static str,
    pub(crate) btf: bool,
}

impl Tier {
    const fn named(name: &'static str) -> Self {
        Self { name, btf: true }
    }
}

/// The rung that a collector's ladder was attached by, or why none was.
pub(crate) type Outcome = Result<&'static str, LoadError>;

pub(crate) fn start(
    _options: &Options,
    _ladders: &[Ladder],
    _prepare: impl Fn(&mut Kernel),
) -> Result<(Kernel, Vec<Outcome>), LoadError> {
    Err(LoadError::NotLinux)
}

impl LoadError {
    pub(crate) fn trouble(&self) -> Trouble {
        Trouble::new(self.to_string(), "")
    }
}

/// How things stand where an agent is to pin; see `kernel/pin.rs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinPath {
    /// Nothing is pinned there, and it can be.
    Free,
    /// An agent runs on it.
    Held(Option<u32>),
    /// An agent that is gone left something.
    Abandoned,
}

/// Nothing can be pinned.
///
/// # Errors
/// Always.
pub fn look_at_pin_path(_root: &Path) -> Result<PinPath, Trouble> {
    Err(LoadError::NotLinux.trouble())
}

/// Major and minor number of no kernel.
#[must_use]
pub fn kernel_series() -> (u32, u32) {
    (0, 0)
}

macro_rules! nothing_of {
    ($($name:ident)*) => {
        $(
            /// There is none.
            ///
            /// # Errors
            /// Always.
            pub fn $name() -> Result<String, Trouble> {
                Err(LoadError::NotLinux.trouble())
            }
        )*
    };
}

nothing_of!(btf capabilities lockdown locked_memory perf_events tracefs);

/// Nothing is pinned where nothing can be.
///
/// # Errors
/// None.
pub fn unpin_abandoned(_directory: &Path) -> std::io::Result<usize> {
    Ok(0)
}

/// Name of the command that nobody calls here.
pub const HELPER_COMMAND: &str = "hold-maps";

/// There are no maps to make.
///
/// # Errors
/// Always.
pub fn serve_helper(_pins: Option<PathBuf>) -> std::io::Result<()> {
    Err(std::io::Error::other(LoadError::NotLinux))
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Hook {
    pub(crate) program: &'static str,
}

/// Software events that a hook names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SoftwareEvent {
    PageFaultsMaj,
    PageFaultsMin,
}

impl Hook {
    pub(crate) const fn tp_btf(program: &'static str, _tracepoint: &'static str) -> Self {
        Self { program }
    }

    pub(crate) const fn fexit(program: &'static str, _function: &'static str) -> Self {
        Self { program }
    }

    pub(crate) const fn tracepoint(program: &'static str, _category: &'static str, _name: &'static str) -> Self {
        Self { program }
    }

    pub(crate) const fn every(program: &'static str, _event: SoftwareEvent) -> Self {
        Self { program }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rung {
    pub(crate) name: &'static str,
    #[expect(dead_code, reason = "said, never read")]
    pub(crate) hooks: &'static [Hook],
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Ladder {
    pub(crate) btf: &'static [Rung],
    pub(crate) tracepoint: &'static [Rung],
}

/// Entries of a mapped array; there is none.
pub(crate) struct Mapped<T>(Infallible, PhantomData<T>);

impl<T: Entry> Mapped<T> {
    pub(crate) fn len(&self) -> usize {
        match self.0 {}
    }

    pub(crate) fn read(&self, _index: usize) -> T {
        match self.0 {}
    }

    pub(crate) fn clear(&self, _index: usize) {
        match self.0 {}
    }

    pub(crate) fn at(&self, _index: usize, _offset: usize) -> &AtomicU64 {
        match self.0 {}
    }
}

pub(crate) struct Page {
    pub(crate) rows: Mapped<ProcessRow>,
    pub(crate) buckets: Mapped<Bucket>,
    pub(crate) counters: Vec<Counters>,
}

pub(crate) struct Counters {
    pub(crate) slots: Mapped<SlotCounters>,
    pub(crate) cells: Mapped<Cell>,
}

impl Page {
    pub(crate) fn key(&self, _cell: usize) -> &AtomicU64 {
        match self.buckets.0 {}
    }

    pub(crate) fn cell(&self, _cell: usize) -> Cell {
        match self.buckets.0 {}
    }

    pub(crate) fn slot(&self, _slot: usize) -> SlotCounters {
        match self.buckets.0 {}
    }
}

pub(crate) fn candidates(_key: u64) -> impl Iterator<Item = usize> {
    std::iter::empty()
}

pub(crate) fn sum(_stripes: &[Counters], _cell: usize) -> Cell {
    Cell::default()
}

pub(crate) fn sum_slots(_stripes: &[Counters], _slot: usize) -> SlotCounters {
    SlotCounters::default()
}

pub(crate) struct Attached {
    pub(crate) program: &'static str,
    pub(crate) rung: &'static str,
    never: Infallible,
}

impl Attached {
    pub(crate) fn recursion_misses(&self) -> u64 {
        match self.never {}
    }
}

/// What would be loaded.
pub(crate) struct Kernel {
    pub(crate) control: Mapped<Control>,
    pub(crate) free: Mapped<u64>,
    pub(crate) cpus: Mapped<CpuRecord>,
    pub(crate) overflow: Vec<Counters>,
    pub(crate) pages: Vec<Page>,
    pub(crate) tier: &'static Tier,
    never: Infallible,
}

impl Kernel {
    pub(crate) fn pinned_at(&self) -> Option<&Path> {
        match self.never {}
    }

    pub(crate) fn attached(&self) -> &[Attached] {
        match self.never {}
    }

    pub(crate) fn agents(&self) -> [u64; 2] {
        match self.never {}
    }

    pub(crate) fn hand_over(&mut self) -> bool {
        match self.never {}
    }

    pub(crate) fn has(&self, _program: &str) -> bool {
        match self.never {}
    }

    pub(crate) fn is_taken_over(&self) -> bool {
        match self.never {}
    }

    pub(crate) fn add_page(&mut self, _stripes: u32) -> Result<(), LoadError> {
        match self.never {}
    }

    pub(crate) fn may_complain(&mut self) -> bool {
        match self.never {}
    }

    pub(crate) fn socket_pages(&self) -> u64 {
        match self.never {}
    }

    pub(crate) fn add_socket_page(&mut self) -> Result<(), LoadError> {
        match self.never {}
    }

    pub(crate) fn map_bytes(&self) -> u64 {
        match self.never {}
    }

    pub(crate) fn carry(&mut self, _make_room: &mut dyn FnMut(&mut Self)) {
        match self.never {}
    }

    pub(crate) fn relieve(&mut self, _make_room: &mut dyn FnMut(&mut Self)) {
        match self.never {}
    }

    pub(crate) fn counted_before(&self) -> Option<[u64; COLLECTORS]> {
        match self.never {}
    }

    pub(crate) fn connections(&mut self) -> Result<[u64; 16], LoadError> {
        match self.never {}
    }

    pub(crate) fn running(&mut self) -> Result<Vec<RunningRecord>, LoadError> {
        match self.never {}
    }
}

/// As large as on Linux with pages of 4 KiB, so that a limit that is too low is found here too.
const PAGE_BYTES: usize = 4096;

pub(crate) fn page_bytes(stripes: usize) -> usize {
    DIRECTORY_BYTES.next_multiple_of(PAGE_BYTES) + stripes * COUNTER_BYTES.next_multiple_of(PAGE_BYTES)
}

pub(crate) fn socket_page_bytes() -> u64 {
    SOCKET_BYTES.next_multiple_of(PAGE_BYTES) as u64
}

pub(crate) fn overflow_bytes(stripes: usize) -> usize {
    (stripes * OVERFLOW_BYTES).next_multiple_of(PAGE_BYTES)
}

pub(crate) fn mirror_cells(_pages: u32, _left: u64) -> u32 {
    0
}

pub(crate) fn mirror_bytes(_ring: u32, _cells: u32, _cpus: u32) -> u64 {
    0
}

pub(crate) fn possible_cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(1))
}

pub(crate) fn release_memory() {}

/// The code of this program. Where it is mapped is told in another way elsewhere.
#[derive(Debug)]
pub struct Code;

impl Code {
    /// Nothing is known of it.
    #[must_use]
    pub fn mapped() -> Self {
        Self
    }

    /// Does nothing.
    pub fn release(&self) {}
}

/// Nanoseconds since somebody asked first.
pub(crate) fn monotonic_now() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    u64::try_from(FIRST.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

pub(crate) fn boottime_now() -> u64 {
    monotonic_now()
}
