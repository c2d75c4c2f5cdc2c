//! What the tests of several files have in common.

use crate::family::Options;
use crate::naming::{Names, Naming};
use crate::translate::Strategy;

/// Pages under names of one kind, and everything else as it is by default.
pub(crate) fn options(naming: Naming) -> Options {
    let strategy = Strategy::UnderscoreEscapingWithSuffixes;
    Options {
        names: Names { naming, strategy, namespace: String::new() },
        const_labels: Vec::new(),
        resource_labels: false,
        send_timestamps: false,
        send_created: false,
    }
}
