//! Processes that make a known number of events; `workload.c` and the files in `workload` say which.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A workload that is running.
pub(crate) struct Workload {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Workload {
    /// Starts the workload; it calls itself `name` by prctl, or keeps the name exec gave it where that is `-`.
    pub(crate) fn start(name: &str, what: &str, numbers: &[u64]) -> Self {
        Self::start_as(&program(), name, what, numbers)
    }

    /// As [`start`](Self::start), from a copy of the program under another file name.
    pub(crate) fn start_as(program: &Path, name: &str, what: &str, numbers: &[u64]) -> Self {
        Self::spawn(Command::new(program), name, what, numbers)
    }

    /// As [`start`](Self::start), by a command that ends in the program, such as `setpriv ... PROGRAM`.
    pub(crate) fn spawn(mut command: Command, name: &str, what: &str, numbers: &[u64]) -> Self {
        let mut child = command
            .args([name, what])
            .args(numbers.iter().map(ToString::to_string))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the work is done and the process rests; returns the CPU time it used, in ns.
    pub(crate) fn rested(&mut self) -> f64 {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.strip_prefix("resting ").unwrap_or_else(|| panic!("unexpected {line:?}")).trim().parse().unwrap()
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Says `line` to it.
    pub(crate) fn tell(&mut self, line: &str) {
        // In one write: the other side takes what it reads for a line.
        self.child.stdin.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Kills it, where it is not to end by itself.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Lets it go on, waits for its end, and returns what it printed.
    pub(crate) fn finish(mut self) -> String {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "workload: {status}");
        text
    }
}

/// The compiled workload: what `TFO_WORKLOAD` names where there is no compiler, or else built here.
pub(crate) fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            if let Some(program) = std::env::var_os("TFO_WORKLOAD") {
                return program.into();
            }
            let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support");
            let files = std::fs::read_dir(support.join("workload")).unwrap().map(|entry| entry.unwrap().path());
            let sources = files.filter(|file| file.extension().is_some_and(|extension| extension == "c"));
            let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("workload-{}", std::process::id()));
            let status = Command::new("cc")
                .args(["-O2", "-static", "-Wall", "-Werror", "-pthread", "-o"])
                .arg(&program)
                .arg(support.join("workload.c"))
                .args(sources)
                .status();
            assert!(status.expect("cc").success());
            program
        })
        .clone()
}

/// Lines of `key value` that a workload printed.
pub(crate) fn facts(text: &str) -> BTreeMap<String, f64> {
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(key, value)| (key.to_owned(), value.parse().unwrap())).collect()
}

/// A process name that only this test run uses: others may run on the same kernel.
pub(crate) fn comm(name: &str) -> &'static str {
    let comm = format!("{:x}-{name}", std::process::id());
    assert!(comm.len() <= 15, "the kernel cuts {comm}");
    // A handful in the life of a test.
    comm.leak()
}

/// The number after `key` in `/proc/PID/FILE`.
pub(crate) fn proc_number(pid: u32, file: &str, key: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_else(|| panic!("no {key} in {text}"));
    line.trim_start_matches(':').trim().parse().unwrap()
}
