//! The agent under test: the real binary with a configuration of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::page::Page;
use super::{eventually, patience};

/// A number that no other test of this run has.
fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A pin path that nobody else uses.
pub(crate) fn pin_path() -> String {
    format!("/sys/fs/bpf/tfo-test-{}-{}", std::process::id(), unique())
}

/// A running agent. Dropping it kills it and removes what it pinned.
pub(crate) struct Agent {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Who gathers it, until the agent has ended.
    reader: Option<JoinHandle<()>>,
    directory: tempfile::TempDir,
    pins: Vec<String>,
}

impl Agent {
    /// Starts the agent on `configuration` and waits until its service runs, with all sub-collectors attached.
    pub(crate) fn start(configuration: &str) -> Self {
        Self::start_by(configuration, binary())
    }

    /// As [`start`](Self::start), by a command that ends in the agent's binary.
    pub(crate) fn start_by(configuration: &str, command: Command) -> Self {
        let agent = Self::spawn(&["start"], configuration, command);
        agent.expect_log("service started", 20);
        // Or every test would wait in vain for what nobody counts.
        assert!(!agent.log().contains("Failed to load"), "{}", agent.log());
        agent
    }

    /// Starts `command` with `arguments` and `--config` on a file that holds `configuration`.
    pub(crate) fn spawn(arguments: &[&str], configuration: &str, mut command: Command) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Every test of the kernel can be had with other hooks: TFO_EBPF_KEYS="tiers: [hash]".
        let keys = std::env::var("TFO_EBPF_KEYS").map_or(String::new(), |keys| format!("{keys}, "));
        let configuration = &*configuration.replace("ebpf: {", &format!("ebpf: {{{keys}"));
        // Also for an agent that is not root.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = directory.path().join("config.yaml");
        fs::write(&path, configuration).unwrap();
        let mut child = command
            .args(arguments)
            .arg("--config")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, stderr) = (log.clone(), child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let pins = configuration
            .split_whitespace()
            .filter(|word| word.starts_with("/sys/fs/bpf/tfo-test"))
            .map(|word| word.trim_end_matches(['}', ',']).to_owned());
        Self { child, log, reader: Some(reader), directory, pins: pins.collect() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Path of the configuration file.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.directory.path().join("config.yaml")
    }

    /// All log lines so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Waits for a log line that contains `text`, and returns it.
    pub(crate) fn expect_log(&self, text: &str, seconds: u64) -> String {
        let deadline = Instant::now() + patience(seconds);
        loop {
            if let Some(line) = self.log.lock().unwrap().iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "no line with {text:?} in:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The scrape page of the `index`th prometheus exporter.
    pub(crate) fn page(&self, index: usize) -> Page {
        Page::get(&self.address(index))
    }

    /// Where the `index`th prometheus exporter, in the order of ids, has its page.
    pub(crate) fn address(&self, index: usize) -> String {
        eventually("a page", 20, || {
            let log = self.log.lock().unwrap();
            let mut urls = log.iter().filter_map(|line| {
                let rest = &line[line.find("http://127.0.0.1:")? + "http://".len()..];
                Some(rest[..rest.find('/')?].to_owned())
            });
            urls.nth(index)
        })
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        kill("-TERM", self.child.id());
        let status = self.wait(20);
        (status, self.log())
    }

    /// Kills it and leaves what it pinned to the next one.
    pub(crate) fn kill_and_leave_pins(mut self) {
        self.pins.clear();
    }

    /// Waits for the agent to end by itself.
    pub(crate) fn wait(&mut self, seconds: u64) -> ExitStatus {
        let status = eventually("the agent's end", seconds, || self.child.try_wait().unwrap());
        // It may still be at the last lines.
        self.reader.take().map(JoinHandle::join);
        status
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for pins in &self.pins {
            // With what is in directories below: a pinned link counts on, and nobody would end it.
            let _ = fs::remove_dir_all(pins);
        }
    }
}

/// The agent's binary: cargo's, or what `TFO_AGENT` names where the tests run on another machine than they were built on.
pub(crate) fn binary() -> Command {
    Command::new(std::env::var_os("TFO_AGENT").unwrap_or_else(|| env!("CARGO_BIN_EXE_tfo-agent").into()))
}

/// A copy of the agent's binary that everybody may run; it ends with the directory.
pub(crate) fn binary_for_all() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("tfo-agent");
    fs::copy(binary().get_program(), &program).unwrap();
    (directory, program)
}

/// What makes a program one of `nobody` that holds `held`, in the words of setpriv(1), and may be given `bounding`.
pub(crate) fn setpriv(held: &str, bounding: &str) -> Vec<String> {
    // With its path, since busybox has one of its own that can do less, and prefers it.
    let path = std::env::var_os("PATH").unwrap();
    let file = std::env::split_paths(&path).map(|place| place.join("setpriv")).find(|file| file.exists()).unwrap();
    let sets = [("inh-caps", held), ("ambient-caps", held), ("bounding-set", bounding)];
    let user = [&file.display().to_string(), "--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_owned);
    user.into_iter().chain(sets.map(|(set, capabilities)| format!("--{set}=-all{capabilities}"))).collect()
}

/// The agent as `nobody` with `capabilities` and no others, and as much locked memory as `limit` says (KiB).
pub(crate) fn as_nobody_with(program: &std::path::Path, capabilities: &str, limit: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -l "$0" 2>/dev/null; exec "$@""#, limit]);
    command.args(setpriv(capabilities, capabilities)).arg(program);
    command
}

/// The agent as `nobody` with `capabilities` and no others.
pub(crate) fn as_nobody(program: &std::path::Path, capabilities: &str) -> Command {
    // As a service manager does: before Linux 5.11 maps are locked memory, of which others may have 64 KiB.
    as_nobody_with(program, capabilities, "unlimited")
}

/// The agent in a mount namespace of its own, where empty file systems lie over `directories`, by `wrapper` where there
/// is one.
pub(crate) fn without(directories: &[&str], wrapper: &[String]) -> Command {
    let mut command = Command::new("unshare");
    // What is not there need not be hidden.
    let script = r#"while [ "$1" != -- ]; do [ ! -d "$1" ] || mount -t tmpfs none "$1"; shift; done; shift; exec "$@""#;
    command.args(["--mount", "sh", "-ec", script, "sh"]).args(directories).arg("--").args(wrapper);
    command.arg(binary().get_program());
    command
}

/// Sends `signal` to `pid`, by the shell's own kill: the program is not everywhere.
pub(crate) fn kill(signal: &str, pid: u32) {
    let pid = pid.to_string();
    assert!(Command::new("sh").args(["-c", r#"kill "$1" "$2""#, "sh", signal, &pid]).status().unwrap().success());
}
