//! Tells systemd, where it started us, what we are at: `Type=notify` and its watchdog.
//!
//! The watchdog is fed by the one thread that everything runs on: if that hangs, nothing is sent.

use std::time::Duration;

use runtime::Phase;
use sd_notify::NotifyState;

/// Who started us and wants to know; nobody, mostly.
pub(crate) struct Supervisor {
    /// How long we may be silent.
    patience: Option<Duration>,
}

impl Supervisor {
    /// As `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say.
    pub(crate) fn of_environment() -> Self {
        Self { patience: sd_notify::watchdog_enabled() }
    }

    /// What tells of every phase.
    pub(crate) fn told(&self) -> Box<dyn Fn(Phase) + Send> {
        Box::new(|phase| match phase {
            Phase::Running => tell(&[NotifyState::Ready]),
            Phase::Reloading => {
                let now = NotifyState::monotonic_usec_now().ok();
                tell(&[NotifyState::Reloading].into_iter().chain(now).collect::<Vec<_>>());
            }
            Phase::Stopping => tell(&[NotifyState::Stopping]),
        })
    }

    /// Feeds the watchdog, if there is one, while the runtime turns; to be called inside it.
    pub(crate) fn watch(&self) {
        let Some(patience) = self.patience else { return };
        tokio::spawn(async move {
            loop {
                tell(&[NotifyState::Watchdog]);
                tokio::time::sleep(patience / 2).await;
            }
        });
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the supervisor could not be told");
    }
}
