//! Who wants to know of a process: judged once per process and change of its facts, and told to the kernel as one word.

use std::mem::offset_of;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use component::Predicate;
use pdata::Process;

use crate::collectors::Collector;
use crate::kernel::{COLLECTORS, Page, ProcessRow};

/// The predicates of all readers, in the order of their ids; `None` wants everything.
#[derive(Debug, Default)]
pub(crate) struct Judges {
    readers: Vec<Option<Arc<Predicate>>>,
    /// By collector: bits of its readers.
    collectors: [u64; COLLECTORS],
    push_down: bool,
}

impl Judges {
    pub(crate) fn new(
        collectors: &[&'static Collector],
        predicates: &[Option<Arc<Predicate>>],
        push_down: bool,
    ) -> Self {
        let mut judges = Self { readers: predicates.to_vec(), push_down, ..Self::default() };
        for (reader, collector) in collectors.iter().enumerate() {
            judges.collectors[collector.number] |= bit(reader);
        }
        judges
    }

    /// Whether the kernel is to look at verdicts at all: some collector has none but filtered readers.
    pub(crate) fn filter_in_kernel(&self) -> bool {
        self.push_down && self.kernel_bits(self.every()) != 0
    }

    pub(crate) fn read_cgroups(&self) -> bool {
        self.readers.iter().flatten().any(|predicate| predicate.reads_cgroup())
    }

    /// One bit per reader that has no use for `process`. A predicate that several readers share is asked once.
    pub(crate) fn deny(&self, process: &Process) -> u64 {
        let mut asked: Vec<(&Arc<Predicate>, bool)> = Vec::new();
        let mut denied = 0;
        for (reader, predicate) in self.readers.iter().enumerate() {
            let Some(predicate) = predicate else { continue };
            let known = asked.iter().find(|(other, _)| Arc::ptr_eq(other, predicate)).map(|(_, admits)| *admits);
            let admits = known.unwrap_or_else(|| predicate.admits(process));
            asked.push((predicate, admits));
            denied |= if admits { 0 } else { bit(reader) };
        }
        denied
    }

    /// Writes the verdict on the name number `sequence` of the process in `slot`. The kernel takes it for void as
    /// soon as there is another name, so this needs no lock.
    pub(super) fn tell_kernel(&self, page: &Page, slot: usize, sequence: u32, denied: u64) {
        if self.push_down {
            let verdict = u64::from(sequence) << 32 | self.kernel_bits(denied);
            page.rows.at(slot, offset_of!(ProcessRow, verdict)).store(verdict, Ordering::Release);
        }
    }

    /// One bit per collector all of whose readers are among `denied`.
    fn kernel_bits(&self, denied: u64) -> u64 {
        let all = |readers: u64| readers != 0 && readers & denied == readers;
        (0..COLLECTORS).filter(|number| all(self.collectors[*number])).fold(0, |bits, number| bits | 1 << number)
    }

    /// Bits of the readers that deny anything.
    fn every(&self) -> u64 {
        let filtered = self.readers.iter().enumerate().filter(|(_, predicate)| predicate.is_some());
        filtered.fold(0, |bits, (reader, _)| bits | bit(reader))
    }
}

/// The bit of reader number `reader`.
pub(crate) fn bit(reader: usize) -> u64 {
    1 << (reader % 64)
}
