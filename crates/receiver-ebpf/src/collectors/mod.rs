//! The sub-collectors. Each is a file here, a handler in `ebpf/collectors/`, a line in
//! [`ALL`] and its metrics in the catalog.

mod scheduler;
mod syscalls;

use component::ReceiverFactory;
use pdata::Metric;

use crate::host::{Admission, Source};
use crate::kernel::Hook;

/// Every sub-collector.
pub(crate) static ALL: &[&Collector] = &[&syscalls::COLLECTOR, &scheduler::COLLECTOR];

/// The receiver factories of all sub-collectors.
pub static RECEIVERS: [&ReceiverFactory; ALL.len()] = {
    let mut factories = [&ALL[0].factory; ALL.len()];
    let mut index = 1;
    while index < factories.len() {
        factories[index] = &ALL[index].factory;
        index += 1;
    }
    factories
};

/// A sub-collector: how it is called, what it hooks, how it is read.
pub(crate) struct Collector {
    /// As in messages, such as `scheduler`.
    pub(crate) name: &'static str,
    /// Its receiver.
    pub(crate) factory: ReceiverFactory,
    /// Its setting in the object, such as `collect_scheduler`.
    pub(crate) setting: &'static str,
    /// Hooks beyond those that all share, in the order of attaching.
    pub(crate) hooks: &'static [Hook],
    /// Makes the reader of one receiver.
    pub(crate) reader: fn(Admission) -> Box<dyn Reader>,
}

/// Turns what is in the maps into metrics; remembers streams between reads.
pub(crate) trait Reader: Send {
    /// The totals now.
    fn read(&mut self, source: &mut Source<'_>) -> Vec<Metric>;
}
