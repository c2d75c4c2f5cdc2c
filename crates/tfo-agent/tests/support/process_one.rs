//! Attempts that were given up while process 1 was running, by the kernel's own trace.
//!
//! There are machines whose kernel runs no BPF program at all on behalf of process 1 (bpftrace shows nothing of it
//! either). A timer may interrupt it; what happens in it then is for nobody to count. Where the kernel does run them, as
//! nearly all do, the agent may count these or not: a test takes both for an answer, and nothing between.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// SYN_SENT and CLOSE, of include/net/tcp_states.h.
const GIVEN_UP: &str = "oldstate == 2 && newstate == 7";

/// Follows connection attempts to one port; what it sees may be of any process.
pub(crate) struct GivenUp {
    /// A trace buffer of its own; `None` where the kernel has none to give.
    instance: Option<PathBuf>,
}

impl GivenUp {
    pub(crate) fn at(port: u64) -> Self {
        let instance = Path::new("/sys/kernel/tracing/instances").join(format!("tfo-{}-{port}", std::process::id()));
        let event = instance.join("events/sock/inet_sock_set_state");
        let begun = fs::create_dir(&instance)
            .and_then(|()| fs::write(event.join("filter"), format!("{GIVEN_UP} && dport == {port}")))
            .and_then(|()| fs::write(event.join("enable"), "1"));
        Self { instance: begun.ok().map(|()| instance) }
    }

    /// What of `number` attempts that were given up so far is there to count.
    pub(crate) fn countable(&self, number: u64) -> RangeInclusive<u64> {
        number - self.in_process_one()..=number
    }

    fn in_process_one(&self) -> u64 {
        let trace = self.instance.as_ref().and_then(|instance| fs::read_to_string(instance.join("trace")).ok());
        let of_one = |line: &&str| {
            // `COMM-TID [CPU] ...`, where the name may have spaces and dashes.
            let thread = line.split(" [").next().and_then(|task| task.rsplit('-').next()).map(str::trim);
            thread.is_some_and(|thread| !thread.is_empty() && Path::new("/proc/1/task").join(thread).exists())
        };
        let lines = trace.iter().flat_map(|trace| trace.lines());
        lines.filter(|line| !line.starts_with('#')).filter(of_one).count() as u64
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(instance) = &self.instance {
            let _ = fs::write(instance.join("events/sock/inet_sock_set_state/enable"), "0");
            let _ = fs::remove_dir(instance);
        }
    }
}
