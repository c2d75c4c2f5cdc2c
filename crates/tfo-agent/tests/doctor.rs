//! `tfo-agent doctor` on machines that lack something, each broken for real: what is wrong is told with what mends it,
//! everything else is as it was, and the exit code tells.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use support::agent::{Agent, as_nobody, as_nobody_with, binary, binary_for_all, pin_path, setpriv, without};
use support::doctor::{ALL, Answer};
use support::workload::Workload;

const BTF: &str = "/sys/kernel/btf";
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug"];

/// Troubleshooting entries of the operations guide, by their headings.
const NOT_MOUNTED: &str = "\"BPF filesystem not mounted\"";
const NOT_PERMITTED: &str = "\"Operation not permitted\" loading BPF programs";
const NO_BTF: &str = "\"BTF not available\" / CO-RE relocation errors";
const FAILED_TO_LOAD: &str = "Sub-collector reports \"Failed to load\"";

/// All sub-collectors on a page of their own, with `keys` of the extension; a file that ends with the directory.
fn configuration(keys: &str, exporters: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    let receivers = ALL.map(|name| format!("ebpf_{name}: {{collection_interval: 200ms}}")).join(", ");
    let ids = ALL.map(|name| format!("ebpf_{name}")).join(", ");
    let text = format!(
        "extensions: {{ebpf: {{{keys}}}}}\nreceivers: {{{receivers}}}\nexporters: {{{exporters}}}\nservice:\n  extensions: [ebpf]\n  \
         pipelines: {{metrics: {{receivers: [{ids}], exporters: [prometheus]}}}}\n"
    );
    fs::write(&path, text).unwrap();
    (directory, path.to_str().unwrap().to_owned())
}

const PAGE: &str = "prometheus: {endpoint: \"localhost:0\"}";

/// What is pinned in `directory`, but for what is below.
fn pinned(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().display().to_string()).collect();
    names.sort();
    names
}

#[test]
fn on_a_sound_host_everything_is_ok_and_every_sub_collector_counts_what_is_made() {
    let answer = Answer::of(binary(), &[]);
    answer.only(&[]).expect("BTF", "ok", &["/sys/kernel/btf/vmlinux"], "");
    answer.expect("capabilities", "ok", &["effective ", "bounding "], "");
    for name in [
        "kernel",
        "bpffs",
        "perf_event_paranoid",
        "unprivileged_bpf_disabled",
        "lockdown",
        "LSM",
        "cgroups",
        "JIT",
        "locked memory",
        "tracefs",
        "container",
        "PID namespace",
        "programs",
    ] {
        answer.check(name);
    }
}

#[test]
fn a_running_agent_counts_on_and_nothing_is_left_behind() {
    let pins = pin_path();
    let keys = format!("pin_path: {pins} ");
    let (_directory, file) = configuration(&keys, PAGE);
    let agent = Agent::start(&fs::read_to_string(&file).unwrap());
    let asked = std::thread::spawn(move || Answer::of(binary(), &["--config", &file]));
    let load = Workload::start("tfo-t-doctor", "getppid", &[100_000]);
    let pid = load.pid().to_string();
    load.finish();
    let before = pinned(&pins);
    let answer = asked.join().unwrap();
    answer.only(&[]).expect("bpffs", "ok", &["a tfo-agent runs on", &format!("pid {}", agent.pid())], "");
    assert_eq!(pinned(&pins), before);
    let calls = [("pid", &*pid), ("syscall", "getppid")];
    let all = |seen: &f64| (*seen - 100_000.0).abs() < 0.5;
    support::eventually("the calls", 60, || agent.page(0).sum("tfo_ebpf_syscall_count", &calls).filter(all));
    let (status, log) = agent.stop();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn without_a_bpffs_the_mount_command_is_told_and_all_else_works() {
    let answer = Answer::of(without(&["/sys/fs/bpf"], &[]), &[]);
    let found = ["BPF filesystem not mounted at /sys/fs", "counts would end with the agent"];
    answer.only(&["bpffs"]).expect("bpffs", "wrong", &found, "run: sudo mount -t bpf bpf /sys/fs/bpf");
    answer.answers("bpffs", NOT_MOUNTED);
}

#[test]
fn without_btf_it_is_told_what_the_tier_of_tracepoints_cannot_do() {
    let answer = Answer::of(without(&[BTF], &[]), &[]);
    let found = ["BTF not available: /sys/kernel/btf/vmlinux does not exist"];
    answer.only(&[]).expect("BTF", "note", &found, "(check: ls -l /sys/kernel/btf/vmlinux)");
    answer.expect("programs", "note", &["tier tracepoint"], "CONFIG_DEBUG_INFO_BTF=y");
    answer.answers("BTF", NO_BTF).answers("programs", NO_BTF);
}

#[test]
fn without_btf_and_tracefs_both_are_wrong_and_so_are_all_sub_collectors() {
    let answer = Answer::of(without(&[BTF, TRACEFS[0], TRACEFS[1]], &[]), &[]);
    assert_eq!(answer.states("wrong"), [&["BTF", "tracefs"][..], &ALL].concat());
    let mount = "run: sudo mount -t tracefs tracefs /sys/kernel/tracing";
    answer.expect("tracefs", "wrong", &["tracefs is not mounted"], mount);
    for name in ALL {
        answer.expect(name, "wrong", &["Failed to load: BTF not available", "tracefs is not mounted"], mount);
        answer.answers(name, NO_BTF);
    }
}

#[test]
fn a_tracepoint_that_the_kernel_lacks_disables_what_needs_it_and_nothing_else() {
    let answer = Answer::of(without(&[BTF, "/sys/kernel/tracing/events/raw_syscalls"], &[]), &[]);
    answer.only(&["syscalls", "fileio"]);
    let found = ["Failed to load: tracepoint raw_syscalls/sys_e", "this kernel has no such tracepoint"];
    let check = "_enter /sys/kernel/tracing/available_events)";
    answer.expect("fileio", "wrong", &found, "(check: grep sys_e").answers("fileio", FAILED_TO_LOAD);
    let mend = answer.check("syscalls")["mend"].as_str().unwrap();
    assert!(mend.contains(check) || mend.contains("sys_exit /sys/kernel/tracing/available_events)"), "{mend}");
}

#[test]
fn without_any_capability_the_command_that_gives_them_is_told() {
    let (_directory, program) = binary_for_all();
    let answer = Answer::of(nobody(&program, "", ",+bpf,+perfmon"), &[]);
    let command = format!("run: sudo setcap cap_bpf,cap_perfmon+ep {}", program.display());
    answer.expect("capabilities", "wrong", &["missing CAP_BPF and CAP_PERFMON"], &command);
    answer.answers("capabilities", NOT_PERMITTED);
    for name in ALL {
        let found = ["Failed to load: Operation not permitted loading BPF programs: missing CAP_BPF and CAP_PERFMON"];
        answer.expect(name, "wrong", &found, &command).answers(name, NOT_PERMITTED);
    }
}

#[test]
fn with_only_cap_perfmon_missing_only_that_is_named() {
    let (_directory, program) = binary_for_all();
    let answer = Answer::of(nobody(&program, ",+bpf", ",+bpf,+perfmon"), &[]);
    let check = answer.check("capabilities");
    assert_eq!(check["found"], "missing CAP_PERFMON", "{check:#}");
    answer.expect("capabilities", "wrong", &[], "run: sudo setcap cap_bpf,cap_perfmon+ep");
    answer.expect("scheduler", "wrong", &["missing CAP_PERFMON"], "run: sudo setcap");
}

#[test]
fn where_the_bounding_set_lacks_them_it_is_told_to_whom_to_turn() {
    let (_directory, program) = binary_for_all();
    let answer = Answer::of(as_nobody(&program, ""), &[]);
    let found = ["missing CAP_BPF and CAP_PERFMON, and the bounding set does not allow it either"];
    answer.expect("capabilities", "wrong", &found, "docker run --cap-add CAP_BPF --cap-add CAP_PERFMON");
}

#[test]
fn the_two_capabilities_are_all_that_it_needs() {
    let (_directory, program) = binary_for_all();
    let answer = Answer::of(as_nobody(&program, ",+bpf,+perfmon"), &[]);
    // Whether a user may pin is up to who has mounted the bpffs.
    let wrong: Vec<_> = answer.states("wrong").into_iter().filter(|name| *name != "bpffs").collect();
    assert!(wrong.is_empty(), "{:#}", answer.report);
    answer.expect("capabilities", "ok", &["effective CAP_BPF CAP_PERFMON"], "");
}

#[test]
fn in_a_user_namespace_all_capabilities_are_worth_nothing_and_that_is_told() {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user"]).arg(binary().get_program());
    let answer = Answer::of(command, &[]);
    let found = ["this is a user namespace"];
    answer.expect("capabilities", "wrong", &found, "no rootless container").answers("capabilities", NOT_PERMITTED);
    answer.expect("memory", "wrong", &found, "no rootless container");
}

#[test]
fn a_btf_path_that_leads_to_none_is_told_with_how_to_make_one() {
    let (_directory, file) = configuration("btf_path: /nonexistent/vmlinux.btf", PAGE);
    let answer = Answer::of(binary(), &["--config", &file]);
    assert_eq!(answer.states("wrong"), ALL);
    let found = ["Failed to load: btf_path /nonexistent/vmlinux.btf: ", "No such file or directory"];
    answer.expect("network", "wrong", &found, "make one with: pahole --btf_encode_detached vmlinux.btf vmlinux");
    answer.answers("network", NO_BTF);
}

#[test]
fn a_pin_path_that_is_on_no_bpffs_is_told_with_one_that_is() {
    let (_directory, file) = configuration("pin_path: /run/tfo-agent", PAGE);
    let answer = Answer::of(binary(), &["--config", &file]);
    answer.only(&["bpffs"]).expect(
        "bpffs",
        "wrong",
        &["/run is not on a BPF filesystem"],
        "a directory in /sys/fs/bpf",
    );
}

#[test]
fn a_pin_path_of_another_user_is_told_with_the_command_that_gives_it() {
    let (_directory, program) = binary_for_all();
    let pins = pin_path();
    fs::create_dir(&pins).unwrap();
    let _abandoned = Abandoned(pins.clone());
    let set = format!("extensions.ebpf.pin_path={pins}");
    let page = "exporters.prometheus.endpoint=localhost:0";
    let answer = Answer::of(as_nobody(&program, ",+bpf,+perfmon"), &["--set", &set, "--set", page]);
    let command = format!("run: sudo chown -R 65534 {pins}");
    answer.only(&["bpffs"]).expect("bpffs", "wrong", &["belongs to uid 0, not to uid 65534"], &command);
}

/// Removes what was left there at the end of a test, however it ends.
struct Abandoned(String);

impl Drop for Abandoned {
    fn drop(&mut self) {
        let _ = binary().args(["unpin", "--pin-path", &self.0]).output();
    }
}

#[test]
fn what_an_agent_left_that_was_killed_is_told_with_how_to_end_it() {
    let pins = pin_path();
    let (_directory, file) = configuration(&format!("pin_path: {pins} "), PAGE);
    Agent::start(&fs::read_to_string(&file).unwrap()).kill_and_leave_pins();
    let _abandoned = Abandoned(pins.clone());
    Answer::of(binary(), &["--config", &file]).only(&[]).expect(
        "bpffs",
        "note",
        &["counts on"],
        &format!("sudo tfo-agent unpin --pin-path {pins}"),
    );
}

#[test]
fn a_port_that_somebody_holds_and_a_far_side_that_nobody_is_are_told_by_name() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let [port, gone] = [&taken, &free].map(|socket| socket.local_addr().unwrap().port());
    drop(free);
    let exporters = format!(
        "prometheus: {{endpoint: \"127.0.0.1:{port}\"}}, otlp_grpc: {{endpoint: \"http://127.0.0.1:{gone}\"}}, \
         otlp_http: {{endpoint: \"http://127.0.0.1:{port}\"}}"
    );
    let (_directory, file) = configuration("", &exporters);
    let text = fs::read_to_string(&file).unwrap().replace("[prometheus]", "[prometheus, otlp_grpc, otlp_http]");
    fs::write(&file, text).unwrap();
    let answer = Answer::of(binary(), &["--config", &file, "--set", "extensions.ebpf.pin_path="]);
    answer.only(&["prometheus", "otlp_grpc"]);
    let pid = std::process::id();
    let mend = "change exporters::prometheus::endpoint, or stop ";
    answer.expect("prometheus", "wrong", &["Address already in use", &format!("(pid {pid})")], mend);
    let found = [&*format!("127.0.0.1:{gone} is not reached"), "Connection refused"];
    answer.expect("otlp_grpc", "wrong", &found, "or change exporters::otlp_grpc::endpoint");
    answer.expect("otlp_http", "ok", &["takes connections"], "");
}

#[test]
fn in_a_pid_namespace_of_its_own_that_is_told() {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--mount-proc"]).arg(binary().get_program());
    let answer = Answer::of(command, &[]);
    answer.only(&[]).expect("PID namespace", "note", &["not the host's"], "docker run --pid host");
}

#[test]
fn without_a_loopback_device_it_is_told_that_nothing_could_be_made() {
    let mut command = Command::new("unshare");
    command.arg("--net").arg(binary().get_program());
    let answer = Answer::of(command, &[]);
    assert!(answer.states("wrong").is_empty(), "{:#}", answer.report);
    let found = ["but 1000 bytes over TCP could not be made"];
    answer.expect("network", "note", &found, "run: sudo ip link set lo up");
}

#[test]
fn without_cgroup_v2_what_filters_lack_is_told() {
    let mut command = Command::new("unshare");
    let script = "umount -l -a -t cgroup2; exec \"$@\"";
    command.args(["--mount", "sh", "-ec", script, "sh"]).arg(binary().get_program());
    let answer = Answer::of(command, &[]);
    let mend = "run: sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup";
    answer.only(&[]).expect("cgroups", "note", &["a filter on cgroups admits nothing"], mend);
}

#[test]
fn a_configuration_with_faults_is_answered_by_them() {
    let (_directory, file) = configuration("pin_path: relative", PAGE);
    let output = binary().args(["doctor", "--config", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).contains("must be an absolute path"));
}

#[test]
fn people_get_a_line_a_check_and_what_to_do_below() {
    let output = without(&["/sys/fs/bpf"], &[]).arg("doctor").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("Host\n  ok    kernel  "), "{text}");
    assert!(text.contains("-> run: sudo mount -t bpf bpf /sys/fs/bpf\n"), "{text}");
    assert!(text.contains("  ok    tcpstate  ") && text.ends_with("This will not work as it is: bpffs.\n"), "{text}");
}

/// Sets a file of /proc/sys, and sets it back at the end.
struct Setting {
    path: &'static str,
    before: String,
}

impl Setting {
    fn change(path: &'static str, value: &str) -> Self {
        let before = fs::read_to_string(path).unwrap();
        fs::write(path, value).unwrap();
        Self { path, before }
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let _ = fs::write(self.path, &self.before);
    }
}

const ALONE: &str = "changes the whole machine: for those of make test-kernels, which run what is ignored";

#[test]
#[ignore = "changes the whole machine: for those of make test-kernels, which run what is ignored"]
fn machine_without_btf_where_perf_is_refused_the_sysctl_is_told() {
    assert!(std::env::var_os("TFO_SLOW").is_some(), "{ALONE}");
    let _level = Setting::change("/proc/sys/kernel/perf_event_paranoid", "3");
    let capabilities = ",+bpf,+perfmon,+dac_read_search";
    // Before 5.11 maps count as locked memory, which is another trouble.
    let unlimited = ["sh", "-c", r#"ulimit -l unlimited; exec "$@""#, "sh"].map(str::to_owned).to_vec();
    let wrapper = [unlimited, setpriv(capabilities, capabilities)].concat();
    let answer = Answer::of(without(&[BTF], &wrapper), &[]);
    let found = ["kernel.perf_event_paranoid is 3"];
    let mend = "run: sudo sysctl kernel.perf_event_paranoid=2";
    answer.expect("perf_event_paranoid", "wrong", &found, mend).expect("memory", "wrong", &found, mend);
}

#[test]
#[ignore = "changes the whole machine: for those of make test-kernels, which run what is ignored"]
fn machine_whose_switches_are_off_is_told_them() {
    assert!(std::env::var_os("TFO_SLOW").is_some(), "{ALONE}");
    let _bpf = Setting::change("/proc/sys/kernel/unprivileged_bpf_disabled", "0");
    let _jit = Setting::change("/proc/sys/net/core/bpf_jit_enable", "0");
    let answer = Answer::of(binary(), &[]);
    let mend = "run: sudo sysctl kernel.unprivileged_bpf_disabled=2";
    answer.expect("unprivileged_bpf_disabled", "note", &["every user may load programs"], mend);
    answer.expect("JIT", "note", &["programs are interpreted"], "run: sudo sysctl net.core.bpf_jit_enable=1");
}

#[test]
#[ignore = "needs a kernel of its own: for those of make test-kernels, which run what is ignored"]
fn machine_before_5_11_with_little_locked_memory_is_told_so_and_later_ones_work() {
    let (_directory, program) = binary_for_all();
    let answer = Answer::of(as_nobody_with(&program, ",+bpf,+perfmon", "64"), &[]);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    if release.starts_with("5.10") {
        let (found, mend) = (["locked memory is limited to 64 KiB"], "LimitMEMLOCK=infinity");
        answer.expect("locked memory", "wrong", &found, mend).expect("syscalls", "wrong", &found, mend);
    } else {
        answer.expect("locked memory", "ok", &[], "").only(&[]);
    }
}

#[test]
fn every_entry_of_the_guide_and_every_command_of_it_is_made_for_real_above() {
    let guide = include_str!("doctor/troubleshooting.md");
    let tests = include_str!("doctor.rs");
    let entries = [NOT_MOUNTED, NOT_PERMITTED, NO_BTF, FAILED_TO_LOAD];
    // What is said where there is no Linux cannot be made here; not_linux.rs has that.
    let headings =
        guide.lines().filter_map(|line| line.strip_prefix("### ")).filter(|heading| !heading.contains("non-Linux"));
    assert_eq!(headings.collect::<Vec<_>>(), entries);
    for answered in ["NOT_MOUNTED)", "NOT_PERMITTED)", "NO_BTF)", "FAILED_TO_LOAD)"] {
        assert!(tests.matches(&format!(", {answered}")).count() > 0, "{answered}");
    }
    for (command, told) in [
        ("sudo mount -t bpf bpf /sys/fs/bpf", "run: sudo mount -t bpf bpf /sys/fs/bpf"),
        ("sudo setcap cap_bpf,cap_perfmon+ep ", "run: sudo setcap cap_bpf,cap_perfmon+ep "),
        ("ls /sys/kernel/btf/vmlinux", "(check: ls -l /sys/kernel/btf/vmlinux)"),
        ("pahole --btf_encode_detached vmlinux.btf vmlinux", "pahole --btf_encode_detached vmlinux.btf vmlinux"),
        ("available_events | grep", "available_events)"),
    ] {
        // Here, and in a test.
        assert!(guide.contains(command) && tests.matches(told).count() > 1, "{command}");
    }
}

/// The agent as `nobody`, who holds `held` and is free to be given `bounding`.
fn nobody(program: &Path, held: &str, bounding: &str) -> Command {
    let words = setpriv(held, bounding);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(program);
    command
}
