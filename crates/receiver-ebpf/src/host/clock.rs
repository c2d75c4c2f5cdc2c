//! Kernel time to wall-clock time.

use std::time::{SystemTime, UNIX_EPOCH};

use pdata::UnixNanos;

use crate::kernel;

/// Wall-clock time that never goes back: a later point of a stream has a later time.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Unix time of CLOCK_MONOTONIC zero, as of the last look at the wall clock.
    offset: UnixNanos,
    last: UnixNanos,
}

impl Clock {
    pub(crate) fn anchored() -> Self {
        let mut clock = Self { offset: 0, last: 0 };
        clock.now();
        clock
    }

    /// Wall-clock time of `monotonic` nanoseconds, at most now.
    pub(crate) fn unix(&self, monotonic: u64) -> UnixNanos {
        self.offset.saturating_add(monotonic).min(self.last)
    }

    /// Wall-clock time now. Anchored anew each time: a suspended machine and a corrected clock both move it.
    pub(crate) fn now(&mut self) -> UnixNanos {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        self.offset = now.saturating_sub(kernel::monotonic_now());
        self.last = now.max(self.last.saturating_add(1));
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_grows_and_what_was_before_is_not_later() {
        let mut clock = Clock::anchored();
        let first = clock.now();
        assert!(clock.unix(kernel::monotonic_now()) <= clock.last);
        assert!(clock.now() > first);
        clock.last = u64::MAX - 1;
        assert_eq!(clock.now(), u64::MAX, "after the wall clock was set back");
    }
}
