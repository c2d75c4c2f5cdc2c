//! Mirror of `ebpf/abi.h`; a test compares every size and offset with the object's own BTF.

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
            /// Name and offset of each field, for the comparison with BTF.
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
