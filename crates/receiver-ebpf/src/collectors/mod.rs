//! The sub-collectors. Each is a file here, a handler in `ebpf/collectors/`, a line in
//! [`ALL`] and its metrics in the catalog.

mod fileio;
mod memory;
mod network;
mod scheduler;
mod slots;
mod streams;
mod syscalls;
mod tcpstate;

use component::ReceiverFactory;
use component::config::Section;
use pdata::Metrics;

use crate::host::Source;
use crate::kernel::{Hook, Ladder};

/// Every sub-collector.
pub(crate) static ALL: &[&Collector] = &[
    &syscalls::COLLECTOR,
    &network::COLLECTOR,
    &fileio::COLLECTOR,
    &scheduler::COLLECTOR,
    &memory::COLLECTOR,
    &tcpstate::COLLECTOR,
];

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
    /// Its place in `enum collector`.
    pub(crate) number: usize,
    /// Its receiver.
    pub(crate) factory: ReceiverFactory,
    /// Its setting in the object, such as `collect_scheduler`.
    pub(crate) setting: &'static str,
    /// The setting that has it keep histograms, where it has any.
    pub(crate) histograms: Option<&'static str>,
    pub(crate) ladder: Ladder,
    /// Reads the keys that it alone has, and says how to make the reader of one receiver.
    pub(crate) reader: fn(&mut Section<'_>) -> MakeReader,
}

/// Makes the reader of one receiver.
pub(crate) type MakeReader = Box<dyn Fn() -> Box<dyn Reader> + Send + Sync>;

/// Turns what is in the maps into metrics; remembers streams between reads.
pub(crate) trait Reader: Send {
    /// The totals now.
    fn read(&mut self, source: &mut Source<'_>) -> Metrics;

    /// What of its configuration its streams depend on, as a number; two with the same can follow each other.
    fn settings(&self) -> u64 {
        0
    }
}

/// A call between the two attachments returns without an entry, which counts; the other way round it would be lost.
const CALLS: &[Hook] = &[Hook::tp_btf("tfo_sys_exit", "sys_exit"), Hook::tp_btf("tfo_sys_enter", "sys_enter")];

/// The same without BTF.
const RAW_CALLS: &[Hook] = &[
    Hook::tracepoint("tfo_sys_exit", "raw_syscalls", "sys_exit"),
    Hook::tracepoint("tfo_sys_enter", "raw_syscalls", "sys_enter"),
];

/// TCP transitions without BTF; before 4.16 under another name. The last one says what is missing where neither is.
const STATE_EVENTS: [Hook; 2] = [
    Hook::tracepoint("tfo_tcp_state", "tcp", "tcp_set_state"),
    Hook::tracepoint("tfo_tcp_state", "sock", "inet_sock_set_state"),
];
