//! How large the maps are and may become: computed before loading, held under `max_map_memory`.

use crate::kernel::{
    Control, CpuRecord, MOST_SOCKET_PAGES, PAGE_SLOTS, mirror_bytes, mirror_cells, overflow_bytes, page_bytes,
    socket_page_bytes,
};

/// Numbers of entries, and what they come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sizing {
    /// Processes with a slot of their own.
    pub(crate) max_processes: u32,
    /// CPUs that there may ever be.
    pub(crate) cpus: u32,
    /// Copies of every counter, at most; a power of two.
    pub(crate) stripes: u32,
    /// By page: how many copies of its counters it will have.
    pub(crate) pages: Vec<u32>,
    /// Pages of the table of sockets, at most.
    pub(crate) socket_pages: u32,
    /// Most memory of all, in bytes.
    limit: u64,
}

/// Beyond this many copies CPUs rarely meet; a copy of a page takes more than a MiB.
const MOST_STRIPES: u32 = 16;

/// Pages of sockets that come before copies of counters: 32,768 connections.
const SOCKET_PAGES_FIRST: u32 = 4;

/// Below this many there are too few for what any machine does; with a limit as low as that it is not held.
const FEWEST_CELLS: u32 = 1024;

/// `max_processes` beyond which a key has no bits for the slot.
pub(crate) const MOST_PROCESSES: u32 = 1_000_000;

impl Sizing {
    /// The sizes for `max_processes` on `cpus` possible CPUs within `limit` bytes; copies of the counters are given up
    /// first, those of later pages before those of earlier ones.
    ///
    /// # Errors
    /// The smallest sizes and the bytes that they need, where even one copy a page is too much.
    pub(crate) fn new(max_processes: u32, cpus: u32, limit: u64) -> Result<Self, (Self, u64)> {
        let pages = max_processes.div_ceil(PAGE_SLOTS).max(1) as usize;
        let mut stripes = cpus.next_power_of_two().min(MOST_STRIPES);
        let smallest = |stripes| {
            let pages = vec![1; pages];
            Self { max_processes, cpus, stripes, pages, socket_pages: 1, limit }
        };
        while smallest(stripes).most_bytes() > limit {
            if stripes == 1 {
                let smallest = smallest(1);
                let needed = smallest.most_bytes();
                return Err((smallest, needed));
            }
            stripes /= 2;
        }
        let mut sizing = smallest(stripes);
        // Some for sockets before all copies.
        while sizing.socket_pages < SOCKET_PAGES_FIRST && sizing.most_bytes() + socket_page_bytes() <= limit {
            sizing.socket_pages += 1;
        }
        for page in 0..pages {
            sizing.pages[page] = stripes;
            while sizing.most_bytes() > limit && sizing.pages[page] > 1 {
                sizing.pages[page] /= 2;
            }
        }
        while sizing.socket_pages < MOST_SOCKET_PAGES && sizing.most_bytes() + socket_page_bytes() <= limit {
            sizing.socket_pages += 1;
        }
        Ok(sizing)
    }

    /// Entries of the ring of free slots.
    pub(crate) fn ring(&self) -> u32 {
        self.max_processes.next_power_of_two()
    }

    /// Cells of the kernel where it counts in hashes: what the hashes by process and pages with one copy leave.
    pub(crate) fn mirror_cells(&self) -> u32 {
        let pages = u32::try_from(self.pages.len()).unwrap_or(u32::MAX);
        mirror_cells(pages, self.limit.saturating_sub(self.mirrored_bytes_with(0))).max(FEWEST_CELLS)
    }

    /// Memory there, once every page is there, in bytes.
    pub(crate) fn mirrored_bytes(&self) -> u64 {
        self.mirrored_bytes_with(self.mirror_cells())
    }

    fn mirrored_bytes_with(&self, cells: u32) -> u64 {
        let single = Self { stripes: 1, pages: vec![1; self.pages.len()], socket_pages: 0, ..self.clone() };
        single.most_bytes() + mirror_bytes(self.ring(), cells, self.cpus)
    }

    /// Memory of all arrays once every page is there, in bytes.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.bytes_with(self.pages.len(), self.socket_pages)
    }

    /// Memory of all arrays with the first `pages` pages of processes and `sockets` of sockets, in bytes.
    pub(crate) fn bytes_with(&self, pages: usize, sockets: u32) -> u64 {
        let array = |entries: usize, size: usize| (entries * size).next_multiple_of(4096);
        let fixed = array(1, size_of::<Control>())
            + array(self.ring() as usize, size_of::<u64>())
            + array(self.cpus as usize, size_of::<CpuRecord>())
            + overflow_bytes(self.stripes as usize);
        let pages: usize = self.pages.iter().take(pages).map(|stripes| page_bytes(*stripes as usize)).sum();
        (fixed + pages) as u64 + u64::from(sockets) * socket_page_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn three_hundred_processes_take_less_than_4_mib_on_two_cpus() {
        let sizing = Sizing::new(10_240, 2, 32 * MIB).unwrap();
        assert_eq!(sizing.pages, [2; 10]);
        // With three slots of four in use there is a second page.
        assert!(sizing.bytes_with(1, 1) < 4 * MIB, "{}", sizing.bytes_with(1, 1));
    }

    #[test]
    fn the_limit_holds_on_any_number_of_cpus() {
        for cpus in [1, 2, 3, 8, 64, 100, 512] {
            for processes in [1, 300, 1024, 10_240] {
                let sizing = Sizing::new(processes, cpus, 32 * MIB).unwrap();
                assert!(sizing.most_bytes() <= 32 * MIB, "{sizing:?}");
                assert!(sizing.pages.iter().all(|stripes| stripes.is_power_of_two() && *stripes <= sizing.stripes));
                println!(
                    "{cpus} CPUs, {processes} processes: {} bytes with one page, {} with all {:?}",
                    sizing.bytes_with(1, 1),
                    sizing.most_bytes(),
                    sizing.pages
                );
            }
        }
    }

    #[test]
    fn later_pages_give_up_their_copies_first() {
        let sizing = Sizing::new(10_240, 64, 32 * MIB).unwrap();
        assert!(sizing.pages[0] >= 8, "{sizing:?}");
        assert!(sizing.pages.is_sorted_by(|a, b| a >= b), "{sizing:?}");
        assert_eq!(sizing.pages[9], 1);
    }

    #[test]
    fn the_limit_holds_where_counting_is_in_hashes_too() {
        for (cpus, processes) in [(1, 300), (2, 10_240), (64, 10_240)] {
            let sizing = Sizing::new(processes, cpus, 32 * MIB).unwrap();
            assert!(sizing.mirrored_bytes() <= 32 * MIB, "{sizing:?}");
            let each = sizing.mirror_cells() / processes;
            println!("{cpus} CPUs, {processes} processes: {each} cells each, {} bytes", sizing.mirrored_bytes());
            assert!(each >= 4, "{sizing:?}");
        }
    }

    #[test]
    fn a_limit_that_cannot_hold_says_what_is_needed() {
        assert!(Sizing::new(10_240, 2, MIB).unwrap_err().1 > MIB);
    }
}
