//! The request to stop as exporters see it: with the moment at which all must have ended.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Follows the request to stop.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<Option<Instant>>);

impl Stop {
    pub(super) fn new(deadline: watch::Receiver<Option<Instant>>) -> Self {
        Self(deadline)
    }

    pub(super) fn is_requested(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// What is left until all must have ended, once stopping is requested.
    pub(super) fn remaining(&self) -> Option<Duration> {
        self.0.borrow().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Returns once stopping is requested. Safe to drop and call again.
    pub(super) async fn requested(&mut self) {
        // An error means that the service is gone, which is a request too.
        let _ = self.0.wait_for(Option::is_some).await;
    }

    /// Returns once the deadline has passed.
    pub(super) async fn expired(&mut self) {
        let deadline = self.0.wait_for(Option::is_some).await.ok().and_then(|deadline| *deadline);
        if let Some(deadline) = deadline {
            sleep_until(deadline).await;
        }
    }
}
