//! `process_filter` on real processes: each key admits exactly those that it says, one pipeline a filter, so that
//! the receiver skips what it leaves out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::agent::{Agent, pin_path};
use support::measure::{Measurement, main_of, role};
use support::sink::Sink;
use support::workload::{self, Workload, comm};

const CALLS: u64 = 100;

/// What every agent of this file sees, beside the rest of the machine and itself.
const ALL: [&str; 5] = ["tfo-t-web", "tfo-t-web2", "tfo-t-db", "tfo-t-nobody", "tfo-t-boxed"];

/// Stands for the agent itself.
const SELF: &str = "self";

/// A program that everybody may run, and a cgroup to run it in; both end with this.
struct Place {
    directory: tempfile::TempDir,
    cgroup: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(workload::program(), directory.path().join("workload")).unwrap();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mut mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mount = mounts.find(|fields| fields[2] == "cgroup2");
        let mount = mount.expect("a cgroup v2 hierarchy; run: mkdir /cgroup2 && mount -t cgroup2 none /cgroup2");
        let cgroup = Path::new(mount[1]).join(format!("tfo-test-{}", std::process::id()));
        fs::create_dir(&cgroup).unwrap();
        Self { directory, cgroup }
    }

    /// Runs every workload of [`ALL`] to its end; returns their pids.
    fn run_all(&self) -> [String; ALL.len()] {
        let program = self.directory.path().join("workload");
        ALL.map(|name| {
            let command = match name {
                "tfo-t-nobody" => {
                    let mut command = Command::new("setpriv");
                    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
                    command
                }
                "tfo-t-boxed" => {
                    let mut command = Command::new("sh");
                    let script = r#"echo $$ > "$0" && exec "$@""#;
                    command.args(["-c", script]).arg(self.cgroup.join("cgroup.procs")).arg(&program);
                    command
                }
                _ => Command::new(&program),
            };
            let load = Workload::spawn(command, name, "getppid", &[CALLS]);
            let pid = load.pid().to_string();
            load.finish();
            pid
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.cgroup);
    }
}

/// Which of [`ALL`] and [`SELF`] reach the sink of an agent whose filter has `keys`.
fn admitted(place: &Place, keys: &str) -> BTreeSet<&'static str> {
    let sink = Sink::start(0);
    // One read at the start and one at the end, after everything has happened.
    let agent = Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} }}
receivers:
  ebpf_syscalls: {{collection_interval: 1h}}
processors:
  process_filter: {{{keys}}}
exporters:
  otlp_grpc: {{endpoint: "{sink}", tls: {{insecure: true}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], processors: [process_filter], exporters: [otlp_grpc]}}
"#,
        pins = pin_path(),
        sink = sink.address,
    ));
    let pids = place.run_all();
    let own = agent.pid().to_string();
    let (status, log) = agent.stop();
    assert!(status.success(), "{log}");
    let mut admitted = BTreeSet::new();
    for (name, pid) in ALL.iter().zip(&pids) {
        let calls = sink.sum("ebpf.syscalls", &[("process.pid", pid), ("ebpf.syscall.name", "getppid")]);
        // The shell that enters the cgroup makes one more before it becomes the workload.
        assert!([0.0, CALLS as f64, CALLS as f64 + 1.0].contains(&calls), "{keys}: {calls} by {name}");
        if calls > 0.0 {
            admitted.insert(*name);
        }
    }
    if sink.sum("ebpf.syscalls", &[("process.pid", &own)]) > 0.0 {
        admitted.insert(SELF);
    }
    // Filters are about processes: what is about the agent's own work always passes.
    assert!(sink.with(|received| received.last.keys().any(|(name, _)| name == "tfo.ebpf.loss")), "{keys}");
    admitted
}

#[test]
fn each_key_admits_exactly_the_processes_that_it_says() {
    let place = Place::new();
    let rows: [(&str, &[&str]); 11] = [
        ("", &ALL),
        ("include: [^tfo-t-web]", &["tfo-t-web", "tfo-t-web2"]),
        ("include: [^tfo-t-web$, -db]", &["tfo-t-web", "tfo-t-db"]),
        ("exclude: [tfo-t-web]", &["tfo-t-web2", "tfo-t-db", "tfo-t-nobody", "tfo-t-boxed"]),
        ("exclude: [tfo-t-w*]", &["tfo-t-db", "tfo-t-nobody", "tfo-t-boxed"]),
        ("include: [^tfo-t-], exclude: [tfo-t-web, tfo-t-no*]", &["tfo-t-web2", "tfo-t-db", "tfo-t-boxed"]),
        ("exclude_self: false", &["tfo-t-web", "tfo-t-web2", "tfo-t-db", "tfo-t-nobody", "tfo-t-boxed", SELF]),
        ("exclude_self: false, include: [^tfo-agent$]", &[SELF]),
        ("uids: [65534]", &["tfo-t-nobody"]),
        ("cgroups: [\"/tfo-test-*\"]", &["tfo-t-boxed"]),
        ("cgroups: [\"/tfo-test-*\"], uids: [65534]", &[]),
    ];
    for (keys, expected) in rows {
        assert_eq!(admitted(&place, keys), expected.iter().copied().collect(), "{{{keys}}}");
    }
}

/// An agent that filters by `keys`, in the kernel where `push_down` says so.
fn filtering(keys: &str, push_down: &str) -> (Agent, Sink) {
    let sink = Sink::start(0);
    let agent = Agent::start(&format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} , push_down: {push_down} }}
receivers:
  ebpf_syscalls: {{collection_interval: 200ms}}
processors:
  process_filter: {{{keys}}}
exporters:
  otlp_grpc: {{endpoint: "{sink}", tls: {{insecure: true}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls], processors: [process_filter], exporters: [otlp_grpc]}}
"#,
        pins = pin_path(),
        sink = sink.address,
    ));
    (agent, sink)
}

/// Calls of getppid by name and pid, of those whose name begins with `prefix`.
fn getppids(sink: &Sink, prefix: &str) -> BTreeMap<(String, String), f64> {
    sink.with(|received| {
        let streams = received.last.iter().filter(|((name, labels), _)| {
            name == "ebpf.syscalls"
                && labels.get("ebpf.syscall.name").is_some_and(|call| call == "getppid")
                && labels.get("ebpf.comm").is_some_and(|comm| comm.starts_with(prefix))
        });
        streams
            .map(|((_, labels), value)| ((labels["ebpf.comm"].clone(), labels["process.pid"].clone()), *value))
            .collect()
    })
}

#[test]
fn a_filter_in_the_kernel_admits_what_one_behind_it_does() {
    // The names of the workload: three by prctl in one process, and one by exec from a thread.
    let rows = [
        (format!("include: [^{}two$]", comm("p.")), vec![("two", CALLS)]),
        (format!("include: [^{}t]", comm("p.")), vec![("two", CALLS), ("three", CALLS)]),
        (
            format!("include: [^{}]", comm("p.")),
            vec![("one", 2 * CALLS), ("two", CALLS), ("three", CALLS), ("exec", CALLS)],
        ),
        (format!("exclude: [{}]", role("p", "one")), vec![("two", CALLS), ("three", CALLS), ("exec", CALLS)]),
        (
            format!("include: [^{}], exclude: [\"{}t*\", {}]", comm("p."), comm("p."), role("p", "exec")),
            vec![("one", 2 * CALLS)],
        ),
    ];
    for (keys, expected) in rows {
        let agents = [filtering(&keys, "true"), filtering(&keys, "false")];
        Workload::start(main_of("p"), "renamed", &[CALLS, 700]).finish();
        Workload::start(role("p", "exec"), "exec", &[CALLS]).finish();
        let [kernel, behind] = agents.map(|(agent, sink)| {
            let (status, log) = agent.stop();
            assert!(status.success(), "{log}");
            getppids(&sink, comm("p."))
        });
        assert_eq!(kernel, behind, "{keys}");
        let mut by_name = BTreeMap::new();
        for ((name, _), calls) in kernel {
            *by_name.entry(name).or_default() += calls;
        }
        let expected: BTreeMap<String, f64> =
            expected.into_iter().map(|(name, calls)| (role("p", name).to_owned(), calls as f64)).collect();
        assert_eq!(by_name, expected, "{keys}");
    }
}

#[test]
fn a_sample_thins_the_time_and_not_the_count() {
    let measurement = Measurement::start_with("sample_rate: 25", &[("ebpf_syscalls", "")]);
    Workload::start(main_of("sr"), "getppid", &[100_000]).finish();
    let own: f64 = Workload::start(role("sr", "slp"), "sleep", &[400, 5]).finish().trim().parse().unwrap();
    let sink = measurement.end();
    let calls = |comm: &str, call: &str| sink.sum("ebpf.syscalls", &[("ebpf.comm", comm), ("ebpf.syscall.name", call)]);
    assert_eq!(calls(main_of("sr"), "getppid"), 100_000.0);
    assert_eq!(calls(role("sr", "slp"), "nanosleep"), 400.0);
    let timed = sink.sum("ebpf.syscall.time", &[("ebpf.comm", role("sr", "slp")), ("ebpf.syscall.name", "nanosleep")]);
    let share = timed * 1e9 / own;
    // A quarter is measured and stands for all. Some sleeps last long on a machine that is short of time.
    assert!((0.5..2.0).contains(&share), "{share} of the time of 400 sleeps");
    let sampled = sink.sum("tfo.ebpf.loss", &[("reason", "sampled")]);
    let all = sink.sum("ebpf.syscalls", &[]);
    println!("{share} of the time of the sleeps; {sampled} of {all} calls without a time");
    assert!(sampled >= 74_000.0, "three quarters of what this test alone did");
    assert!((0.70..0.80).contains(&(sampled / all)), "{sampled} of {all}");
}
