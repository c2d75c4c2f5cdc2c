//! Two network namespaces with a path between them that delays and loses packets as it is told, and the kernel's own
//! books of each. The namespaces have no name and end with the processes in them, however a test ends.

use std::collections::BTreeMap;
use std::process::Command;

use super::workload::{Workload, program};

/// The path; end 1 has the addresses 10.77.0.1 and `fd77::1`, end 2 has 10.77.0.2 and `fd77::2`.
pub(crate) struct Path {
    relay: Workload,
    namespaces: [String; 2],
}

impl Path {
    /// A path that holds every packet for `delay_ms`, carried by a process called `name`.
    pub(crate) fn start(name: &str, delay_ms: u64) -> Self {
        let mut relay = Workload::start(name, "path", &[delay_ms]);
        let line = relay.line();
        let (first, second) = line.split_once(' ').unwrap_or_else(|| panic!("no path: {line:?}"));
        Self { namespaces: [first.to_owned(), second.to_owned()], relay }
    }

    /// Tells the path to lose from now on: `what` of those that come from `end`, by the words of `path.c`.
    pub(crate) fn lose(&mut self, what: &str, end: usize, number: u64) {
        self.relay.tell(&format!("{what} {end} {number}"));
        let answer = self.relay.line();
        assert!(answer.starts_with(what), "{answer}");
    }

    /// `program` in the namespace of `end`.
    pub(crate) fn command(&self, end: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespaces[end - 1])).arg(program);
        command
    }

    /// A workload in the namespace of `end`.
    pub(crate) fn workload(&self, end: usize, name: &str, what: &str, numbers: &[u64]) -> Workload {
        Workload::spawn(self.command(end, program()), name, what, numbers)
    }

    /// A workload in the namespace of `end` that says first that it listens.
    pub(crate) fn listening(&self, end: usize, name: &str, what: &str, numbers: &[u64]) -> Workload {
        let mut workload = self.workload(end, name, what, numbers);
        assert_eq!(workload.line(), "listening");
        workload
    }

    /// How many segments TCP has sent again in the namespace of `end`: data, SYN and SYN-ACK.
    pub(crate) fn retransmits(&self, end: usize) -> f64 {
        let output = self.command(end, "cat").arg("/proc/net/snmp").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut rows = text.lines().filter_map(|line| line.strip_prefix("Tcp: ")).map(str::split_whitespace);
        let (names, values) = (rows.next().unwrap(), rows.next().unwrap());
        names.zip(values).find(|(name, _)| *name == "RetransSegs").unwrap().1.parse().unwrap()
    }

    /// How many TCP sockets of `end` are in each state, by the numbers of the kernel.
    pub(crate) fn sockets(&self, end: usize) -> BTreeMap<u8, usize> {
        let output = self.command(end, "cat").args(["/proc/net/tcp", "/proc/net/tcp6"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut count = BTreeMap::new();
        for fields in text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()) {
            if fields[0] != "sl" {
                *count.entry(u8::from_str_radix(fields[3], 16).unwrap()).or_default() += 1;
            }
        }
        count
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.relay.kill();
    }
}
