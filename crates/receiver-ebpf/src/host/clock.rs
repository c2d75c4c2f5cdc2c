//! Kernel time to wall-clock time.

use std::time::{SystemTime, UNIX_EPOCH};

use pdata::UnixNanos;

/// Unix time of CLOCK_MONOTONIC zero, taken once, so that two stamps keep their distance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    offset: UnixNanos,
}

impl Clock {
    pub(crate) fn anchored() -> Self {
        Self { offset: unix_now().saturating_sub(crate::kernel::monotonic_now()) }
    }

    /// Wall-clock time of `monotonic` nanoseconds.
    pub(crate) fn unix(self, monotonic: u64) -> UnixNanos {
        self.offset.saturating_add(monotonic)
    }

    /// Wall-clock time now, on the same scale.
    pub(crate) fn now(self) -> UnixNanos {
        self.unix(crate::kernel::monotonic_now())
    }
}

fn unix_now() -> UnixNanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
