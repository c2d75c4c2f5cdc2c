//! The eBPF receivers: one component type per sub-collector, one shared host.
//!
//! `ebpf/` counts in the kernel; `kernel` loads that and maps its memory;
//! `host` knows whose slot is whose; `collectors` turn counters into metrics;
//! `receiver` sends them every interval.

mod calls;
mod catalog;
mod collectors;
mod extension;
mod host;
mod kernel;
mod probe;
mod receiver;
mod resource;
mod trouble;

pub use catalog::all as catalog;
pub use collectors::RECEIVERS;
pub use extension::{DEFAULT_PIN_PATH, EXTENSION_FACTORY};
pub use kernel::{
    PinPath, btf, capabilities, kernel_series, lockdown, locked_memory, look_at_pin_path, perf_events, tracefs,
    unpin_abandoned,
};
pub use probe::{Fate, Probe, Tried};
pub use trouble::Trouble;
