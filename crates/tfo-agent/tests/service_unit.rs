//! The systemd unit: what systemd says of it, and what the agent does under the user and the sandbox that it describes,
//! which are set up here as systemd would, since no systemd runs where tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::Duration;

use support::agent::{Agent, binary, binary_for_all, pin_path};
use support::measure::configuration;
use support::sink::Sink;
use support::workload::{Workload, comm};

const UNIT: &str = include_str!("../../../deploy/systemd/tfo-agent.service");
/// Where the unit has its pins, and here a place of each test's own.
const PINS: &str = "/sys/fs/bpf/tfo-agent";
/// The service's own user: of nobody else, not `nobody` either, who could detach its programs.
const USER: &str = "64321";

/// The values of `key`, in their order.
fn settings(key: &str) -> Vec<&'static str> {
    let values = UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.collect()
}

fn setting(key: &str) -> &'static str {
    let [value] = settings(key)[..] else { panic!("{key} is not there once") };
    value
}

fn systemd_analyze(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze").args(arguments).output();
    let output = output.expect("systemd-analyze is missing: scripts/setup.sh test");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn systemd_has_nothing_to_complain_of_and_the_unit_exposes_little() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tfo-agent.service");
    let agent = binary().get_program().to_str().unwrap().to_owned();
    fs::write(&path, UNIT.replace("/usr/bin/tfo-agent", &agent)).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(systemd_analyze(&["verify", "--man=no", path]), (true, String::new()));
    // In tenths.
    let (safe, text) = systemd_analyze(&["security", "--offline=true", "--threshold=20", path]);
    println!("{}", text.lines().last().unwrap_or_default());
    assert!(safe, "{text}");
}

/// What the `+` in front of `ExecStartPre` has root do.
fn prepare(pins: &str) {
    let commands = settings("ExecStartPre");
    assert_eq!(commands.len(), 2);
    for command in commands {
        let command = command.strip_prefix('+').expect("as root, outside of the sandbox");
        let command = command.replace(PINS, pins).replace("-o tfo-agent -g tfo-agent", &format!("-o {USER} -g {USER}"));
        assert!(Command::new("sh").args(["-ec", &command]).status().unwrap().success(), "{command}");
    }
    let directory = fs::metadata(pins).unwrap();
    assert_eq!((directory.uid().to_string(), directory.mode() & 0o777), (USER.to_owned(), 0o700));
}

/// All file systems read-only but those that `ReadWritePaths` names, `/dev`, `/proc` and the directory of the test.
const SANDBOX: &str = r#"
pins=$1
mount --bind "$pins" "$pins"
cut -d' ' -f5 /proc/self/mountinfo | sort -u | while read -r place; do
    case $place in "$pins" | /dev | /dev/* | /proc | /proc/*) ;; *) mount -o remount,bind,ro "$place" ;; esac
done
! touch /etc/tfo-agent-was-here 2>/dev/null
umask "$UNIT_UMASK"
ulimit -c 0
ulimit -l unlimited 2>/dev/null || true
shift
exec "$@"
"#;

/// The agent as the unit has it.
fn under_the_unit(program: &std::path::Path, pins: &str) -> Command {
    for key in ["ProtectSystem=strict", "ProtectKernelTunables=yes", "NoNewPrivileges=yes", "LimitMEMLOCK=infinity"] {
        assert!(UNIT.contains(key), "{key}");
    }
    assert_eq!((setting("ReadWritePaths"), setting("LimitCORE")), (PINS, "0"));
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "slave", "sh", "-ec", SANDBOX, "sh", pins, "setpriv", "--no-new-privs"]);
    command.args([format!("--reuid={USER}"), format!("--regid={USER}"), "--clear-groups".to_owned()]);
    for (key, flags) in
        [("AmbientCapabilities", &["--inh-caps", "--ambient-caps"][..]), ("CapabilityBoundingSet", &["--bounding-set"])]
    {
        let names = setting(key).to_lowercase().replace("cap_", "+").replace(' ', ",");
        command.args(flags.iter().map(|flag| format!("{flag}=-all,{names}")));
    }
    command.arg(program).env("UNIT_UMASK", setting("UMask"));
    command
}

#[test]
fn a_service_that_is_killed_and_restarted_loses_no_call() {
    let (_directory, program) = binary_for_all();
    let (pins, sink) = (pin_path(), Sink::start(0));
    let configuration = configuration(&pins, "", &[("ebpf_syscalls", ""), ("ebpf_scheduler", "")], &sink);
    let start = || {
        prepare(&pins);
        let agent = Agent::start_by(&configuration, under_the_unit(&program, &pins));
        let log = agent.log();
        assert!(log.contains("pinned_at=") && !log.contains("maps are not pinned"), "{log}");
        agent
    };
    let mut agent = start();
    let load = Workload::start(comm("service"), "steady", &[]);
    let mut gone = Vec::new();
    for round in 0..2 {
        let [last, away] = ["last", "away"].map(|name| comm(&format!("{name}{round}")));
        Workload::start(last, "getppid", &[20_000]).finish();
        agent.kill_and_leave_pins();
        Workload::start(away, "getppid", &[10_000]).finish();
        std::thread::sleep(Duration::from_secs(1));
        agent = start();
        agent.expect_log("programs of an earlier agent taken over", 60);
        gone.extend([(last, 20_000.0), (away, 10_000.0)]);
    }
    let made: f64 = load.finish().trim().parse().unwrap();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    assert!(!log.contains("pins not removed"), "{log}");
    let calls = |comm| sink.sum("ebpf.syscalls", &[("ebpf.comm", comm), ("ebpf.syscall.name", "getppid")]);
    println!("2 kills, {made} calls made, {} at the sink", calls(comm("service")));
    assert_eq!(calls(comm("service")), made);
    for (name, made) in gone {
        assert_eq!(calls(name), made, "{name}");
    }
    // The directory is root's to remove.
    let left = fs::read_dir(&pins).map_or(0, |entries| entries.count());
    let _ = fs::remove_dir(&pins);
    assert_eq!(left, 0, "a clean stop leaves nothing pinned");
}
