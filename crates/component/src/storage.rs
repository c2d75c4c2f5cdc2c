//! What outlives the agent: values by key, kept by an extension.

use std::fmt;
use std::sync::Arc;

/// Keeps values over a restart. Calls block, so they belong on a thread of their own.
pub trait Storage: Send + Sync {
    /// What was saved last under `key`; of what is damaged nothing, and it is set aside.
    ///
    /// # Errors
    /// A text for people, where it cannot be told whether there is something.
    fn load(&self, key: &str) -> Result<Option<Vec<u8>>, String>;

    /// Keeps `value` in place of what was there: after a crash there is the one or the other, whole.
    ///
    /// # Errors
    /// A text for people; what was there before is there then.
    fn save(&self, key: &str, value: &[u8]) -> Result<(), String>;
}

/// A storage as an extension shares it.
#[derive(Clone)]
pub struct SharedStorage(pub Arc<dyn Storage>);

impl fmt::Debug for SharedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedStorage")
    }
}
