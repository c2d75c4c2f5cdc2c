//! A machine that does not let the agent measure: it says which sub-collectors are off, why and what to do,
//! keeps its page and everything else running, and ends in order.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::agent::{Agent, as_nobody, binary, binary_for_all, pin_path, without};
use support::eventually;
use support::workload::Workload;

/// Both sub-collectors, one after the other on one page; `keys` go to the extension.
fn configuration(pins: &str, keys: &str) -> String {
    format!(
        r#"
extensions:
  ebpf: {{pin_path: {pins} , {keys}}}
receivers:
  ebpf_syscalls: {{collection_interval: 200ms}}
  ebpf_scheduler: {{collection_interval: 200ms}}
exporters:
  prometheus: {{endpoint: "localhost:0"}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_syscalls, ebpf_scheduler], exporters: [prometheus]}}
"#
    )
}

/// Starts the agent by `command`, which lacks something, and waits until its service runs.
fn start(command: Command, pins: &str, keys: &str) -> Agent {
    let agent = Agent::spawn(&["start"], &configuration(pins, keys), command);
    agent.expect_log("service started", 20);
    agent
}

/// Both sub-collectors are off for a reason that contains all of `reason`; the page answers and the end is in order.
fn expect_disabled(agent: Agent, pins: &str, reason: &[&str]) {
    for name in ["syscalls", "scheduler"] {
        let line = agent.expect_log(&format!("ebpf: Failed to load {name} programs, disabling"), 5);
        assert!(line.contains("WARN"), "{line}");
        for words in reason {
            assert!(line.contains(words), "{words:?} is not in: {line}");
        }
    }
    let attached = eventually("both marked as failed", 60, || {
        let page = agent.page(0);
        let found: Vec<f64> = page.find("tfo_ebpf_attached", &[]).map(|sample| sample.value).collect();
        (!found.is_empty()).then_some(found)
    });
    assert_eq!(attached, [0.0, 0.0]);
    assert_eq!(agent.page(0).sum("tfo_ebpf_syscall_count", &[]), None);
    let (status, log) = agent.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("service stopping"), "{log}");
    assert!(!Path::new(pins).exists(), "left pins");
}

#[test]
fn without_any_capability_both_missing_ones_are_named_with_the_command_that_gives_them() {
    let (_directory, program) = binary_for_all();
    let pins = pin_path();
    // Nobody, who has none; a file may still have them, since nothing is bounded.
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
    let agent = start(nobody, &pins, "");
    let command = format!("run: sudo setcap cap_bpf,cap_perfmon+ep {} (or start it as root)", program.display());
    let reason = ["Operation not permitted loading BPF programs", "missing CAP_BPF and CAP_PERFMON;", &command];
    expect_disabled(agent, &pins, &reason);
}

#[test]
fn with_only_cap_perfmon_missing_only_that_is_named() {
    let (_directory, program) = binary_for_all();
    let pins = pin_path();
    let agent = start(as_nobody(&program, ",+bpf"), &pins, "");
    expect_disabled(
        agent,
        &pins,
        &[
            "Operation not permitted loading BPF programs: missing CAP_PERFMON, and the bounding set does not allow it either;",
            "CapabilityBoundingSet= and AmbientCapabilities=CAP_PERFMON",
        ],
    );
}

#[test]
fn the_two_capabilities_are_enough_without_root() {
    let (_directory, program) = binary_for_all();
    let pins = pin_path();
    let agent = start(as_nobody(&program, ",+bpf,+perfmon"), &pins, "");
    expect_counting(&agent);
    assert!(!agent.log().contains("Failed to load"), "{}", agent.log());
    assert_eq!(agent.stop().0.code(), Some(0));
    assert!(!Path::new(&pins).exists(), "left pins");
}

const BTF: &str = "/sys/kernel/btf";
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug"];

#[test]
fn without_btf_the_tier_of_tracepoints_is_taken_and_what_it_cannot_do_is_told() {
    let pins = pin_path();
    let agent = start(without(&[BTF], &[]), &pins, "");
    expect_counting(&agent);
    let log = agent.log();
    assert!(log.contains("tier taken tier=\"tracepoint\"") && !log.contains("Failed to load"), "{log}");
    assert!(log.contains("without BTF nothing can be pinned: counts end with the agent"), "{log}");
    assert!(agent.page(0).sum("tfo_ebpf_program_attached", &[("tier", "tracepoint")]) >= Some(9.0), "{log}");
    assert_eq!(agent.stop().0.code(), Some(0));
    assert!(!Path::new(&pins).exists(), "left pins");
}

#[test]
fn without_btf_and_tracefs_both_are_told_with_the_kernel_option_and_the_mount_command() {
    let pins = pin_path();
    let agent = start(without(&[BTF, TRACEFS[0], TRACEFS[1]], &[]), &pins, "");
    let reason = [
        "BTF not available: /sys/kernel/btf/vmlinux does not exist",
        "CONFIG_DEBUG_INFO_BTF=y",
        "tracefs is not mounted; run: sudo mount -t tracefs tracefs /sys/kernel/tracing",
    ];
    expect_disabled(agent, &pins, &reason);
}

#[test]
fn without_btf_no_other_tier_is_loaded() {
    let pins = pin_path();
    let agent = start(without(&[BTF], &[]), &pins, "tiers: [task_storage, hash]");
    expect_disabled(agent, &pins, &["BTF not available: /sys/kernel/btf/vmlinux does not exist"]);
}

#[test]
fn a_btf_path_that_leads_to_none_is_told_with_the_reason_and_how_to_make_one() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("text.btf");
    fs::write(&text, "this is no BTF, however long it may be, and it never will be").unwrap();
    let rows = [
        (directory.path().join("missing.btf"), "No such file or directory"),
        (directory.path().to_owned(), "Is a directory"),
        (text, "error parsing BTF header"),
    ];
    for (path, reason) in rows {
        let pins = pin_path();
        let agent = start(binary(), &pins, &format!("btf_path: {}", path.display()));
        let place = format!("btf_path {}: ", path.display());
        expect_disabled(agent, &pins, &[&place, reason, "make one with: pahole --btf_encode_detached"]);
    }
}

#[test]
fn without_a_bpffs_the_mount_command_is_told_and_everything_is_measured_unpinned() {
    let pins = pin_path();
    let agent = start(without(&["/sys/fs/bpf"], &[]), &pins, "");
    let line = agent.expect_log("maps are not pinned, going on without", 5);
    assert!(line.contains("WARN"), "{line}");
    assert!(
        line.contains("BPF filesystem not mounted at /sys/fs/bpf; run: sudo mount -t bpf bpf /sys/fs/bpf"),
        "{line}"
    );
    assert!(!agent.log().contains("Failed to load"), "{}", agent.log());
    expect_counting(&agent);
    assert_eq!(agent.stop().0.code(), Some(0));
}

/// The page has the calls of a process, to the last one, and its switches.
fn expect_counting(agent: &Agent) {
    let load = Workload::start("tfo-t-degraded", "getppid", &[1_000]);
    let pid = load.pid().to_string();
    load.finish();
    let calls = [("pid", &*pid), ("syscall", "getppid")];
    eventually("the calls", 10, || agent.page(0).sum("tfo_ebpf_syscall_count", &calls).filter(|seen| *seen == 1_000.0));
    eventually("the scheduler's series", 10, || agent.page(0).sum("tfo_ebpf_sched_context_switches", &[]));
}
