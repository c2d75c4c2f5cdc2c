//! Changes of TCP states that happened while process 1 was running, by the kernel's own trace.
//!
//! There are machines whose kernel runs no BPF program at all on behalf of process 1 (bpftrace shows nothing of it
//! either). An interrupt may stop it as it may any task; what a timer or a packet does then is for nobody to count.
//! Where the kernel does run them, as nearly all do, the agent counts these too: a test takes both for an answer.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Follows changes of states from here on; what it sees may be of anybody's sockets.
pub(crate) struct ProcessOne {
    /// A trace buffer of its own; `None` where the kernel has none to give.
    instance: Option<PathBuf>,
}

impl ProcessOne {
    /// All of them.
    pub(crate) fn transitions() -> Self {
        Self::watch("transitions", "newstate > 0")
    }

    /// Connection attempts to `port` that are given up: from `SYN_SENT` (2) to `CLOSE` (7) of include/net/tcp_states.h.
    pub(crate) fn attempts_given_up(port: u64) -> Self {
        Self::watch(&port.to_string(), &format!("oldstate == 2 && newstate == 7 && dport == {port}"))
    }

    fn watch(name: &str, which: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let instances = Path::new("/sys/kernel/tracing/instances");
        let instance = instances.join(format!("tfo-{}-{number}-{name}", std::process::id()));
        let event = instance.join("events/sock/inet_sock_set_state");
        let threads: Vec<String> = fs::read_dir("/proc/1/task")
            .unwrap()
            .map(|thread| format!("common_pid == {}", thread.unwrap().file_name().display()))
            .collect();
        if fs::create_dir(&instance).is_err() {
            return Self { instance: None };
        }
        let watch = Self { instance: Some(instance) };
        fs::write(event.join("filter"), format!("({}) && {which}", threads.join(" || "))).unwrap();
        fs::write(event.join("enable"), "1").unwrap();
        watch
    }

    /// How many there were.
    pub(crate) fn seen(&self) -> u64 {
        let trace = self.instance.as_ref().and_then(|instance| fs::read_to_string(instance.join("trace")).ok());
        trace.iter().flat_map(|trace| trace.lines()).filter(|line| !line.starts_with('#')).count() as u64
    }

    /// Whether `seen` is all that was made, or is short of it by no more than there were of these.
    pub(crate) fn explains(&self, seen: &BTreeMap<String, f64>, made: &BTreeMap<String, f64>) -> bool {
        let lost = self.seen() as f64;
        let is_whole = |(name, made): (&String, &f64)| {
            (made - lost..=*made).contains(&seen.get(name).copied().unwrap_or_default())
        };
        seen.keys().all(|name| made.contains_key(name)) && made.iter().all(is_whole)
    }

    /// What of `number` is there to count.
    pub(crate) fn countable(&self, number: u64) -> RangeInclusive<u64> {
        number.saturating_sub(self.seen())..=number
    }
}

impl Drop for ProcessOne {
    fn drop(&mut self) {
        if let Some(instance) = &self.instance {
            let _ = fs::write(instance.join("events/sock/inet_sock_set_state/enable"), "0");
            let _ = fs::remove_dir(instance);
        }
    }
}
