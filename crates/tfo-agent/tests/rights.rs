//! What the agent gives up when its programs are loaded, and that all goes on without it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use support::agent::{Agent, as_nobody, binary, binary_for_all, kill, pin_path};
use support::eventually;
use support::workload::{Workload, comm};

const COLLECTORS: [&str; 6] = ["syscalls", "network", "fileio", "scheduler", "memory", "tcpstate"];
const NONE: &str = "0000000000000000";

/// Held by whoever makes a crowd, or wants no other's: of processes that come faster than maps grow some have no slot,
/// on every agent that is there.
static CROWD: Mutex<()> = Mutex::new(());

/// All six sub-collectors on a page, and an exporter that looks a name up, which takes a thread.
fn configuration(pins: &str, keys: &str) -> String {
    let receivers: String =
        COLLECTORS.iter().map(|name| format!("  ebpf_{name}: {{collection_interval: 200ms}}\n")).collect();
    let ids = COLLECTORS.map(|name| format!("ebpf_{name}")).join(", ");
    format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} , max_processes: 4096{keys}}}
receivers:
{receivers}
exporters:
  prometheus: {{endpoint: "localhost:0"}}
  otlp_grpc: {{endpoint: "localhost:9", tls: {{insecure: true}}, retry_on_failure: {{enabled: false}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [{ids}], exporters: [prometheus, otlp_grpc]}}
"#
    )
}

/// What the status of a thread says, by key.
fn status(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path.join("status")).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

/// The status of every thread of `pid`; at least of one.
fn threads(pid: u32) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    // One that ends meanwhile has none.
    let all: Vec<_> = tasks.map(|task| status(&task.unwrap().path())).filter(|status| !status.is_empty()).collect();
    assert!(!all.is_empty());
    all
}

/// No thread has a right that it does not need, and the system call filter is there.
fn expect_no_rights(agent: &Agent) {
    for thread in threads(agent.pid()) {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(thread[set], NONE, "{set} of {thread:?}");
        }
        assert_eq!((&*thread["NoNewPrivs"], &*thread["Seccomp"]), ("1", "2"), "{thread:?}");
    }
}

/// Calls of a process that is started now arrive, to the last one.
fn expect_counting(agent: &Agent, name: &str) {
    let load = Workload::start(comm(name), "getppid", &[1_000]);
    let pid = load.pid().to_string();
    load.finish();
    let calls = [("pid", &*pid), ("syscall", "getppid")];
    let mut last = Some(-1.0);
    eventually("the calls", 60, || {
        let page = agent.page(0);
        let seen = page.sum("tfo_ebpf_syscall_count", &calls);
        if seen != last {
            println!("{name}: getppid of {pid}: {seen:?}");
            page.find("tfo_ebpf_loss_total", &[]).filter(|loss| loss.value > 0.0).for_each(|loss| println!("{loss:?}"));
            last = seen;
        }
        seen.filter(|seen| *seen == 1_000.0)
    });
}

/// The page's counters that must go on on any machine, one a walk that takes the helper.
fn sums(agent: &Agent) -> [f64; 3] {
    let page = agent.page(0);
    let names = ["tfo_ebpf_sched_oncpu_ns", "tfo_ebpf_syscall_count", "tfo_system_network_connection_count"];
    names.map(|name| page.sum(name, &[]).unwrap_or(0.0))
}

#[test]
fn with_the_two_capabilities_all_six_attach_then_no_thread_has_any_and_the_figures_go_on() {
    let _crowd = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap();
    println!("perf_event_paranoid: {}", paranoid.trim());
    let (_directory, program) = binary_for_all();
    let pins = pin_path();
    let agent = Agent::spawn(&["start"], &configuration(&pins, ""), as_nobody(&program, ",+bpf,+perfmon"));
    agent.expect_log("service started", 60);
    let log = agent.log();
    for name in COLLECTORS {
        assert!(log.contains(&format!("sub-collector attached sub_collector=\"{name}\"")), "{name}: {log}");
    }
    assert!(log.contains("step=\"capabilities\" left=\"none;"), "{log}");
    for step in ["no_new_privs", "seccomp"] {
        assert!(log.contains(&format!("rights given up step=\"{step}\"")), "{step}: {log}");
    }
    expect_no_rights(&agent);
    expect_counting(&agent, "rights");
    let before = sums(&agent);
    eventually("what runs and what is open", 60, || {
        let now = sums(&agent);
        (now[0] > before[0] && now[1] > before[1] && now[2] > 0.0).then_some(())
    });
    // The helper is no figure of anybody else's, and keeps one capability.
    let helper = helper_of(&agent);
    assert_eq!(threads(helper).len(), 1);
    for thread in threads(helper) {
        assert_eq!((&*thread["CapEff"], &*thread["CapPrm"]), ("0000008000000000", "0000008000000000"), "{thread:?}");
        assert_eq!(
            (&*thread["NoNewPrivs"], &*thread["Seccomp"], &*thread["Uid"]),
            ("1", "2", &"65534\t".repeat(4)[..23])
        );
    }
    expect_no_rights(&agent);
    let (status, log) = agent.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!Path::new(&pins).exists(), "left pins");
    eventually("the helper's end", 60, || (!Path::new(&format!("/proc/{helper}")).exists()).then_some(()));
}

/// The process that makes maps for `agent`.
fn helper_of(agent: &Agent) -> u32 {
    let line = agent.expect_log("a process of its own makes maps from here on", 60);
    line.split_once("pid=").unwrap().1.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn maps_grow_without_rights_and_the_next_agent_finds_what_they_counted() {
    let _crowd = CROWD.lock().unwrap_or_else(PoisonError::into_inner);
    let (_directory, program) = binary_for_all();
    let pins = pin_path();
    let start = || {
        let agent = Agent::spawn(&["start"], &configuration(&pins, ""), as_nobody(&program, ",+bpf,+perfmon"));
        agent.expect_log("service started", 60);
        agent
    };
    let agent = start();
    let mut alive = Workload::start(comm("many"), "alive", &[1_500]);
    alive.rested();
    agent.expect_log("ebpf: maps grown", 60);
    expect_counting(&agent, "after1");
    let pages = || {
        fs::read_dir(&pins).unwrap().flatten().find_map(|layout| {
            let names =
                fs::read_dir(layout.path()).ok()?.flatten().map(|entry| entry.file_name().into_string().unwrap());
            Some(names.filter(|name| name.starts_with("tfo_directory_")).count())
        })
    };
    assert!(pages() >= Some(2), "a new page is pinned too");
    agent.kill_and_leave_pins();
    let agent = start();
    let made = agent.expect_log("maps ready", 60);
    println!("{made}");
    agent.expect_log("programs of an earlier agent taken over", 60);
    expect_counting(&agent, "after2");
    alive.finish();
    assert!(agent.stop().0.success());
}

#[test]
fn with_keep_rights_nothing_is_given_up() {
    let pins = pin_path();
    let agent = Agent::spawn(&["start", "--keep-rights"], &configuration(&pins, ""), binary());
    agent.expect_log("service started", 60);
    assert!(!agent.log().contains("rights given up"), "{}", agent.log());
    let thread = &threads(agent.pid())[0];
    assert!(thread["CapEff"] != NONE && thread["Seccomp"] == "0", "{thread:?}");
    assert!(agent.stop().0.success());
}

const NOTHING_OF_EBPF: &str = r#"
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}
exporters:
  prometheus: {endpoint: "localhost:0"}
service:
  pipelines:
    metrics: {receivers: [otlp], exporters: [prometheus]}
"#;

#[test]
fn a_reload_that_needs_programs_or_files_that_may_not_be_had_any_more_leaves_the_old_configuration() {
    let agent = Agent::spawn(&["start"], NOTHING_OF_EBPF, binary());
    agent.expect_log("service started", 60);
    agent.expect_log("step=\"capabilities\" left=\"none;", 60);
    let reload = |configuration: &str, reason: &str| {
        fs::write(agent.config_path(), configuration).unwrap();
        kill("-HUP", agent.pid());
        let line = agent.expect_log(reason, 60);
        assert!(line.contains("configuration not reloaded, what ran before runs on"), "{line}");
        agent.page(0);
    };
    let pins = pin_path();
    reload(&configuration(&pins, ""), "after which the rights to do so are given up: restart the agent");
    assert!(!Path::new(&pins).exists());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.json");
    let file = NOTHING_OF_EBPF
        .replace("exporters:\n", &format!("exporters:\n  file: {{path: {}}}\n", path.display()))
        .replace("[prometheus]", "[prometheus, file]");
    reload(&file, "out.json");
    assert!(!path.exists());
    assert!(agent.stop().0.success());
}

#[test]
fn files_are_written_where_the_configuration_says() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let [out, state] = ["new/out.json", "state"].map(|name| directory.path().join(name));
    let pins = pin_path();
    let text = configuration(&pins, "")
        .replace("extensions:\n", &format!("extensions:\n  file_storage: {{directory: {}}}\n", state.display()))
        .replace("exporters:\n", &format!("exporters:\n  file: {{path: {}, create_directory: true}}\n", out.display()))
        .replace("[ebpf]", "[ebpf, file_storage]")
        .replace("[prometheus, ", "[file, prometheus, ");
    let agent = Agent::start(&text);
    eventually("a written batch", 60, || fs::metadata(&out).ok().filter(|file| file.len() > 0));
    // As one that rotates logs does.
    fs::rename(&out, directory.path().join("moved")).unwrap();
    eventually("a new file", 60, || fs::metadata(&out).ok().filter(|file| file.len() > 0));
    assert!(agent.stop().0.success());
}

#[test]
fn a_supervisor_is_told_of_start_reload_and_end_and_hears_from_the_watchdog() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = binary();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let mut agent = Agent::spawn(&["start"], NOTHING_OF_EBPF, command);
    let expect = |wanted: &str| {
        loop {
            let mut bytes = [0; 1024];
            let length = socket.recv(&mut bytes).unwrap_or_else(|error| panic!("no {wanted}: {error}"));
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.starts_with(wanted) {
                return text;
            }
            assert!(text.starts_with("WATCHDOG=1"), "{text:?} came before {wanted}");
        }
    };
    expect("READY=1");
    expect("WATCHDOG=1");
    expect("WATCHDOG=1");
    kill("-HUP", agent.pid());
    assert!(expect("RELOADING=1").contains("MONOTONIC_USEC="));
    expect("READY=1");
    kill("-TERM", agent.pid());
    expect("STOPPING=1");
    assert!(agent.wait(60).success());
}
