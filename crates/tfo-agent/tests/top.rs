//! `tfo-agent top` with real events: programs of its own and an agent's page, plain tables and a terminal.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::num::NonZero;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use support::agent::{Agent, as_nobody, binary, binary_for_all, kill, pin_path};
use support::eventually;
use support::workload::{Workload, comm};

/// What `steps 1 50000` makes after our word: it reads that, makes them, writes one and waits for another.
const CALLS: u64 = 50_000;
const STEP: u64 = CALLS + 2;

/// Plain tables while they come. Dropping it ends what prints them.
struct Tables {
    child: Child,
    /// How many are complete, and the lines of the last one.
    last: Arc<Mutex<(usize, Vec<String>)>>,
}

impl Tables {
    fn start(mut command: Command, arguments: &[&str]) -> Self {
        command.arg("top").args(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let last = Arc::new(Mutex::new((0, Vec::new())));
        let shared = last.clone();
        std::thread::spawn(move || {
            let mut table = Vec::new();
            for line in lines.map_while(Result::ok) {
                if line.ends_with(" NAME") {
                    let mut last = shared.lock().unwrap();
                    *last = (last.0 + 1, std::mem::take(&mut table));
                } else {
                    table.push(line);
                }
            }
        });
        let tables = Self { child, last };
        tables.next(1);
        tables
    }

    /// The table after so many more.
    fn next(&self, more: usize) -> Vec<String> {
        let wanted = self.last.lock().unwrap().0 + more;
        eventually("a table", 60, || {
            let last = self.last.lock().unwrap();
            (last.0 >= wanted).then(|| last.1.clone())
        })
    }

    /// Total of calls of the one process that is shown, as of now: one table was being printed, one was read before.
    fn calls(&self) -> u64 {
        let table = self.next(3);
        let [line] = &table[..] else { panic!("not one process: {table:?}") };
        line.split_whitespace().nth(2).unwrap().parse().unwrap()
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes the calls, and looks for them in the tables: not one more or less.
fn expect_step(tables: &Tables, name: &str) -> Workload {
    let mut workload = Workload::start(name, "steps", &[1, CALLS]);
    assert_eq!(workload.line(), "next");
    let before = tables.calls();
    workload.tell("");
    assert_eq!(workload.line(), "done");
    assert_eq!(tables.calls() - before, STEP);
    workload
}

#[test]
fn its_own_programs_count_what_was_made() {
    let name = comm("own");
    let arguments = ["--own", "--batch", "--totals", "-d", "0.3", "--filter", name];
    let tables = Tables::start(binary(), &arguments);
    let mut workload = expect_step(&tables, name);
    workload.kill();
}

/// A page of an agent that reads often.
fn agent(keys: &str) -> Agent {
    Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} }}
receivers:
  ebpf_syscalls: {{collection_interval: 300ms, histograms: true}}
exporters:
  prometheus: {{endpoint: "127.0.0.1:0" {keys}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], exporters: [prometheus]}}
"#,
        pins = pin_path(),
    ))
}

#[test]
fn against_an_agent_it_shows_what_that_has_counted_without_any_right() {
    for (keys, family) in [("", "tfo_ebpf_syscall_count"), (", naming: otel", "ebpf_syscalls_total")] {
        let name = comm(&format!("page{}", keys.len()));
        let agent = agent(keys);
        let url = format!("http://{}/metrics", agent.address(0));
        let (_directory, program) = binary_for_all();
        let command = as_nobody(&program, "");
        let arguments = ["--url", &url, "--batch", "--totals", "-d", "0.3", "--filter", name];
        let tables = Tables::start(command, &arguments);
        let mut workload = expect_step(&tables, name);
        let labels = [("ebpf_syscall_name", "getppid"), ("ebpf_comm", name)];
        let guide = [("syscall", "getppid"), ("comm", name)];
        let page = agent.page(0).sum(family, if keys.is_empty() { &guide } else { &labels });
        assert_eq!(page, Some(CALLS as f64));
        workload.kill();
    }
}

#[test]
fn what_cannot_be_shown_is_said_in_one_line_and_by_the_exit_code() {
    let top = |mut command: Command, arguments: &[&str]| {
        let output = command.arg("top").args(arguments).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.stdout.is_empty(), "{:?}", output.stdout);
        (output.status.code(), text)
    };
    let (code, text) = top(binary(), &[]);
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.contains("terminal") && text.contains("--once"), "{text}");
    let (code, text) = top(binary(), &["--once", "--url", "http://127.0.0.1:1/metrics"]);
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.contains("127.0.0.1:1") && text.contains("refused"), "{text}");
    let (code, text) = top(binary(), &["--once", "--url", "localhost"]);
    assert!(code == Some(2) && text.contains("http://localhost:8888/metrics"), "{text}");
    let (code, text) = top(binary(), &["--once", "--own", "--set", "receivers.ebpf_syscals.histograms=true"]);
    assert!(code == Some(2) && text.contains("did you mean"), "{text}");
    let (_directory, program) = binary_for_all();
    let nobody = as_nobody(&program, "");
    let (code, text) = top(nobody, &["--once", "--own"]);
    assert!(code == Some(1) && text.contains("CAP_BPF") && text.contains("nothing could be attached"), "{text}");
}

/// A terminal of 100 by 30 with a shell's children on it, and what they have drawn.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    drawn: Arc<Mutex<(vt100::Parser, Vec<u8>)>>,
}

impl Terminal {
    fn run(script: &str) -> Self {
        let size = |letters| NonZero::new(letters).unwrap();
        let mut child = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--echo", "never", "--command", script, "/dev/null"])
            .env("TERM", "xterm-256color")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let drawn = Arc::new(Mutex::new((vt100::Parser::new(size(30), size(100), 0), Vec::new())));
        let (mut output, shared) = (child.stdout.take().unwrap(), drawn.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                let mut drawn = shared.lock().unwrap();
                drawn.0.process(&bytes[..length]);
                drawn.1.extend_from_slice(&bytes[..length]);
            }
        });
        let keys = child.stdin.take().unwrap();
        Self { child, keys, drawn }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn text(&self) -> String {
        self.drawn.lock().unwrap().0.screen().contents()
    }

    /// Waits until `text` stands on the screen, or stands there no more.
    fn expect(&self, text: &str, is: bool) {
        eventually(&format!("{text:?} on the screen: {is}"), 60, || {
            (self.text().contains(text) == is).then_some(()).or_else(|| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                None
            })
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The pid of the one whose command line has `argument` in it.
fn pid_of(argument: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.into_iter().find(|pid: &u32| {
        let line = fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.contains(&&b"top"[..]) && words.contains(&argument.as_bytes())
    })
}

#[test]
fn on_a_terminal_keys_work_and_whoever_ends_it_gets_the_terminal_back() {
    let name = comm("live");
    let agent = agent("");
    let url = format!("http://{}/metrics", agent.address(0));
    let program = binary().get_program().to_str().unwrap().to_owned();
    let script = format!(
        "stty rows 30 cols 100; stty -a; {program} top -d 0.3 --url {url}; echo code $?; stty -a; echo the end; cat"
    );
    let mut terminal = Terminal::run(&script);
    terminal.expect("tfo-agent top", true);
    terminal.expect(&format!("agent at {url}")[..30], true);
    let mut workload = Workload::start(name, "steps", &[1, CALLS]);
    assert_eq!(workload.line(), "next");
    workload.tell("");
    assert_eq!(workload.line(), "done");
    terminal.press(&format!("/{name}\rt"));
    terminal.expect("TOTALS", true);
    terminal.expect(&format!("{} {name}", workload.pid()), true);
    terminal.expect(" 50k ", true);
    terminal.press("h");
    terminal.expect("sort by the column beside", true);
    terminal.press("h");
    terminal.expect("sort by the column beside", false);
    // Nobody is called that, then all are shown.
    terminal.press("/xyzzy\r");
    terminal.expect("nobody is called that", true);
    terminal.press("\x1b");
    terminal.expect("nobody is called that", false);
    terminal.press("p");
    terminal.expect("PAUSED", true);
    let top = eventually("top", 20, || pid_of(&url));
    kill("-TERM", top);
    terminal.expect("the end", true);
    let drawn = String::from_utf8_lossy(&terminal.drawn.lock().unwrap().1).into_owned();
    let (before, after) = (drawn.split_once("\x1b[?1049h").unwrap().0, drawn.rsplit_once("\x1b[?1049l").unwrap().1);
    assert!(after.contains("\x1b[?25h") && after.contains("code 0"), "{after:?}");
    let settings = |text: &str| text[text.find("speed").unwrap()..].lines().take(7).collect::<Vec<_>>().join("\n");
    assert_eq!(settings(before), settings(after), "the terminal is as it was");
    workload.kill();
}
