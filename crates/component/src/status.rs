//! How a component is doing: the Collector's states, and the handle by which they are reported.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// How a component is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Made, and not running yet.
    Starting,
    /// Does what it is for.
    Ok,
    /// Does not at the moment, and tries again.
    RecoverableError(String),
    /// Does not, and will not before somebody changes something.
    PermanentError(String),
    /// Has taken the service down.
    FatalError(String),
    /// Asked to end.
    Stopping,
    /// Has ended.
    Stopped,
}

impl Status {
    /// The Collector's word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Starting => "StatusStarting",
            Self::Ok => "StatusOK",
            Self::RecoverableError(_) => "StatusRecoverableError",
            Self::PermanentError(_) => "StatusPermanentError",
            Self::FatalError(_) => "StatusFatalError",
            Self::Stopping => "StatusStopping",
            Self::Stopped => "StatusStopped",
        }
    }

    /// Why, where it is an error.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::RecoverableError(reason) | Self::PermanentError(reason) | Self::FatalError(reason) => Some(reason),
            Self::Starting | Self::Ok | Self::Stopping | Self::Stopped => None,
        }
    }

    /// Whether data gets through, or will by itself.
    #[must_use]
    pub fn works(&self) -> bool {
        matches!(self, Self::Ok | Self::RecoverableError(_))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.reason().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}

/// By which a component says how it is doing; its copies are one.
#[derive(Debug, Clone)]
pub struct Reporter(Arc<Mutex<(Status, SystemTime)>>);

impl Default for Reporter {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((Status::Starting, SystemTime::now()))))
    }
}

impl Reporter {
    /// Takes `status` for how the component is doing from now on.
    pub fn report(&self, status: Status) {
        let mut last = self.last();
        if last.0 != status {
            *last = (status, SystemTime::now());
        }
    }

    /// That it does what it is for, where nothing else has been said yet.
    pub fn report_started(&self) {
        let mut last = self.last();
        if last.0 == Status::Starting {
            *last = (Status::Ok, SystemTime::now());
        }
    }

    /// What was reported last, and when.
    #[must_use]
    pub fn reported(&self) -> (Status, SystemTime) {
        self.last().clone()
    }

    fn last(&self) -> MutexGuard<'_, (Status, SystemTime)> {
        // Whole whatever panicked meanwhile.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
