//! Attribute keys that come from configuration.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Every key that was asked for so far.
static KEYS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// `key` as attribute sets hold it, for as long as the program runs.
///
/// Configuration names a handful, and one that is read again takes no further memory.
pub(crate) fn of_configuration(key: &str) -> &'static str {
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = keys.get(key) {
        return known;
    }
    let key = key.to_owned().leak();
    keys.insert(key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_once() {
        let key = of_configuration("team");
        assert_eq!(key, "team");
        assert!(std::ptr::eq(key, of_configuration(&String::from("team"))));
    }
}
