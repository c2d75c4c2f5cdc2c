//! How large the mapped arrays are: computed before loading, held under `max_map_memory`.

use crate::kernel::{BUCKET_WAYS, Bucket, CELL_INDICES, Cell, ProcessRow, SlotCounters};

/// Numbers of entries, and what they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizing {
    /// Copies of every counter; a power of two.
    pub(crate) stripes: u32,
    /// Fewer stripes than possible CPUs: adds are atomic.
    pub(crate) stripes_shared: bool,
    /// Process slots, the overflow slot included.
    pub(crate) slots: u32,
    /// Buckets of the key table; a power of two.
    pub(crate) buckets: u32,
    /// Cells of one stripe, the overflow cells included.
    pub(crate) cells: u32,
}

/// Keys a process has room for on average. A process has some 20 different syscalls, but most of
/// `max_processes` are slots of processes that have exited, or kernel threads that make no calls.
const CELLS_PER_PROCESS: u32 = 3;

/// `max_processes` beyond which a key has no bits for the slot.
pub(crate) const MOST_PROCESSES: u32 = 1_000_000;

impl Sizing {
    /// The sizes for `max_processes` on `cpus` possible CPUs within `limit` bytes; stripes are given up first.
    ///
    /// # Errors
    /// The smallest sizes and the bytes that they need, where even one stripe is too large.
    pub(crate) fn new(max_processes: u32, cpus: u32, limit: u64) -> Result<Self, (Self, u64)> {
        let buckets = (max_processes * CELLS_PER_PROCESS / BUCKET_WAYS).next_power_of_two();
        let mut sizing = Self {
            stripes: cpus.next_power_of_two(),
            stripes_shared: false,
            slots: max_processes + 1,
            buckets,
            cells: CELL_INDICES + buckets * BUCKET_WAYS,
        };
        while sizing.bytes() > limit && sizing.stripes > 1 {
            sizing.stripes /= 2;
        }
        sizing.stripes_shared = sizing.stripes < cpus;
        if sizing.bytes() > limit { Err((sizing, sizing.bytes())) } else { Ok(sizing) }
    }

    /// Memory of all arrays, in bytes, up to a page each.
    pub(crate) fn bytes(&self) -> u64 {
        let array = |entries: u32, size: usize| u64::from(entries) * size as u64;
        let stripe = array(self.slots, size_of::<SlotCounters>()) + array(self.cells, size_of::<Cell>());
        array(self.slots, size_of::<ProcessRow>())
            + array(self.slots.next_power_of_two(), size_of::<u64>())
            + array(self.buckets, size_of::<Bucket>())
            + stripe * u64::from(self.stripes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_defaults_stay_under_5_mib_on_two_cpus() {
        let sizing = Sizing::new(10_240, 2, 32 * MIB).unwrap();
        assert!(!sizing.stripes_shared);
        assert!(sizing.bytes() < 5 * MIB, "{}", sizing.bytes());
        assert_eq!(sizing.cells - CELL_INDICES, 32_768);
    }

    #[test]
    fn many_cpus_share_stripes_instead_of_breaking_the_limit() {
        for cpus in [8, 64, 100, 512] {
            let sizing = Sizing::new(10_240, cpus, 32 * MIB).unwrap();
            assert!(sizing.bytes() <= 32 * MIB);
            assert_eq!(sizing.stripes_shared, sizing.stripes < cpus, "{sizing:?}");
        }
        assert!(Sizing::new(10_240, 64, 32 * MIB).unwrap().stripes_shared);
    }

    #[test]
    fn a_limit_that_cannot_hold_says_what_is_needed() {
        assert!(Sizing::new(10_240, 2, MIB).unwrap_err().1 > MIB);
    }
}
