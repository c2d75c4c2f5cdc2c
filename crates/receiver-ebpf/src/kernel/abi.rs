//! Mirror of `ebpf/abi.h` and `ebpf/tracepoint/abi.h`; a test has clang compare every offset and size.

use std::sync::atomic::AtomicU64;

pub(crate) const PAGE_SLOTS: u32 = 1024;
pub(crate) const PAGE_BUCKETS: u32 = 4096;
pub(crate) const BUCKET_WAYS: u32 = 8;
pub(crate) const PAGE_CELLS: u32 = PAGE_BUCKETS * BUCKET_WAYS;
pub(crate) const SOCKET_BUCKETS: u32 = 1024;
pub(crate) const MOST_SOCKET_PAGES: u32 = 16;

pub(crate) const IDENTITY_SLOT_SHIFT: u32 = 20;
pub(crate) const IDENTITY_GENERATION_SHIFT: u32 = 40;
pub(crate) const IDENTITY_SLOT_MASK: u64 = 0xf_ffff;
pub(crate) const GENERATION_MASK: u32 = 0xff_ffff;
pub(crate) const GENERATION_CLOSED: u32 = 1 << 31;
pub(crate) const INDEX_MASK: u32 = 0xf_ffff;
pub(crate) const OVERFLOW_SLOT: u32 = 0xf_ffff;
pub(crate) const UNATTRIBUTED_SLOT: u32 = 0xf_fffe;

pub(crate) const PLAIN_INDICES: u32 = 2048;
pub(crate) const DETAIL_SHIFT: u32 = 11;
pub(crate) const MAX_ERRNO_DETAIL: u32 = 191;
pub(crate) const DETAIL_OCTAVE: u32 = 192;

pub(crate) const INDEX_SYSCALL: u32 = 0;
pub(crate) const SYSCALL_NUMBERS: u32 = 512;
pub(crate) const OTHER_SYSCALL: u32 = 511;
pub(crate) const INDEX_FILE: u32 = 1024;
pub(crate) const INDEX_NETWORK: u32 = 1056;
pub(crate) const INDEX_CONNECTION: u32 = 1064;
pub(crate) const INDEX_CONNECT_FAILURE: u32 = 1068;
pub(crate) const INDEX_RETRANSMIT: u32 = 1069;
pub(crate) const INDEX_RTT: u32 = 1070;
pub(crate) const INDEX_CONNECTION_END: u32 = 1071;
pub(crate) const INDEX_OOM_KILL: u32 = 1072;
pub(crate) const INDEX_RUNQUEUE: u32 = 1073;
pub(crate) const INDEX_TRANSITION: u32 = 1088;
pub(crate) const INDEX_END: u32 = 1344;

pub(crate) const LIFE_TGID_BITS: u32 = 22;
pub(crate) const LIFE_TGID_MASK: u64 = 0x3f_ffff;
pub(crate) const LIFE_TIME_SHIFT: u32 = 10;
pub(crate) const OVERFLOW_LIFE: u64 = 1;
pub(crate) const UNATTRIBUTED_LIFE: u64 = 2;

pub(crate) const CALL_SIGRETURN: u8 = 8;
pub(crate) const CALL_BIRTH: u8 = 16;
pub(crate) const CALL_ACCEPT: u8 = 32;
pub(crate) const CALL_SPLICE: u8 = 64;
pub(crate) const CALL_RENAME: u8 = 128;

/// Bits of a verdict and entries of `counted`.
pub(crate) const COLLECTORS: usize = 6;
/// Entry of `counted` with the transitions that `tfo_tcp_again` has counted.
pub(crate) const COUNTED_AGAIN: usize = COLLECTORS;

/// Names of `enum loss_reason`, by index.
pub(crate) const LOSS_REASONS: [&str; 8] = [
    "process_folded",
    "cell_folded",
    "task_storage",
    "start_missing",
    "sampled",
    "bucket_folded",
    "socket_storage",
    "task_gone",
];

/// Names of `enum program`, by index.
pub(crate) const PROGRAMS: [&str; 13] = [
    "tfo_switch",
    "tfo_sys_enter",
    "tfo_sys_exit",
    "tfo_fault_kern",
    "tfo_sock_send",
    "tfo_sock_recv",
    "tfo_tcp_state",
    "tfo_tcp_retrans",
    "tfo_tcp_again",
    "tfo_tcp_synack",
    "tfo_adopt_sock",
    "tfo_fault_minor",
    "tfo_exit_again",
];
const PROGRAM_LEDGERS: usize = 14;

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
        // SAFETY: as above: nothing but bytes that are all written.
        #[cfg(tfo_kernel)]
        unsafe impl aya::Pod for $name {}
    )*};
}

entries! {
    /// One process, see `struct process_row`.
    struct ProcessRow {
        start_boottime: u64,
        born: u64,
        exited: u64,
        cgroup: u64,
        verdict: u64,
        tgid: u32,
        generation: u32,
        threads: u32,
        uid: u32,
        comm_sequence: u32,
        comm: [u8; 16],
        pad: u32,
    }

    /// Runs of one program, see `struct program_ledger`.
    struct ProgramLedger {
        samples: u64,
        nanoseconds: u64,
    }

    /// What one CPU is doing and has counted, see `struct cpu_record`.
    struct CpuRecord {
        identity: u64,
        entered: u64,
        syscall: i32,
        fault: u32,
        sampling: u32,
        transition: u32,
        moved: u64,
        generation: u64,
        stripe: u32,
        exclusive_pages: u32,
        open_sockets: u64,
        counted: [u64; 8],
        runs: [u64; PROGRAM_LEDGERS],
        sockets: [u64; PROGRAM_LEDGERS],
        programs: [ProgramLedger; PROGRAM_LEDGERS],
        loss: [u64; LOSS_REASONS.len()],
    }

    /// What all CPUs share, see `struct control`.
    struct Control {
        free_head: u64,
        free_tail: u64,
        agent: u64,
        attached: u64,
        generation: u64,
        thrifty: u64,
        connections: [u64; 16],
        socket_pages: u64,
        retired: [u64; 8],
    }

    /// Eight keys that hash alike, see `struct bucket`.
    struct Bucket {
        key: [u64; BUCKET_WAYS as usize],
    }

    /// Counters of one key, see `struct cell`.
    struct Cell {
        count: u64,
        nanoseconds: u64,
        bytes: u64,
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

    /// See `struct memory_counters`.
    struct MemoryCounters {
        minor_user: u64,
        minor_kernel: u64,
        major_user: u64,
        major_kernel: u64,
    }

    /// Counters of one process that need no index, see `struct slot_counters`.
    struct SlotCounters {
        scheduler: SchedulerCounters,
        memory: MemoryCounters,
    }

    /// One process of the tracepoint tier, see `struct life_entry`.
    struct LifeEntry {
        counters: SlotCounters,
        born: u64,
        left: u64,
        threads: i32,
        uid: u32,
        comm_sequence: u32,
        comm: [u8; 16],
        pad: u32,
    }

    /// What a thread carries there, see `struct thread_entry`.
    struct ThreadEntry {
        life: u64,
        entered: u64,
        running: u64,
        runnable: u64,
        syscall: i32,
        exiting: u32,
    }

    /// Whose counters and what of, see `struct cell_key`.
    struct CellKey {
        life: u64,
        index: u32,
        zero: u32,
    }

    /// A TCP socket, see `struct socket_entry`.
    struct SocketEntry {
        life: u64,
        established: u64,
    }

    /// What the running iterator reports of a task on a CPU, see `struct running_record`.
    struct RunningRecord {
        identity: u64,
        runtime: u64,
        run_delay: u64,
        migrations: u64,
        minor: u64,
        major: u64,
    }
}

macro_rules! field_by_field {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl $name {
            /// Field by field `self + other`; totals wrap as the kernel's do.
            pub(crate) fn plus(&self, other: &Self) -> Self {
                self.zip(other, u64::wrapping_add)
            }

            /// Field by field.
            pub(crate) fn zip(&self, other: &Self, with: impl Fn(u64, u64) -> u64 + Copy) -> Self {
                Self { $($field: with(self.$field, other.$field)),* }
            }
        }
    )*};
}

field_by_field! {
    Cell { count, nanoseconds, bytes, errors }
    SchedulerCounters { voluntary, involuntary, runtime, run_delay, migrations }
    MemoryCounters { minor_user, minor_kernel, major_user, major_kernel }
}

impl SlotCounters {
    /// Field by field `self + other`.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self { scheduler: self.scheduler.plus(&other.scheduler), memory: self.memory.plus(&other.memory) }
    }
}

/// Where the rows and the buckets of a directory page begin, and its size.
pub(crate) const DIRECTORY_BUCKETS: usize = PAGE_SLOTS as usize * size_of::<ProcessRow>();
pub(crate) const DIRECTORY_BYTES: usize = DIRECTORY_BUCKETS + PAGE_BUCKETS as usize * size_of::<Bucket>();
/// Where the cells of a counter page begin, and its size.
pub(crate) const COUNTER_CELLS: usize = PAGE_SLOTS as usize * size_of::<SlotCounters>();
pub(crate) const COUNTER_BYTES: usize = COUNTER_CELLS + PAGE_CELLS as usize * size_of::<Cell>();
/// Sockets of a page of their table, and its size.
pub(crate) const PAGE_SOCKETS: u64 = SOCKET_BUCKETS as u64 * BUCKET_WAYS as u64;
pub(crate) const SOCKET_BYTES: usize = SOCKET_BUCKETS as usize * BUCKET_WAYS as usize * (8 + 32);
/// Where the cells of an overflow page begin, and its size.
pub(crate) const OVERFLOW_CELLS: usize = size_of::<SlotCounters>();
pub(crate) const OVERFLOW_BYTES: usize = OVERFLOW_CELLS + PLAIN_INDICES as usize * size_of::<Cell>();

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

    /// The pages have no mirror, only sizes and where their parts begin.
    fn pages() -> String {
        [
            ("directory_page", DIRECTORY_BYTES, "buckets", DIRECTORY_BUCKETS),
            ("counter_page", COUNTER_BYTES, "cells", COUNTER_CELLS),
            ("overflow_page", OVERFLOW_BYTES, "cells", OVERFLOW_CELLS),
        ]
        .map(|(structure, size, part, offset)| {
            format!(
                "_Static_assert(sizeof(struct {structure}) == {size}, \"size\");\n\
                 _Static_assert(__builtin_offsetof(struct {structure}, {part}) == {offset}, \"{part}\");\n"
            )
        })
        .concat()
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
        let text = format!("#include \"kernel_types.h\"\n#include \"tracepoint/abi.h\"\n{assertions}");
        clang.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        clang.wait().unwrap().success()
    }

    #[test]
    fn every_mirror_has_the_header_s_offsets_and_size() {
        let all = [
            assertions::<ProcessRow>("process_row", ProcessRow::FIELDS),
            assertions::<ProgramLedger>("program_ledger", ProgramLedger::FIELDS),
            assertions::<CpuRecord>("cpu_record", CpuRecord::FIELDS),
            assertions::<Control>("control", Control::FIELDS),
            assertions::<Bucket>("bucket", Bucket::FIELDS),
            assertions::<Cell>("cell", Cell::FIELDS),
            assertions::<SchedulerCounters>("scheduler_counters", SchedulerCounters::FIELDS),
            assertions::<MemoryCounters>("memory_counters", MemoryCounters::FIELDS),
            assertions::<SlotCounters>("slot_counters", SlotCounters::FIELDS),
            assertions::<RunningRecord>("running_record", RunningRecord::FIELDS),
            assertions::<LifeEntry>("life_entry", LifeEntry::FIELDS),
            assertions::<ThreadEntry>("thread_entry", ThreadEntry::FIELDS),
            assertions::<CellKey>("cell_key", CellKey::FIELDS),
            assertions::<SocketEntry>("socket_entry", SocketEntry::FIELDS),
            pages(),
        ];
        assert!(compiles(&all.concat()), "{}", all.concat());
        assert!(!compiles(&assertions::<Cell>("cell", &[("errors", 0)])), "a wrong offset is found");
    }

    #[test]
    fn constants_are_the_header_s() {
        let constants = [
            ("PAGE_SLOTS", u64::from(PAGE_SLOTS)),
            ("PAGE_BUCKETS", u64::from(PAGE_BUCKETS)),
            ("PAGE_CELLS", u64::from(PAGE_CELLS)),
            ("SOCKET_BUCKETS", u64::from(SOCKET_BUCKETS)),
            ("MOST_SOCKET_PAGES", u64::from(MOST_SOCKET_PAGES)),
            ("sizeof(struct socket_page)", SOCKET_BYTES as u64),
            ("BUCKET_WAYS", u64::from(BUCKET_WAYS)),
            ("IDENTITY_SLOT_SHIFT", u64::from(IDENTITY_SLOT_SHIFT)),
            ("IDENTITY_GENERATION_SHIFT", u64::from(IDENTITY_GENERATION_SHIFT)),
            ("GENERATION_MASK", u64::from(GENERATION_MASK)),
            ("GENERATION_CLOSED", u64::from(GENERATION_CLOSED)),
            ("INDEX_MASK", u64::from(INDEX_MASK)),
            ("OVERFLOW_SLOT", u64::from(OVERFLOW_SLOT)),
            ("UNATTRIBUTED_SLOT", u64::from(UNATTRIBUTED_SLOT)),
            ("PLAIN_INDICES", u64::from(PLAIN_INDICES)),
            ("DETAIL_SHIFT", u64::from(DETAIL_SHIFT)),
            ("MAX_ERRNO_DETAIL", u64::from(MAX_ERRNO_DETAIL)),
            ("DETAIL_OCTAVE", u64::from(DETAIL_OCTAVE)),
            ("INDEX_SYSCALL", u64::from(INDEX_SYSCALL)),
            ("SYSCALL_NUMBERS", u64::from(SYSCALL_NUMBERS)),
            ("OTHER_SYSCALL", u64::from(OTHER_SYSCALL)),
            ("INDEX_FILE", u64::from(INDEX_FILE)),
            ("INDEX_NETWORK", u64::from(INDEX_NETWORK)),
            ("INDEX_CONNECTION", u64::from(INDEX_CONNECTION)),
            ("INDEX_CONNECT_FAILURE", u64::from(INDEX_CONNECT_FAILURE)),
            ("INDEX_RETRANSMIT", u64::from(INDEX_RETRANSMIT)),
            ("INDEX_RTT", u64::from(INDEX_RTT)),
            ("INDEX_CONNECTION_END", u64::from(INDEX_CONNECTION_END)),
            ("INDEX_OOM_KILL", u64::from(INDEX_OOM_KILL)),
            ("INDEX_RUNQUEUE", u64::from(INDEX_RUNQUEUE)),
            ("INDEX_TRANSITION", u64::from(INDEX_TRANSITION)),
            ("INDEX_END", u64::from(INDEX_END)),
            ("IDENTITY_SLOT_MASK", IDENTITY_SLOT_MASK),
            ("LIFE_TGID_BITS", u64::from(LIFE_TGID_BITS)),
            ("LIFE_TGID_MASK", LIFE_TGID_MASK),
            ("LIFE_TIME_SHIFT", u64::from(LIFE_TIME_SHIFT)),
            ("OVERFLOW_LIFE", OVERFLOW_LIFE),
            ("UNATTRIBUTED_LIFE", UNATTRIBUTED_LIFE),
            ("CALL_SIGRETURN", u64::from(CALL_SIGRETURN)),
            ("CALL_BIRTH", u64::from(CALL_BIRTH)),
            ("CALL_ACCEPT", u64::from(CALL_ACCEPT)),
            ("CALL_SPLICE", u64::from(CALL_SPLICE)),
            ("CALL_RENAME", u64::from(CALL_RENAME)),
            ("LOSS_REASONS", LOSS_REASONS.len() as u64),
            ("COLLECTORS", COLLECTORS as u64),
            ("PROGRAMS", PROGRAM_LEDGERS as u64),
            ("PROGRAM_EXIT_AGAIN + 1", PROGRAMS.len() as u64),
        ];
        let text: String =
            constants.map(|(name, value)| format!("_Static_assert({name} == {value}, \"{name}\");\n")).concat();
        assert!(compiles(&text));
    }
}
