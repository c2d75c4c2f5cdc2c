//! The kernel's own trace of changes of TCP states, and of segments that are sent again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Changes of states, as /sys/kernel/tracing/events knows them.
pub(crate) const TRANSITIONS: &str = "sock/inet_sock_set_state";
/// Segments that are sent again, but SYN-ACKs of whom no socket stands for yet.
pub(crate) const RETRANSMITS: &str = "tcp/tcp_retransmit_skb";
/// These.
pub(crate) const SYN_ACKS_AGAIN: &str = "tcp/tcp_retransmit_synack";

/// Follows events from here on, of anybody's sockets.
pub(crate) struct Trace {
    /// A trace buffer of its own; `None` where the kernel has none to give.
    instance: Option<PathBuf>,
}

impl Trace {
    /// Of those of `events` that `filter` takes, in the words of the kernel's Documentation/trace/events.rst.
    pub(crate) fn of(events: &[&str], filter: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let instances = Path::new("/sys/kernel/tracing/instances");
        let instance = instances.join(format!("tfo-{}-{number}", std::process::id()));
        if fs::create_dir(&instance).is_err() {
            return Self { instance: None };
        }
        let trace = Self { instance: Some(instance.clone()) };
        for event in events {
            let event = instance.join("events").join(event);
            fs::write(event.join("filter"), filter).unwrap();
            fs::write(event.join("enable"), "1").unwrap();
        }
        trace
    }

    /// An event a line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let trace = self.instance.as_ref().and_then(|instance| fs::read_to_string(instance.join("trace")).ok());
        let lines = trace.iter().flat_map(|trace| trace.lines());
        lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    /// Seconds that connections stood in `state` into which `pid` had put them, such as `TCP_LAST_ACK` by its close.
    pub(crate) fn seconds_in(&self, state: &str, pid: u64) -> f64 {
        let mut since = BTreeMap::new();
        let mut seconds = 0.0;
        for line in self.lines() {
            let Some((head, change)) = line.split_once(": inet_sock_set_state: ") else { continue };
            let now: f64 = head.rsplit(' ').next().unwrap().parse().unwrap();
            let word = |key: &str| change.split(' ').find_map(|word| word.strip_prefix(key)).unwrap();
            let ports = [word("sport="), word("dport=")].map(str::to_owned);
            if word("newstate=") == state && head.contains(&format!("-{pid} ")) {
                since.insert(ports, now);
            } else if word("oldstate=") == state {
                seconds += since.remove(&ports).map_or(0.0, |since| now - since);
            }
        }
        seconds
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        if let Some(instance) = &self.instance {
            let _ = fs::write(instance.join("events/enable"), "0");
            let _ = fs::remove_dir(instance);
        }
    }
}
