//! The objects that there are, one a generation of kernels, and the first of them that works here.

use super::attach::Outcome;
use super::hooks::{Hook, Rung};
use super::load::{Kernel, Options, is_pinned, load};
use super::requirements::LoadError;

/// An object: the same programs with what a generation of kernels has for them.
#[derive(Debug)]
pub(crate) struct Tier {
    /// Its name in logs, in metrics and in `tiers`.
    pub(crate) name: &'static str,
    pub(super) object: &'static [u8],
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
pub(crate) static TIERS: [Tier; 2] = [
    Tier {
        name: "task_storage",
        object: aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/task_storage.bpf.o")),
        casts: true,
        maps: &[],
        entries: &[],
        first: &[],
    },
    Tier {
        name: "hash",
        object: aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/hash.bpf.o")),
        casts: false,
        maps: &["tfo_locks"],
        entries: &[("tfo_tasks", 2)],
        // No entry may outlive its address: this comes before what makes entries.
        first: &[Hook::tp_btf("tfo_task_free", "sched_process_free")],
    },
];

/// Loads and attaches the first tier that works, and says why the others do not. `prepare` is called between the two.
///
/// # Errors
/// What no other tier would do better, or why each of them does not work.
pub(crate) fn start(
    options: &Options,
    ladders: &[&'static [Rung]],
    prepare: impl Fn(&mut Kernel),
) -> Result<(Kernel, Vec<Outcome>), LoadError> {
    let mut tiers: Vec<&'static Tier> = TIERS.iter().filter(|tier| options.allows_tier(tier.name)).collect();
    // What counts here already is the one that works.
    tiers.sort_by_key(|tier| !is_pinned(options, tier));
    let mut failures = Vec::new();
    for tier in tiers {
        let attached = load(options, tier).and_then(|mut kernel| {
            prepare(&mut kernel);
            let outcomes = kernel.attach(ladders)?;
            kernel.keep(options.keep);
            Ok((kernel, outcomes))
        });
        match attached {
            Ok((kernel, outcomes)) => {
                tracing::info!(tier = tier.name, "ebpf: tier taken");
                return Ok((kernel, outcomes));
            }
            // Capabilities, BTF and the lock are the same to all.
            Err(
                error @ (LoadError::Locked { .. }
                | LoadError::NoBtf
                | LoadError::BtfPath { .. }
                | LoadError::Permission(_)),
            ) => return Err(error),
            Err(error) => {
                tracing::info!(tier = tier.name, %error, "ebpf: tier not taken");
                failures.push(error);
            }
        }
    }
    Err(LoadError::all(failures))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every instruction of the sections of `object` that hold programs: opcode, source register, constant.
    fn instructions(object: &[u8]) -> Vec<(u8, u8, i32)> {
        let number = |at: usize, bytes: usize| {
            let mut word = [0; 8];
            word[..bytes].copy_from_slice(&object[at..at + bytes]);
            usize::try_from(u64::from_le_bytes(word)).unwrap()
        };
        let (table, size, sections) = (number(40, 8), number(58, 2), number(60, 2));
        let programs =
            (0..sections).map(|section| table + section * size).filter(|header| number(header + 8, 8) & 4 != 0);
        let bytes = programs.flat_map(|header| {
            let (from, length) = (number(header + 24, 8), number(header + 32, 8));
            object[from..from + length].chunks_exact(8)
        });
        bytes.map(|code| (code[0], code[1] >> 4, i32::from_le_bytes([code[4], code[5], code[6], code[7]]))).collect()
    }

    const ATOMICS: [u8; 2] = [0xc3, 0xdb];
    const CALL: u8 = 0x85;

    #[test]
    fn the_hash_tier_has_what_5_8_has_and_the_other_one_more() {
        let fetching = |tier: &Tier| {
            instructions(tier.object).iter().filter(|(code, _, what)| ATOMICS.contains(code) && *what != 0).count()
        };
        assert!(fetching(&TIERS[0]) > 0, "the test sees atomics");
        assert_eq!(fetching(&TIERS[1]), 0, "atomics other than adding are refused before 5.12");
        // Look-up, update, delete, ktime, CPU, pid, task, reads of user and kernel memory and of a string, seq_write.
        let known = [1, 2, 3, 5, 8, 14, 35, 112, 113, 115, 127];
        let calls = instructions(TIERS[1].object);
        let helpers: Vec<i32> =
            calls.iter().filter(|(code, from, _)| *code == CALL && *from == 0).map(|(_, _, helper)| *helper).collect();
        assert!(helpers.len() > 100, "{helpers:?}");
        assert!(helpers.iter().all(|helper| known.contains(helper)), "{helpers:?}");
    }
}
