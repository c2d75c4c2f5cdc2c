//! What is older than the programs: read from /proc once, while those that see births and ends are attached already.
//!
//! To put an entry in that is not there yet, or to take one away, succeeds for one of several; whoever it succeeds for
//! counts the thread. So a thread that ends while it is being read is neither forgotten nor kept.

use super::super::abi::{LIFE_TGID_BITS, LIFE_TIME_SHIFT, LifeEntry, OVERFLOW_LIFE, ThreadEntry};
use super::super::system::monotonic_now;
use super::Mirror;
use super::lives::is_process;
use super::proc::{self, Process};

/// `BPF_NOEXIST`.
const NOT_THERE_YET: u64 = 1;
/// Nothing pending, see threads.h.
const NO_SYSCALL: i32 = -1;

impl Mirror {
    /// Puts every thread that lives into the hashes.
    pub(in crate::kernel) fn seed(&mut self) {
        if !proc::is_of_all_processes() {
            tracing::warn!(
                "ebpf: /proc is of another PID namespace than the kernel counts in; threads from before the attach are \
                 found when they are first seen (run the agent in the host's PID namespace)"
            );
            return;
        }
        for pid in proc::processes() {
            if let Some(process) = Process::read(pid) {
                let life = self.seed_process(&process);
                proc::threads(pid).for_each(|thread| self.seed_thread(thread, life));
            }
        }
    }

    /// The life of a process: ours, or the one that a program has opened meanwhile; the overflow where there is no room.
    fn seed_process(&mut self, process: &Process) -> u64 {
        let born = monotonic_now();
        let life = born >> LIFE_TIME_SHIFT << LIFE_TGID_BITS | u64::from(process.pid);
        let entry = LifeEntry { born, uid: process.uid, comm: process.comm, ..LifeEntry::default() };
        let opened = self.processes.insert(life, entry, NOT_THERE_YET).is_ok();
        let life = if opened && self.lives.insert(process.pid, life, NOT_THERE_YET).is_ok() {
            life
        } else {
            if opened {
                let _ = self.processes.remove(&life);
            }
            let Ok(life) = self.lives.get(&process.pid, 0) else {
                self.overflow.count_process();
                return OVERFLOW_LIFE;
            };
            life
        };
        let known = self.known.entry(life).or_default();
        (known.comm, known.start_boottime) = (Some(process.comm), process.start_boottime.max(1));
        life
    }

    fn seed_thread(&mut self, thread: u32, life: u64) {
        let entry = ThreadEntry { life, syscall: NO_SYSCALL, ..ThreadEntry::default() };
        if self.threads.insert(thread, entry, NOT_THERE_YET).is_ok() {
            self.count(life, 1);
        }
    }

    /// Takes away the threads that ended before somebody was there to see it.
    pub(in crate::kernel) fn weed(&mut self) {
        for (thread, entry) in self.threads() {
            if !proc::is_alive(thread) && self.threads.remove(&thread).is_ok() {
                self.count(entry.life, -1);
            }
        }
    }

    fn count(&mut self, life: u64, threads: i32) {
        if is_process(life) {
            self.known.entry(life).or_default().found += threads;
        }
    }
}
