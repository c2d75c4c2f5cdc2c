//! What the tests of the whole agent share: the agent itself, workloads that know what they did, a real OTLP
//! sink and a reader of the page. Everything has ports and pins of its own and ends with its test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod agent;
pub(crate) mod backend;
pub(crate) mod doctor;
pub(crate) mod measure;
pub(crate) mod net;
pub(crate) mod page;
pub(crate) mod process_one;
pub(crate) mod sink;
pub(crate) mod trace;
pub(crate) mod workload;

use std::time::{Duration, Instant};

/// How many times slower than an ordinary machine this one is, such as one that is emulated: `TFO_SLOW`, or 1.
pub(crate) fn slow() -> u32 {
    std::env::var("TFO_SLOW").map_or(1, |times| times.parse().expect("TFO_SLOW is a whole number"))
}

/// How long to wait for what takes `seconds` at most where nothing else runs: a minute at least, since a machine may be
/// emulated, or busy with other things.
pub(crate) fn patience(seconds: u64) -> Duration {
    Duration::from_secs(seconds.max(60))
}

/// Asks `question` until it has an answer; panics with `what` after `seconds`, see [`patience`].
pub(crate) fn eventually<T>(what: &str, seconds: u64, mut question: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience(seconds);
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {:?}", patience(seconds));
        std::thread::sleep(Duration::from_millis(50));
    }
}
