//! How long to wait before the next attempt.

use std::time::Duration;

use component::RetryConfig;

/// While the service stops there is no time for patience: the deadline ends it.
pub(super) const STOPPING: RetryConfig = RetryConfig {
    enabled: true,
    initial_interval: Duration::from_millis(100),
    max_interval: Duration::from_secs(1),
    max_elapsed_time: Duration::ZERO,
    multiplier: 2.0,
    randomization_factor: 0.0,
};

/// Keeps an interval of zero from becoming a busy loop.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// The waits between the attempts for one batch.
pub(super) struct Backoff {
    config: RetryConfig,
    interval: Duration,
}

impl Backoff {
    pub(super) fn new(config: &RetryConfig) -> Self {
        Self { interval: config.initial_interval, config: config.clone() }
    }

    /// The next wait, at least `after`; `None` where the batch, tried for `elapsed`, is to be given up.
    pub(super) fn next(&mut self, elapsed: Duration, after: Option<Duration>) -> Option<Duration> {
        let RetryConfig { enabled, max_interval, max_elapsed_time, multiplier, randomization_factor, .. } = self.config;
        let interval = self.interval.min(max_interval);
        let jitter = randomization_factor * (2.0 * fastrand::f64() - 1.0);
        // A product may be more than a duration holds.
        let times = |factor| Duration::try_from_secs_f64(interval.as_secs_f64() * factor).unwrap_or(max_interval);
        self.interval = times(multiplier);
        let wait = times(1.0 + jitter).max(after.unwrap_or_default()).max(LEAST_WAIT);
        let in_time = max_elapsed_time.is_zero() || elapsed.saturating_add(wait) <= max_elapsed_time;
        (enabled && in_time).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: RetryConfig = RetryConfig {
        enabled: true,
        initial_interval: Duration::from_secs(4),
        max_interval: Duration::from_secs(10),
        max_elapsed_time: Duration::from_secs(60),
        multiplier: 1.5,
        randomization_factor: 0.5,
    };

    #[test]
    fn waits_grow_to_the_maximum_within_the_bounds_of_jitter() {
        for _ in 0..1000 {
            let mut backoff = Backoff::new(&CONFIG);
            for base in [4.0, 6.0, 9.0, 10.0, 10.0] {
                let wait = backoff.next(Duration::ZERO, None).unwrap().as_secs_f64();
                assert!((base * 0.5..=base * 1.5).contains(&wait), "{wait} around {base}");
            }
        }
    }

    #[test]
    fn the_far_side_may_ask_for_more_but_not_for_less() {
        let next = |after| Backoff::new(&CONFIG).next(Duration::ZERO, Some(Duration::from_secs(after))).unwrap();
        assert_eq!(next(20), Duration::from_secs(20));
        assert!(next(1) >= Duration::from_secs(2));
    }

    #[test]
    fn a_batch_is_given_up_when_the_next_attempt_would_be_too_late() {
        let elapsed = |seconds| Backoff::new(&CONFIG).next(Duration::from_secs(seconds), None);
        assert!(elapsed(50).is_some());
        assert_eq!(elapsed(59), None);
        let forever = RetryConfig { max_elapsed_time: Duration::ZERO, ..CONFIG };
        assert!(Backoff::new(&forever).next(Duration::MAX, None).is_some());
        let never = RetryConfig { enabled: false, ..CONFIG };
        assert_eq!(Backoff::new(&never).next(Duration::ZERO, None), None);
    }
}
