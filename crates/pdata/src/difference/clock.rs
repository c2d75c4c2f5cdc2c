//! Time as it passes for those who wait for a batch with their streams in it.

use std::time::{Duration, Instant};

/// Nanoseconds of it.
pub(super) type Tick = u64;

/// Goes from batch to batch. Times of points are not asked: whose clock is wrong would make all others old.
#[derive(Debug, Default)]
pub(super) struct Clock {
    pub(super) now: Tick,
    last: Option<Instant>,
    swept: Tick,
}

/// Between two batches no more passes than that, for while one is tried again others wait behind it.
const LONGEST_STEP: Tick = 60_000_000_000;
/// Those who went are looked for so often.
const SWEEP_EVERY: Tick = 60_000_000_000;

impl Clock {
    /// That a batch leaves `at` that time; no two do at once.
    pub(super) fn step(&mut self, at: Instant) {
        let passed = self.last.map_or(Duration::ZERO, |last| at.saturating_duration_since(last));
        self.last = Some(at);
        self.now += u64::try_from(passed.as_nanos()).unwrap_or(LONGEST_STEP).clamp(1, LONGEST_STEP);
    }

    /// Whether it is time to look for those who went, which is then done.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.now - self.swept >= SWEEP_EVERY;
        if due {
            self.swept = self.now;
        }
        due
    }
}
