//! What the tests of the whole agent share: the agent itself, workloads that know what they did, a real OTLP
//! sink and a reader of the page. Everything has ports and pins of its own and ends with its test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod agent;
pub(crate) mod page;
pub(crate) mod sink;
pub(crate) mod workload;

use std::time::{Duration, Instant};

/// Asks `question` until it has an answer; panics with `what` after `seconds`.
pub(crate) fn eventually<T>(what: &str, seconds: u64, mut question: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {seconds} s");
        std::thread::sleep(Duration::from_millis(50));
    }
}
