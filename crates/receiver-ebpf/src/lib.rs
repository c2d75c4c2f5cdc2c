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
mod receiver;
mod resource;

pub use catalog::all as catalog;
pub use collectors::RECEIVERS;
pub use extension::{DEFAULT_PIN_PATH, EXTENSION_FACTORY};
pub use kernel::{HELPER_COMMAND, serve_helper, unpin_abandoned};
