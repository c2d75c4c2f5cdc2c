//! The kernel's side of the host: the only place that touches aya and `unsafe`.
//!
//! [`load`](load::load) turns a [`Sizing`] into attached programs and mapped
//! arrays; from then on an event is counted without us and a read is a walk
//! over memory.
#![allow(unsafe_code, reason = "the one place where it is allowed; each block says why it is sound")]

mod abi;
mod attach;
mod casts;
#[cfg(test)]
mod elf;
mod events;
mod grow;
mod hash;
mod helper;
#[cfg(test)]
mod histogram;
mod hooks;
mod iterator;
mod layout;
mod load;
mod mapped;
mod mirror;
mod pages;
mod pin;
mod privileges;
mod requirements;
mod system;
mod tiers;
mod tracefs;
mod tracepoints;
mod unpin;
#[cfg(test)]
mod verifier_4_15;

pub(crate) use abi::*;
pub(crate) use attach::{Attached, Outcome};
pub(crate) use aya::programs::perf_event::SoftwareEvent;
pub(crate) use grow::{overflow_bytes, page_bytes, socket_page_bytes};
pub use helper::{HELPER_COMMAND, serve as serve_helper};
pub(crate) use hooks::{Hook, Ladder, Rung};
pub(crate) use load::{Kernel, Options, Setting};
pub(crate) use mirror::{bytes as mirror_bytes, cells as mirror_cells};
pub(crate) use pages::{Page, candidates, sum, sum_slots};
pub use pin::{PinPath, look_at_pin_path};
pub use privileges::{capabilities, lockdown, locked_memory, perf_events};
pub(crate) use requirements::LoadError;
pub use requirements::btf;
pub use system::{Code, kernel_series};
pub(crate) use system::{boottime_now, monotonic_now, possible_cpus, release_memory};
pub(crate) use tiers::{TIERS, Tier, start};
pub use tracefs::tracefs;
pub use unpin::unpin_abandoned;
