//! The objects that there are, one a generation of kernels, and the first of them that works here.

use super::attach::Outcome;
use super::hooks::{Hook, Ladder};
use super::load::{Kernel, Options, is_pinned, load};
use super::requirements::{self, LoadError};
use super::tracepoints;

/// An object: the same programs with what a generation of kernels has for them.
#[derive(Debug)]
pub(crate) struct Tier {
    /// Its name in logs, in metrics and in `tiers`.
    pub(crate) name: &'static str,
    pub(super) object: &'static [u8],
    /// Whether it stands on the kernel's BTF; if not, on tracefs.
    pub(crate) btf: bool,
    /// Whether it reads through casts, where the kernel has them.
    pub(super) casts: bool,
    /// Maps of its own, beside those that every tier has.
    pub(super) maps: &'static [&'static str],
    /// Maps that grow with the processes that there may be: entries for each.
    pub(super) entries: &'static [(&'static str, u32)],
    /// What is attached before all else.
    pub(super) first: &'static [Hook],
}

/// Best first. An object whose maps cannot all be made, or whose base does not attach, is not for this kernel:
/// neither its version nor a probe would tell.
pub(crate) static TIERS: [Tier; 3] = [
    Tier {
        name: "task_storage",
        object: aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/task_storage.bpf.o")),
        btf: true,
        casts: true,
        maps: &[],
        entries: &[],
        first: &[],
    },
    Tier {
        name: "hash",
        object: aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/hash.bpf.o")),
        btf: true,
        casts: false,
        maps: &["tfo_locks"],
        entries: &[("tfo_tasks", 2)],
        // No entry may outlive its address: this comes before what makes entries.
        first: &[Hook::tp_btf("tfo_task_free", "sched_process_free")],
    },
    Tier {
        name: "tracepoint",
        object: aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracepoint.bpf.o")),
        btf: false,
        casts: false,
        maps: &[],
        entries: &[],
        first: &[],
    },
];

/// Loads and attaches the first tier that works, and says why the others do not. `prepare` is called between the two.
///
/// # Errors
/// What no other tier would do better, or why each of them does not work.
pub(crate) fn start(
    options: &Options,
    ladders: &[Ladder],
    prepare: impl Fn(&mut Kernel),
) -> Result<(Kernel, Vec<Outcome>), LoadError> {
    let without_btf = requirements::check_btf().err();
    let works = |tier: &&Tier| options.allows_tier(tier.name) && (without_btf.is_none() || !tier.btf);
    let mut tiers: Vec<&'static Tier> = TIERS.iter().filter(works).collect();
    // What counts here already is the one that works.
    tiers.sort_by_key(|tier| !is_pinned(options, tier));
    let mut failures = Vec::new();
    for tier in tiers {
        let loaded = if tier.btf { load(options, tier) } else { tracepoints::load(options, tier) };
        let attached = loaded.and_then(|mut kernel| {
            prepare(&mut kernel);
            let ladders: Vec<_> =
                ladders.iter().map(|ladder| if tier.btf { ladder.btf } else { ladder.tracepoint }).collect();
            let outcomes = kernel.attach(&ladders)?;
            kernel.keep(options.keep);
            Ok((kernel, outcomes))
        });
        match attached {
            Ok((kernel, outcomes)) => {
                tracing::info!(tier = tier.name, "ebpf: tier taken");
                return Ok((kernel, outcomes));
            }
            // Capabilities, a BTF that was given and the lock are the same to all.
            Err(error @ (LoadError::Locked { .. } | LoadError::BtfPath { .. } | LoadError::Permission(_))) => {
                return Err(error);
            }
            Err(error) => {
                tracing::info!(tier = tier.name, %error, "ebpf: tier not taken");
                failures.push(error);
            }
        }
    }
    match without_btf {
        None => Err(LoadError::all(failures)),
        Some(error) if failures.is_empty() => Err(error),
        Some(_) => Err(LoadError::NoBtfNorTracepoints(LoadError::all(failures).trouble())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::elf::{ATOMICS, Elf, HELPER_CALL};
    use super::*;

    #[test]
    fn the_hash_tier_has_what_5_8_has_and_the_other_one_more() {
        let fetching = |tier: &Tier| {
            let instructions = Elf::of(tier.object).instructions();
            instructions.iter().filter(|one| ATOMICS.contains(&one.code) && one.constant != 0).count()
        };
        assert!(fetching(&TIERS[0]) > 0, "the test sees atomics");
        assert_eq!(fetching(&TIERS[1]), 0, "atomics other than adding are refused before 5.12");
        // Look-up, update, delete, ktime, CPU, pid, task, reads of user and kernel memory and of a string, seq_write.
        let known = [1, 2, 3, 5, 8, 14, 35, 112, 113, 115, 127];
        let instructions = Elf::of(TIERS[1].object).instructions();
        let calls = instructions.iter().filter(|one| one.code == HELPER_CALL && one.source == 0);
        let helpers: Vec<i32> = calls.map(|one| one.constant).collect();
        assert!(helpers.len() > 100, "{helpers:?}");
        assert!(helpers.iter().all(|helper| known.contains(helper)), "{helpers:?}");
    }
}
