//! What TCP did while process 1 was running, by the kernel's own trace: changes of states, segments sent again.
//!
//! There are machines whose kernel runs no BPF program at all on behalf of process 1 (bpftrace shows nothing of it
//! either). An interrupt may stop it as it may any task; what a timer or a packet does then is for nobody to count.
//! Where the kernel does run them, as nearly all do, the agent counts these too: a test takes both for an answer.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;

use super::trace::{RETRANSMITS, SYN_ACKS_AGAIN, TRANSITIONS, Trace};

/// Follows changes of states from here on; what it sees may be of anybody's sockets.
pub(crate) struct ProcessOne(Trace);

impl ProcessOne {
    /// All changes of states.
    pub(crate) fn transitions() -> Self {
        Self::watch(&[TRANSITIONS], "newstate > 0")
    }

    /// All buffers that are sent again.
    pub(crate) fn retransmits() -> Self {
        Self::watch(&[RETRANSMITS, SYN_ACKS_AGAIN], "sport > 0")
    }

    /// Connection attempts to `port` that are given up: from `SYN_SENT` (2) to `CLOSE` (7) of include/net/tcp_states.h.
    pub(crate) fn attempts_given_up(port: u64) -> Self {
        Self::watch(&[TRANSITIONS], &format!("oldstate == 2 && newstate == 7 && dport == {port}"))
    }

    fn watch(events: &[&str], which: &str) -> Self {
        let threads: Vec<String> = fs::read_dir("/proc/1/task")
            .unwrap()
            .map(|thread| format!("common_pid == {}", thread.unwrap().file_name().display()))
            .collect();
        Self(Trace::of(events, &format!("({}) && {which}", threads.join(" || "))))
    }

    /// How many there were.
    pub(crate) fn seen(&self) -> u64 {
        self.0.lines().len() as u64
    }

    /// Whether `seen` is all that was made, or is short of it by no more than there were of these.
    pub(crate) fn explains(&self, seen: &BTreeMap<String, f64>, made: &BTreeMap<String, f64>) -> bool {
        let lost = self.seen() as f64;
        let is_whole = |(name, made): (&String, &f64)| {
            (made - lost..=*made).contains(&seen.get(name).copied().unwrap_or_default())
        };
        seen.keys().all(|name| made.contains_key(name)) && made.iter().all(is_whole)
    }

    /// Whether `seen` is all `segments` that were sent again, or is short by no more than were in the buffers of these.
    pub(crate) fn explains_segments(&self, seen: f64, segments: f64) -> bool {
        // The largest buffer of IP in segments of 1,448 octets.
        const BUFFER: f64 = 46.0;
        (segments - BUFFER * self.seen() as f64..=segments).contains(&seen)
    }

    /// What of `number` is there to count.
    pub(crate) fn countable(&self, number: u64) -> RangeInclusive<u64> {
        number.saturating_sub(self.seen())..=number
    }
}
