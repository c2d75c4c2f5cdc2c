//! Slots as streams: totals that every process has one of.

use std::sync::Arc;

use pdata::{Attributes, Process, UnixNanos};

use crate::host::{Ledger, Source, Totals, owner};
use crate::kernel::RunningRecord;

/// What one process has gathered.
pub(crate) struct Total<T> {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(crate) counters: T,
}

/// What is remembered of the process in each slot.
#[derive(Default)]
pub(crate) struct SlotStreams<T> {
    streams: Vec<SlotStream<T>>,
}

struct SlotStream<T> {
    generation: u32,
    ledger: Ledger<T>,
    sets: Option<(Arc<Process>, Vec<Arc<Attributes>>)>,
}

impl<T: Totals> SlotStream<T> {
    fn of(generation: u32) -> Self {
        Self { generation, ledger: Ledger::default(), sets: None }
    }
}

/// What is to be exported of one process.
pub(crate) struct Numbers<'a, T> {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    /// In the order in which they were made.
    pub(crate) sets: &'a [Arc<Attributes>],
    pub(crate) start: UnixNanos,
    pub(crate) total: T,
    /// Since the last read.
    pub(crate) interval: T,
}

/// Adds what tasks that are on a CPU have gathered since their last switch. To be called after the totals were read:
/// then a task that leaves its CPU in between is counted short, for this read only, and never twice.
pub(crate) fn add_running<T>(source: &mut Source<'_>, totals: &mut [Total<T>], add: impl Fn(&mut T, &RunningRecord)) {
    let running = match source.kernel.running() {
        Ok(running) => running,
        Err(error) => {
            tracing::debug!(%error, "ebpf: running tasks not read, their present slice comes later");
            return;
        }
    };
    for record in running {
        let owner = owner(record.identity);
        if let Ok(position) = totals.binary_search_by_key(&owner, |total| (total.slot, total.generation)) {
            add(&mut totals[position].counters, &record);
        }
    }
}

impl<T: Totals + PartialEq> SlotStreams<T> {
    /// Every process that has a slot, with its counters as `read` finds them.
    pub(crate) fn totals(source: &Source<'_>, read: impl Fn(usize, usize) -> T) -> Vec<Total<T>> {
        let per_page = crate::kernel::PAGE_SLOTS;
        let total = |(slot, entry): (u32, &crate::host::ProcessEntry)| Total {
            slot,
            generation: entry.generation,
            counters: read((slot / per_page) as usize, (slot % per_page) as usize),
        };
        source.processes.iter().map(total).collect()
    }

    /// Calls `visit` for every process with something to export. `most` says what the totals are where they were
    /// larger before: a task that is running may be counted short for a moment, never backwards.
    pub(crate) fn for_each(
        &mut self,
        source: &mut Source<'_>,
        totals: &[Total<T>],
        make_sets: impl Fn(&Arc<Process>) -> Vec<Arc<Attributes>>,
        most: impl Fn(&T, &T) -> T,
        mut visit: impl FnMut(&Numbers<'_, T>),
    ) {
        for Total { slot, generation, counters } in totals {
            let Some(entry) = source.processes.present(source.kernel, *slot, *generation) else { continue };
            let index = *slot as usize;
            if self.streams.len() <= index {
                self.streams.resize_with(index + 1, || SlotStream::of(0));
            }
            let stream = &mut self.streams[index];
            if stream.generation != entry.generation {
                *stream = SlotStream::of(entry.generation);
            }
            if entry.delivered & source.reader != 0 {
                continue;
            }
            let (epoch, last) = stream.ledger.last();
            let total = if epoch == 0 { *counters } else { most(counters, &last) };
            let (total, interval) = stream.ledger.advance(entry.epoch, total);
            let Some(process) = &entry.process else { continue };
            if total == T::default() || entry.denied & source.reader != 0 {
                continue;
            }
            if stream.sets.as_ref().is_none_or(|(of, _)| !Arc::ptr_eq(of, process)) {
                stream.sets = Some((process.clone(), make_sets(process)));
            }
            let sets = stream.sets.as_ref().map_or(&[][..], |(_, sets)| sets);
            visit(&Numbers { slot: *slot, generation: *generation, sets, start: entry.start, total, interval });
            if entry.exited != 0 {
                // These were the final values.
                stream.sets = None;
            }
        }
    }
}
