//! From an object to mapped arrays: settings, sizes, relocation, one parse of BTF at a time.

use std::mem::offset_of;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use aya::maps::{Map, MapData};
use aya::{Btf, Ebpf, EbpfLoader, Endianness};

use super::abi::{Control, CpuRecord, Entry, MOST_SOCKET_PAGES};
use super::attach::Attached;
use super::casts::Casts;
use super::events::Faults;
use super::hash::Hash;
use super::helper::Helper;
use super::mapped::Mapped;
use super::mirror::Mirror;
use super::pages::{Counters, OuterMaps, Page};
use super::pin::{Pins, ProgramSet};
use super::requirements::{self, LoadError};
use super::tiers::Tier;
use super::{pin, system};

/// Maps that are pinned beside the pages.
const MAPS: [&str; 8] = [
    "tfo_control",
    "tfo_free",
    "tfo_cpus",
    "tfo_overflow",
    "tfo_directory",
    "tfo_counters",
    "tfo_tasks",
    "tfo_sockets",
];

/// What is to be loaded. Sizes are numbers of entries.
#[derive(Debug)]
pub(crate) struct Options {
    /// Another BTF to relocate against than the kernel's own.
    pub(crate) btf_path: Option<PathBuf>,
    /// Directory on a bpffs where maps and programs are pinned.
    pub(crate) pin_path: PathBuf,
    /// Whether counting goes on after a clean stop.
    pub(crate) keep: bool,
    /// Constants of the programs, by name.
    pub(crate) settings: Vec<(&'static str, Setting)>,
    /// CPUs that there may ever be.
    pub(crate) cpus: u32,
    /// Copies of the counters that a page may have; a power of two.
    pub(crate) stripes: u32,
    /// Entries of the ring of free slots; a power of two.
    pub(crate) ring: u32,
    /// Most pages.
    pub(crate) pages: u32,
    /// Names of the rungs that may be taken; all where there is none.
    pub(crate) attach_types: Vec<String>,
    /// Names of the tiers that may be taken; all where there is none.
    pub(crate) tiers: Vec<String>,
    /// Cells of the tier that counts in hashes.
    pub(crate) cells: u32,
    /// Whether somebody asks for the cgroups of processes.
    pub(crate) cgroups: bool,
}

impl Options {
    pub(super) fn allows_tier(&self, name: &str) -> bool {
        self.tiers.is_empty() || self.tiers.iter().any(|allowed| allowed == name)
    }
}

/// The value of a constant.
#[derive(Debug, Clone)]
pub(crate) enum Setting {
    Flag(bool),
    U32(u32),
    U8s(Vec<u8>),
}

impl Setting {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Flag(on) => vec![u8::from(*on)],
            Self::U32(number) => number.to_ne_bytes().to_vec(),
            Self::U8s(bytes) => bytes.clone(),
        }
    }
}

/// The loaded object: arrays mapped, programs attached by [`Kernel::attach`].
pub(crate) struct Kernel {
    pub(super) ebpf: Ebpf,
    pub(crate) control: Mapped<Control>,
    pub(crate) free: Mapped<u64>,
    pub(crate) cpus: Mapped<CpuRecord>,
    /// By stripe: what has no slot or no cell.
    pub(crate) overflow: Vec<Counters>,
    pub(crate) pages: Vec<Page>,
    /// `None` where the pages are memory of our own.
    pub(super) outer: Option<OuterMaps>,
    /// When somebody was last told that a map could not be added.
    pub(super) complained: Option<Instant>,
    /// What calls bpf(2) for us, once we may not.
    pub(super) helper: Option<Helper>,
    /// What fills the pages there.
    pub(super) mirror: Option<Mirror>,
    pub(super) stripes: u32,
    /// Programs name their maps by file descriptor until they are loaded.
    pub(super) descriptors: Vec<MapData>,
    pub(super) attached: Vec<Attached>,
    /// Generation of the programs of this object.
    pub(super) generation: u64,
    pub(super) hash: u64,
    /// What counts already, left by an earlier agent.
    pub(super) earlier: Option<ProgramSet>,
    pub(super) pins: Option<Pins>,
    /// Held where nothing is pinned: one agent a directory all the same.
    #[expect(dead_code, reason = "held, never used")]
    pub(super) lock: Option<Pins>,
    /// Tracepoints that cannot be read, and why.
    pub(super) faults: Faults,
    pub(crate) tier: &'static Tier,
    pub(super) attach_types: Vec<String>,
}

/// Creates the maps, or takes over those of an earlier agent, and loads the object; nothing new counts yet.
///
/// # Errors
/// [`LoadError`]: BTF missing, no permission, or whatever the kernel refused.
pub(super) fn load(options: &Options, tier: &'static Tier) -> Result<Kernel, LoadError> {
    system::lift_memlock();
    // Of a tier that does not work nothing stays, unless it worked before.
    let pins = Pins::open(&options.pin_path, layout(options, tier), options.keep && is_pinned(options, tier))?;
    let hash = program_hash(options, tier);
    let (earlier, generation) = pins.as_ref().map_or((None, 1), |pins| generation(pins, hash));
    let external = options.btf_path.as_deref().map(parse_btf).transpose()?;
    let casts = if tier.casts { Casts::of(&requirements::kernel_btf()?) } else { None };
    let object = Casts::fill(casts.as_ref(), tier.object);
    let types = Casts::settings(casts.as_ref());
    let mut ebpf = {
        // Parsing the kernel's BTF takes some 20 MB; the loader and its parse are gone before the next one.
        let mut loader = EbpfLoader::new();
        if let Some(btf) = &external {
            loader.btf(Some(btf));
        }
        // aya knows task storage only as an unsupported map, which is enough: no user space touches it.
        loader.allow_unsupported_maps();
        let settings: Vec<_> = options.settings.iter().map(|(name, value)| (name, value.bytes())).collect();
        for (name, bytes) in &settings {
            loader.override_global(name, bytes.as_slice(), true);
        }
        if tier.casts {
            for (name, id) in &types {
                loader.override_global(name, id, true);
            }
        }
        let free_mask = options.ring - 1;
        let preemptible = u8::from(system::preempts_programs());
        let recursive = u8::from(system::nests_programs());
        loader
            .override_global("program_generation", &generation, true)
            .override_global("stripe_count", &options.stripes, true)
            .override_global("free_mask", &free_mask, true)
            .override_global("preemptible", &preemptible, true)
            .override_global("recursive", &recursive, true)
            .map_max_entries("tfo_free", options.ring)
            .map_max_entries("tfo_cpus", options.cpus)
            .map_max_entries("tfo_overflow", options.stripes)
            .map_max_entries("tfo_directory", options.pages)
            .map_max_entries("tfo_counters", options.pages * options.stripes)
            .map_max_entries("tfo_sockets", MOST_SOCKET_PAGES);
        for (name, each) in tier.entries {
            loader.map_max_entries(name, each * options.ring);
        }
        for name in MAPS.iter().chain(tier.maps) {
            if let Some(pins) = &pins {
                loader.map_pin_path(name, pins.map(name));
            }
        }
        loader.load(&object).map_err(|error| LoadError::of("object", tier.name, &error))?
    };
    let mut maps = Maps { ebpf: &mut ebpf, descriptors: Vec::new() };
    let mut kernel = Kernel {
        control: maps.map("tfo_control", 1)?,
        free: maps.map("tfo_free", options.ring)?,
        cpus: maps.map("tfo_cpus", options.cpus)?,
        overflow: maps.overflow(options.stripes)?,
        outer: Some(maps.outer()?),
        complained: None,
        helper: None,
        mirror: None,
        pages: Vec::new(),
        stripes: options.stripes,
        descriptors: maps.descriptors,
        attached: Vec::new(),
        generation,
        hash,
        earlier,
        pins,
        lock: None,
        faults: Vec::new(),
        tier,
        attach_types: options.attach_types.clone(),
        ebpf,
    };
    kernel.map_pinned_pages()?;
    Ok(kernel)
}

impl Kernel {
    /// Where the maps are pinned, if they are.
    pub(crate) fn pinned_at(&self) -> Option<&Path> {
        self.pins.as_ref().map(Pins::path)
    }

    /// The programs that are attached.
    pub(crate) fn attached(&self) -> &[Attached] {
        &self.attached
    }

    /// Says whether counting is to go on after a clean stop.
    pub(super) fn keep(&mut self, keep: bool) {
        if let Some(pins) = &mut self.pins {
            pins.keep = keep;
        }
    }

    /// Whether `program` is attached.
    pub(crate) fn has(&self, program: &str) -> bool {
        self.attached.iter().any(|attached| attached.program == program)
    }

    /// Whether the maps hold what was counted before this agent came.
    pub(crate) fn is_taken_over(&self) -> bool {
        !self.pages.is_empty() && self.earlier.is_some()
    }
}

/// The set of programs that counts now, and the generation for ours: the same where they are the same programs.
fn generation(pins: &Pins, hash: u64) -> (Option<ProgramSet>, u64) {
    let active = MapData::from_pin(pins.map("tfo_control"))
        .ok()
        .and_then(|map| Mapped::<Control>::new(&map, 1).ok())
        .map_or(0, |control| control.at(0, offset_of!(Control, generation)).load(Ordering::Acquire));
    let mut earlier = None;
    for set in pins.program_sets() {
        if set.generation == active {
            earlier = Some(set);
        } else if let Err(error) = set.remove() {
            tracing::warn!(set = %set.directory.display(), %error, "ebpf: programs of a broken start not removed");
        }
    }
    let same = earlier.as_ref().is_some_and(|set| set.hash == hash);
    (earlier, if same { active } else { active + 1 })
}

/// Whether there are pins of `tier` in this layout.
pub(super) fn is_pinned(options: &Options, tier: &Tier) -> bool {
    // Below an empty path it would be looked for where the agent stands.
    tier.btf && options.pin_path.is_absolute() && pin::directory(&options.pin_path, layout(options, tier)).exists()
}

/// What two agents must agree in to use the same maps.
pub(super) fn layout(options: &Options, tier: &Tier) -> u64 {
    let mut hash = Hash::default();
    hash.add(env!("TFO_LAYOUT").as_bytes());
    hash.add(tier.name.as_bytes());
    for number in [options.cpus, options.stripes, options.ring, options.pages] {
        hash.add(&number.to_ne_bytes());
    }
    hash.value()
}

/// What makes two programs of one name the same.
fn program_hash(options: &Options, tier: &Tier) -> u64 {
    let mut hash = Hash::default();
    hash.add(tier.object);
    for rung in &options.attach_types {
        hash.add(rung.as_bytes());
    }
    for (name, value) in &options.settings {
        hash.add(name.as_bytes());
        hash.add(&value.bytes());
    }
    hash.add(options.btf_path.as_deref().unwrap_or(Path::new("")).as_os_str().as_encoded_bytes());
    hash.value()
}

/// Takes map after map out of the object and maps it.
struct Maps<'a> {
    ebpf: &'a mut Ebpf,
    descriptors: Vec<MapData>,
}

impl Maps<'_> {
    fn map<T: Entry>(&mut self, name: &str, entries: u32) -> Result<Mapped<T>, LoadError> {
        let data = self.array(name)?;
        let mapped = Mapped::new(&data, entries as usize);
        self.descriptors.push(data);
        mapped.map_err(|error| fault(name, format!("cannot be mapped: {error}")))
    }

    fn overflow(&mut self, stripes: u32) -> Result<Vec<Counters>, LoadError> {
        let data = self.array("tfo_overflow")?;
        let counters = Counters::overflow(&data, stripes);
        self.descriptors.push(data);
        counters.map_err(|error| fault("tfo_overflow", format!("cannot be mapped: {error}")))
    }

    fn outer(&mut self) -> Result<OuterMaps, LoadError> {
        let mut descriptors = Vec::new();
        let mut take = |name: &str| {
            let map = self.ebpf.take_map(name).ok_or_else(|| fault(name, "not in the object"))?;
            let Map::ArrayOfMaps(data) = map else { return Err(fault(name, "not an array of maps")) };
            let descriptor = data.fd().as_fd().try_clone_to_owned();
            descriptors.push(descriptor.map_err(|error| fault(name, error.to_string()))?);
            Map::ArrayOfMaps(data).try_into().map_err(|error| fault(name, format!("{error}")))
        };
        let (directory, counters, sockets) = (take("tfo_directory")?, take("tfo_counters")?, take("tfo_sockets")?);
        Ok(OuterMaps { directory, counters, sockets, descriptors })
    }

    fn array(&mut self, name: &str) -> Result<MapData, LoadError> {
        let map = self.ebpf.take_map(name).ok_or_else(|| fault(name, "not in the object"))?;
        let Map::Array(data) = map else { return Err(fault(name, "not an array")) };
        Ok(data)
    }
}

pub(super) fn fault(map: &str, reason: impl Into<String>) -> LoadError {
    LoadError::Other { what: format!("map {map}"), reason: reason.into() }
}

fn parse_btf(path: &Path) -> Result<Btf, LoadError> {
    Btf::parse_file(path, Endianness::default())
        .map_err(|error| LoadError::BtfPath { path: path.to_owned(), reason: requirements::chain(&error) })
}
