//! Keeps over a restart what a far side has acknowledged.

use component::{ComponentId, SharedStorage};
use pdata::Differences;
use tracing::{error, warn};

/// Where the state of one exporter is kept.
pub(super) struct Keeper {
    storage: SharedStorage,
    key: String,
    /// Whether the last attempt failed: one line says so, one that it is over.
    failing: bool,
}

impl Keeper {
    pub(super) fn new(storage: SharedStorage, id: &ComponentId) -> Self {
        Self { storage, key: format!("exporter/{id}"), failing: false }
    }

    /// Goes on from what the last agent kept. What cannot be read is as if it were not there.
    pub(super) async fn restore(&self, differences: &mut Differences) {
        let (storage, key) = (self.storage.clone(), self.key.clone());
        match tokio::task::spawn_blocking(move || storage.0.load(&key)).await {
            Ok(Ok(Some(saved))) if differences.restore(&saved) => {}
            Ok(Ok(Some(_))) => warn!("stored state of the exporter is of another version, and not used"),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => warn!(error, "stored state of the exporter cannot be read, and is not used"),
            Err(error) => error!(%error, "stored state of the exporter cannot be read, and is not used"),
        }
    }

    /// Keeps `state`; says no where that failed. The exporter goes on either way.
    pub(super) async fn save(&mut self, state: Vec<u8>) -> bool {
        let (storage, key) = (self.storage.clone(), self.key.clone());
        let saved = tokio::task::spawn_blocking(move || storage.0.save(&key, &state)).await;
        let failure = match saved {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(error) => Some(error.to_string()),
        };
        match (&failure, self.failing) {
            (Some(error), false) => {
                warn!(
                    error,
                    "state of the exporter cannot be stored: what is sent from now on may be sent again after a crash"
                );
            }
            (None, true) => warn!("state of the exporter is stored again"),
            _ => {}
        }
        self.failing = failure.is_some();
        failure.is_none()
    }
}
