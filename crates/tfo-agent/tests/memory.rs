//! Exactness of page faults, against what the kernel says of the same process, and of kills for want of memory,
//! against what its memory cgroup says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::eventually;
use support::measure::{Measurement, main_of, role};
use support::sink::Sink;
use support::workload::{Workload, facts, program};

/// Minor and major faults of a process since it was forked, by `/proc/PID/stat`.
fn books(pid: u32) -> [f64; 2] {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = text[text.rfind(')').unwrap()..].split_whitespace().collect();
    // The state stands at 1 here, and minflt, cminflt, majflt come seven places after it.
    [fields[8].parse().unwrap(), fields[10].parse().unwrap()]
}

/// Faults of a process under all its names, minor and major.
fn faults(sink: &Sink, pid: &str, more: &[(&str, &str)]) -> [f64; 2] {
    ["minor", "major"].map(|kind| {
        let attributes = [&[("process.pid", pid), ("system.paging.fault.type", kind)], more].concat();
        sink.sum("process.paging.faults", &attributes)
    })
}

/// Lets a workload fault, and compares all that its process ever did with the kernel's books; returns minor and major
/// faults of the work itself, and those that it shows as made in the kernel.
fn compare(test: &str, what: &str, number: u64) -> ([f64; 2], [f64; 2]) {
    compare_beside(test, what, number, &[])
}

/// The same with other receivers beside it.
fn compare_beside(test: &str, what: &str, number: u64, others: &[(&str, &str)]) -> ([f64; 2], [f64; 2]) {
    let measurement = Measurement::start(&[&[("ebpf_memory", "")], others].concat());
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.current_dir(directory.path());
    let mut load = Workload::spawn(command, main_of(test), what, &[number]);
    let work = facts(&format!("{}\n{}", load.line(), load.line()));
    load.rested();
    let pid = load.pid();
    eventually("the process at rest", 60, || {
        fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") S ").then_some(())
    });
    let kernel = books(pid);
    let label = pid.to_string();
    let shown = eventually("the same books at the sink", 10, || {
        let shown = faults(&measurement.sink, &label, &[]);
        (shown[0] >= kernel[0] && shown[1] >= kernel[1]).then_some(shown)
    });
    println!("{what}: work {work:?}, kernel {kernel:?}, shown {shown:?}");
    assert_eq!(shown, kernel);
    let page = measurement.agent.page(0);
    let names = ["tfo_ebpf_memory_minor_faults", "tfo_ebpf_memory_major_faults", "tfo_ebpf_memory_page_faults"];
    let on_page = names.map(|name| page.sum(name, &[("pid", &label)]).unwrap_or(0.0));
    assert_eq!(on_page, [kernel[0], kernel[1], kernel[0] + kernel[1]]);
    let in_kernel = faults(&measurement.sink, &label, &[("ebpf.comm", main_of(test)), ("ebpf.paging.mode", "kernel")]);
    load.finish();
    measurement.end();
    ([work["minor"], work["major"]], in_kernel)
}

#[test]
fn minor_faults_equal_getrusage_to_the_last() {
    let (work, in_kernel) = compare("mu", "user-faults", 10_000);
    assert_eq!(work[1], 0.0, "the workload itself");
    assert!((10_000.0..10_010.0).contains(&work[0]), "the workload itself: {work:?}");
    assert!(in_kernel[0] < 300.0, "{in_kernel:?} of the user's are the kernel's");
}

#[test]
fn faults_that_the_kernel_makes_for_a_read_are_counted_and_marked() {
    let (work, in_kernel) = compare("mk", "kernel-faults", 5_000);
    assert!((5_000.0..5_010.0).contains(&work[0]), "the workload itself: {work:?}");
    assert!((5_000.0..5_300.0).contains(&in_kernel[0]), "{in_kernel:?}");
}

/// There the end of a call says which faults were the kernel's.
#[test]
fn modes_are_the_same_where_calls_are_followed() {
    let calls = [("ebpf_syscalls", "")];
    let (work, in_kernel) = compare_beside("ck", "kernel-faults", 5_000, &calls);
    assert!((5_000.0..5_010.0).contains(&work[0]), "the workload itself: {work:?}");
    assert!((5_000.0..5_300.0).contains(&in_kernel[0]), "{in_kernel:?}");
    let (_, in_kernel) = compare_beside("cu", "user-faults", 10_000, &calls);
    assert!(in_kernel[0] < 300.0, "{in_kernel:?} of the user's are the kernel's");
}

#[test]
fn major_faults_of_a_file_that_is_not_in_memory_equal_getrusage_to_the_last() {
    let (work, _) = compare("mm", "major-faults", 300);
    assert_eq!(work[1], 300.0, "the workload itself: is the directory of temporary files on a disk?");
}

#[test]
fn faults_of_fetching_instructions_are_not_major_for_that() {
    let (work, _) = compare("mf", "fetch-faults", 200);
    assert_eq!(work[1], 0.0, "the workload itself");
    assert!((200.0..210.0).contains(&work[0]), "the workload itself: {work:?}");
}

/// A memory cgroup with a limit, in the hierarchy that this machine has.
struct Cgroup {
    path: PathBuf,
    kills: &'static str,
}

impl Cgroup {
    fn new(limit: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let memory = |fields: &Vec<&str>| match fields[2] {
            "cgroup" => fields[3].split(',').any(|option| option == "memory"),
            "cgroup2" => {
                let controllers = fs::read_to_string(Path::new(fields[1]).join("cgroup.controllers")).unwrap();
                controllers.split_whitespace().any(|controller| controller == "memory")
            }
            _ => false,
        };
        let mount: Vec<Vec<&str>> = mounts.filter(memory).collect();
        let (root, version) = (Path::new(mount[0][1]), mount[0][2]);
        let path = root.join(format!("tfo-test-oom-{}", std::process::id()));
        let (maximum, kills) = if version == "cgroup" {
            ("memory.limit_in_bytes", "memory.oom_control")
        } else {
            fs::write(root.join("cgroup.subtree_control"), "+memory").unwrap();
            ("memory.max", "memory.events")
        };
        fs::create_dir(&path).unwrap();
        let cgroup = Self { path, kills };
        fs::write(cgroup.path.join(maximum), limit).unwrap();
        // Where there is swap, it would be used up first.
        let _ = fs::write(cgroup.path.join("memory.swap.max"), "0");
        let _ = fs::write(cgroup.path.join("memory.memsw.limit_in_bytes"), limit);
        cgroup
    }

    /// How many processes the kernel has killed in it.
    fn kills(&self) -> f64 {
        let text = fs::read_to_string(self.path.join(self.kills)).unwrap();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")).unwrap().parse().unwrap()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
}

#[test]
fn a_kill_for_want_of_memory_is_counted_once_and_for_the_victim() {
    let cgroup = Cgroup::new("33554432");
    let measurement = Measurement::start(&[("ebpf_memory", "")]);
    let mut command = Command::new("sh");
    command.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(cgroup.path.join("cgroup.procs")).arg(program());
    let printed = Workload::spawn(command, main_of("oo"), "eater", &[3, 128]).finish();
    let victims: Vec<&str> = printed.lines().map(|line| line.strip_prefix("victim ").unwrap()).collect();
    assert_eq!((victims.len(), cgroup.kills()), (3, 3.0), "the workload itself");
    let sink = measurement.end();
    for victim in victims {
        assert_eq!(sink.sum("ebpf.memory.oom_kills", &[("process.pid", victim)]), 1.0, "{victim}");
    }
    assert_eq!(sink.sum("ebpf.memory.oom_kills", &[("ebpf.comm", role("oo", "eater"))]), 3.0);
    assert_eq!(sink.sum("ebpf.memory.oom_kills", &[("ebpf.comm", main_of("oo"))]), 0.0);
}
