//! The tracepoint tier from object to mirror: relocated against layouts of our own making, nothing pinned, nothing mapped.

use aya::EbpfLoader;

use super::events::Events;
use super::load::{Kernel, Options, fault, layout};
use super::mapped::Mapped;
use super::mirror::{self, Mirror};
use super::pages::Counters;
use super::pin::Pins;
use super::requirements::LoadError;
use super::system;
use super::tiers::Tier;

/// As [`load`](super::load::load) for a kernel without BTF.
///
/// # Errors
/// [`LoadError`]: no tracefs, no permission, or whatever the kernel refused.
pub(super) fn load(options: &Options, tier: &'static Tier) -> Result<Kernel, LoadError> {
    let (btf, faults) = Events::read()?.into_btf(options)?;
    system::lift_memlock();
    // One agent a directory, and what another tier left there counts no more.
    let lock = Pins::open(&options.pin_path, layout(options, tier), false)?;
    let mut ebpf = {
        let mut loader = EbpfLoader::new();
        loader.btf(Some(&btf));
        let entries = mirror::entries(options);
        for (name, entries) in &entries {
            loader.map_max_entries(name, *entries);
        }
        loader.load(tier.object).map_err(|error| LoadError::of("object", tier.name, &error))?
    };
    let mirror = Mirror::open(&mut ebpf, options)?;
    let failed = |error: std::io::Error| fault("tfo_control", format!("no memory for its copy: {error}"));
    Ok(Kernel {
        control: Mapped::anonymous(1).map_err(failed)?,
        free: Mapped::anonymous(options.ring as usize).map_err(failed)?,
        cpus: Mapped::anonymous(options.cpus as usize).map_err(failed)?,
        overflow: Counters::anonymous_overflow().map_err(failed)?,
        pages: Vec::new(),
        outer: None,
        complained: None,
        helper: None,
        mirror: Some(mirror),
        stripes: 1,
        descriptors: Vec::new(),
        attached: Vec::new(),
        generation: 1,
        hash: 0,
        earlier: None,
        pins: None,
        lock,
        faults,
        tier,
        attach_types: options.attach_types.clone(),
        ebpf,
    })
}
