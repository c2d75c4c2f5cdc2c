//! Mirror of `ebpf/abi.h`; a test has clang compare every offset and size.

use std::sync::atomic::AtomicU64;

pub(crate) const OVERFLOW_SLOT: u32 = 0;
pub(crate) const CELL_INDICES: u32 = 512;
pub(crate) const OTHER_SYSCALL: u32 = 511;
pub(crate) const BUCKET_WAYS: u32 = 8;
pub(crate) const IDENTITY_SLOT_SHIFT: u32 = 12;
pub(crate) const IDENTITY_GENERATION_SHIFT: u32 = 32;
pub(crate) const IDENTITY_SLOT_MASK: u64 = 0xfffff;

/// Names of `enum loss_reason`, by index.
pub(crate) const LOSS_REASONS: [&str; 4] = ["process_folded", "cell_folded", "task_storage", "start_missing"];

/// A type that a mapped array may hold.
///
/// # Safety
/// `repr(C)`, valid for every bit pattern, without padding, of a size that is a multiple of 8.
pub(crate) unsafe trait Entry: Copy {}

macro_rules! entries {
    ($($(#[$meta:meta])* struct $name:ident { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub(crate) struct $name { $(pub(crate) $field: $type,)* }

        impl $name {
            /// Name and offset of each field, for the comparison.
            #[cfg(test)]
            pub(crate) const FIELDS: &[(&str, usize)] = &[$((stringify!($field), std::mem::offset_of!($name, $field)),)*];
        }

        const _: () = assert!(size_of::<$name>() == 0 $(+ size_of::<$type>())*, "padding");
        const _: () = assert!(size_of::<$name>().is_multiple_of(8));
        // SAFETY: repr(C), integers and arrays of integers only, and the two assertions above.
        unsafe impl Entry for $name {}
    )*};
}

entries! {
    /// One process, see `struct process_row`.
    struct ProcessRow {
        start_boottime: u64,
        born: u64,
        exited: u64,
        cgroup: u64,
        tgid: u32,
        generation: u32,
        threads: u32,
        uid: u32,
        comm_sequence: u32,
        comm: [u8; 16],
        pad: u32,
    }

    /// Ring of free slots and the ledger, see `struct control`.
    struct Control {
        free_head: u64,
        free_tail: u64,
        loss: [u64; 8],
        agent: u64,
        attached: u64,
    }

    /// Eight keys that hash alike, see `struct bucket`.
    struct Bucket {
        key: [u64; BUCKET_WAYS as usize],
    }

    /// Counters of one (process, index), see `struct cell`.
    struct Cell {
        count: u64,
        nanoseconds: u64,
        errors: u64,
    }

    /// See `struct scheduler_counters`; nanoseconds where the name says time.
    struct SchedulerCounters {
        voluntary: u64,
        involuntary: u64,
        runtime: u64,
        run_delay: u64,
        migrations: u64,
    }

    /// Counters of one process that need no index, see `struct slot_counters`.
    struct SlotCounters {
        scheduler: SchedulerCounters,
    }

    /// What the running iterator reports of a task on a CPU, see `struct running_record`.
    struct RunningRecord {
        identity: u64,
        runtime: u64,
        run_delay: u64,
        migrations: u64,
    }
}

// SAFETY: an integer of 8 bytes.
unsafe impl Entry for u64 {}

const _: () = assert!(align_of::<AtomicU64>() == align_of::<u64>());

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::process::{Command, Stdio};

    use super::*;

    /// C that compiles only where `structure` is as its mirror says.
    fn assertions<T>(structure: &str, fields: &[(&str, usize)]) -> String {
        let size = size_of::<T>();
        let mut text = format!("_Static_assert(sizeof(struct {structure}) == {size}, \"size\");\n");
        for (field, offset) in fields {
            let place = format!("__builtin_offsetof(struct {structure}, {field})");
            let _ = writeln!(text, "_Static_assert({place} == {offset}, \"{structure}.{field}\");");
        }
        text
    }

    fn compiles(assertions: &str) -> bool {
        use std::io::Write as _;
        let ebpf = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ebpf");
        let mut clang = Command::new(env!("TFO_CLANG"))
            .args(["-target", "bpf", "-fsyntax-only", "-I", ebpf, "-x", "c", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let text = format!("#include \"kernel_types.h\"\n#include \"abi.h\"\n{assertions}");
        clang.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        clang.wait().unwrap().success()
    }

    #[test]
    fn every_mirror_has_the_header_s_offsets_and_size() {
        let all = [
            assertions::<ProcessRow>("process_row", ProcessRow::FIELDS),
            assertions::<Control>("control", Control::FIELDS),
            assertions::<Bucket>("bucket", Bucket::FIELDS),
            assertions::<Cell>("cell", Cell::FIELDS),
            assertions::<SchedulerCounters>("scheduler_counters", SchedulerCounters::FIELDS),
            assertions::<SlotCounters>("slot_counters", SlotCounters::FIELDS),
            assertions::<RunningRecord>("running_record", RunningRecord::FIELDS),
        ];
        assert!(compiles(&all.concat()), "{}", all.concat());
        assert!(!compiles(&assertions::<Cell>("cell", &[("errors", 0)])), "a wrong offset is found");
    }

    #[test]
    fn constants_are_the_header_s() {
        let constants = [
            ("OVERFLOW_SLOT", u64::from(OVERFLOW_SLOT)),
            ("CELL_INDICES", u64::from(CELL_INDICES)),
            ("OTHER_SYSCALL", u64::from(OTHER_SYSCALL)),
            ("BUCKET_WAYS", u64::from(BUCKET_WAYS)),
            ("IDENTITY_SLOT_SHIFT", u64::from(IDENTITY_SLOT_SHIFT)),
            ("IDENTITY_GENERATION_SHIFT", u64::from(IDENTITY_GENERATION_SHIFT)),
            ("IDENTITY_SLOT_MASK", IDENTITY_SLOT_MASK),
            ("LOSS_REASONS", LOSS_REASONS.len() as u64),
        ];
        let text: String =
            constants.map(|(name, value)| format!("_Static_assert({name} == {value}, \"{name}\");\n")).concat();
        assert!(compiles(&text));
    }
}
