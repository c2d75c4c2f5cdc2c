//! The kernel's side of the host: the only place that touches aya and `unsafe`.
//!
//! [`load`](load::load) turns a [`Sizing`] into attached programs and mapped
//! arrays; from then on an event is counted without us and a read is a walk
//! over memory.
#![allow(unsafe_code, reason = "the one place where it is allowed; each block says why it is sound")]

mod abi;
mod attach;
mod iterator;
mod load;
mod mapped;
mod pin;
mod privileges;
mod requirements;
mod system;

pub(crate) use abi::{
    BUCKET_WAYS, Bucket, CELL_INDICES, Cell, Control, IDENTITY_GENERATION_SHIFT, IDENTITY_SLOT_MASK,
    IDENTITY_SLOT_SHIFT, LOSS_REASONS, OTHER_SYSCALL, OVERFLOW_SLOT, ProcessRow, SchedulerCounters, SlotCounters,
};
pub(crate) use load::{Hook, Kernel, Options, load};
pub(crate) use mapped::Mapped;
pub use pin::unpin_abandoned;
pub(crate) use requirements::LoadError;
pub(crate) use system::{monotonic_now, possible_cpus, release_memory};
