//! From an object to mapped arrays: settings, sizes, relocation, one parse of BTF at a time.

use std::path::{Path, PathBuf};

use aya::maps::{Map, MapData};
use aya::{Btf, Ebpf, EbpfLoader, Endianness};

use super::abi::{Bucket, Cell, Control, Entry, ProcessRow, SlotCounters};
use super::mapped::Mapped;
use super::pin::Pins;
use super::requirements::{self, LoadError};
use super::system;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/task_storage.bpf.o"));

/// A program and the tracepoint that it is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hook {
    /// Name of the program, beginning with `tfo_`.
    pub(crate) program: &'static str,
    /// Name of the BTF tracepoint.
    pub(crate) tracepoint: &'static str,
}

/// What is to be loaded. Sizes are numbers of entries.
#[derive(Debug)]
pub(crate) struct Options {
    /// Another BTF to relocate against than the kernel's own.
    pub(crate) btf_path: Option<PathBuf>,
    /// Directory on a bpffs where the maps are pinned.
    pub(crate) pin_path: PathBuf,
    /// Names of the `collect_*` settings, and whether each is on.
    pub(crate) collect: Vec<(&'static str, bool)>,
    /// Copies of every counter; a power of two.
    pub(crate) stripes: u32,
    /// Whether there are fewer stripes than CPUs, so that adds must be atomic.
    pub(crate) stripes_shared: bool,
    /// Process slots, the overflow slot included.
    pub(crate) slots: u32,
    /// Buckets of the key table; a power of two.
    pub(crate) buckets: u32,
    /// Cells of one stripe, the overflow cells included.
    pub(crate) cells: u32,
}

/// The loaded object: programs not yet attached, arrays mapped.
pub(crate) struct Kernel {
    pub(super) ebpf: Ebpf,
    pub(crate) control: Mapped<Control>,
    pub(crate) free: Mapped<u64>,
    pub(crate) processes: Mapped<ProcessRow>,
    pub(crate) slots: Mapped<SlotCounters>,
    pub(crate) keys: Mapped<Bucket>,
    pub(crate) cells: Mapped<Cell>,
    /// Programs name their maps by file descriptor until they are loaded.
    pub(super) descriptors: Vec<MapData>,
    /// Names of the attached programs, one entry per use.
    pub(super) attached: Vec<&'static str>,
    pins: Option<Pins>,
}

/// Creates the maps and loads the object; nothing counts yet.
///
/// # Errors
/// [`LoadError`]: BTF missing, no permission, or whatever the kernel refused.
pub(crate) fn load(options: &Options) -> Result<Kernel, LoadError> {
    requirements::check_btf()?;
    let pins = Pins::open(&options.pin_path)?;
    let external = options.btf_path.as_deref().map(parse_btf).transpose()?;
    let ring = options.slots.next_power_of_two();
    let mut ebpf = {
        // Parsing the kernel's BTF takes some 20 MB; the loader and its parse are gone before the next one.
        let mut loader = EbpfLoader::new();
        if let Some(btf) = &external {
            loader.btf(Some(btf));
        }
        // aya knows task storage only as an unsupported map, which is enough: no user space touches it.
        loader.allow_unsupported_maps();
        for (name, on) in &options.collect {
            loader.override_global(name, if *on { &1u8 } else { &0u8 }, true);
        }
        let shared = u8::from(options.stripes_shared);
        let masks = [options.stripes - 1, ring - 1, options.buckets - 1];
        let calls = system::CALLS.map(|(name, number)| (name, i32::try_from(number).unwrap_or(-1)));
        for (name, number) in &calls {
            loader.override_global(name, number, true);
        }
        loader
            .override_global("stripes_shared", &shared, true)
            .override_global("stripe_mask", &masks[0], true)
            .override_global("free_mask", &masks[1], true)
            .override_global("bucket_mask", &masks[2], true)
            .override_global("slot_count", &options.slots, true)
            .override_global("cell_count", &options.cells, true)
            .map_max_entries("tfo_free", ring)
            .map_max_entries("tfo_processes", options.slots)
            .map_max_entries("tfo_slots", options.slots * options.stripes)
            .map_max_entries("tfo_keys", options.buckets)
            .map_max_entries("tfo_cells", options.cells * options.stripes);
        loader.load(OBJECT).map_err(|error| LoadError::of("object", "task_storage", &error))?
    };
    let mut maps = Maps { ebpf: &mut ebpf, pins, descriptors: Vec::new() };
    Ok(Kernel {
        control: maps.map("tfo_control", 1)?,
        free: maps.map("tfo_free", ring)?,
        processes: maps.map("tfo_processes", options.slots)?,
        slots: maps.map("tfo_slots", options.slots * options.stripes)?,
        keys: maps.map("tfo_keys", options.buckets)?,
        cells: maps.map("tfo_cells", options.cells * options.stripes)?,
        descriptors: maps.descriptors,
        attached: Vec::new(),
        pins: maps.pins,
        ebpf,
    })
}

impl Kernel {
    /// Memory of the mapped arrays, in bytes.
    pub(crate) fn map_bytes(&self) -> usize {
        let arrays = [self.control.bytes(), self.free.bytes(), self.processes.bytes(), self.slots.bytes()];
        arrays.iter().sum::<usize>() + self.keys.bytes() + self.cells.bytes()
    }

    /// Where the maps are pinned, if they are.
    pub(crate) fn pinned_at(&self) -> Option<&Path> {
        self.pins.as_ref().map(Pins::path)
    }
}

/// Takes map after map out of the object, maps and pins it.
struct Maps<'a> {
    ebpf: &'a mut Ebpf,
    pins: Option<Pins>,
    descriptors: Vec<MapData>,
}

impl Maps<'_> {
    fn map<T: Entry>(&mut self, name: &str, entries: u32) -> Result<Mapped<T>, LoadError> {
        let fault = |reason: String| LoadError::Other { what: format!("map {name}"), reason };
        let map = self.ebpf.take_map(name).ok_or_else(|| fault("not in the object".to_owned()))?;
        let Map::Array(data) = map else { return Err(fault("not an array".to_owned())) };
        self.pin(name, &data);
        let mapped = Mapped::new(&data, entries as usize);
        self.descriptors.push(data);
        mapped.map_err(|error| fault(format!("cannot be mapped: {error}")))
    }

    fn pin(&mut self, name: &str, data: &MapData) {
        let Some(pins) = &self.pins else { return };
        if let Err(error) = pins.pin(name, data) {
            tracing::warn!(map = name, %error, "ebpf: map not pinned, going on without");
        }
    }
}

fn parse_btf(path: &Path) -> Result<Btf, LoadError> {
    Btf::parse_file(path, Endianness::default())
        .map_err(|error| LoadError::BtfPath { path: path.to_owned(), reason: requirements::chain(&error) })
}
