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
#[cfg(tfo_kernel)]
mod kernel;
#[cfg(not(tfo_kernel))]
#[path = "elsewhere.rs"]
mod kernel;
mod probe;
mod receiver;
mod resource;
mod trouble;

pub use catalog::all as catalog;
pub use collectors::RECEIVERS;
pub use extension::{DEFAULT_PIN_PATH, EXTENSION_FACTORY};
pub use kernel::{
    Code, HELPER_COMMAND, PinPath, btf, capabilities, kernel_series, lockdown, locked_memory, look_at_pin_path,
    perf_events, serve_helper, tracefs, unpin_abandoned,
};
pub use probe::{Fate, Probe, Tried};
pub use trouble::Trouble;

/// Whether there is a kernel to load programs into: this is Linux, and they were compiled.
pub const HAS_KERNEL: bool = cfg!(tfo_kernel);

/// What is said where there is none.
pub const NOT_LINUX: &str = "eBPF collector: not running on Linux, metrics will be empty";
