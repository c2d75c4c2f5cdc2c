//! Who a stream is about: one process, between two changes of its name.

use std::sync::Arc;

/// What is known of the process behind a stream.
///
/// Only `pid` and `comm` leave the agent as attributes; the rest is there for
/// filters to judge by. A process that changes its name becomes a new value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    /// Thread-group id, as the initial PID namespace counts.
    pub pid: u32,
    /// Start of the process, nanoseconds since boot; with `pid` it is unique.
    pub start_boottime: u64,
    /// Name of the thread-group leader, as `/proc/PID/comm` shows it.
    pub comm: Arc<str>,
    /// Real user id, when it was last looked at (first sight or exec).
    pub uid: u32,
    /// Path in the cgroup v2 hierarchy, as in `/proc/PID/cgroup`; `None` where unknown.
    pub cgroup: Option<Arc<str>>,
    /// Whether it is this agent itself, as the kernel sees it from any PID namespace.
    pub is_agent: bool,
}
