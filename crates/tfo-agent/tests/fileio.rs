//! Exactness of file operations: every call that reads, writes, opens or syncs, by its result and by what its
//! descriptor was when it began.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use support::measure::{Measurement, main_of, role};
use support::sink::Sink;
use support::workload::{Workload, facts, program};

const ROUNDS: u64 = 20;

/// A workload in a directory of its own that everybody may look into: `files` is somebody else for a while.
fn workload_in(directory: &tempfile::TempDir, name: &str, what: &str, numbers: &[u64]) -> Workload {
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(program());
    command.current_dir(directory.path());
    Workload::spawn(command, name, what, numbers)
}

/// What one process did, at the sink.
struct Done<'a> {
    sink: &'a Sink,
    comm: &'a str,
}

impl Done<'_> {
    fn operations(&self, operation: &str, file_type: &str) -> f64 {
        let labels = [("ebpf.comm", self.comm), ("ebpf.file.operation", operation), ("ebpf.file.type", file_type)];
        self.sink.sum("ebpf.file.operations", &labels)
    }

    fn all_operations(&self) -> f64 {
        self.sink.sum("ebpf.file.operations", &[("ebpf.comm", self.comm)])
    }

    fn bytes(&self, direction: &str, file_type: &str) -> f64 {
        let labels = [("ebpf.comm", self.comm), ("ebpf.file.operation", direction), ("ebpf.file.type", file_type)];
        self.sink.sum("ebpf.file.io", &labels)
    }

    fn seconds(&self, operation: &str, file_type: &str) -> f64 {
        let labels = [("ebpf.comm", self.comm), ("ebpf.file.operation", operation), ("ebpf.file.type", file_type)];
        self.sink.sum("ebpf.file.operation.time", &labels)
    }

    /// All errors as `operation type errno`.
    fn errors(&self) -> BTreeMap<String, f64> {
        self.sink.with(|received| {
            let streams = received.last.iter().filter(|((name, labels), _)| {
                name == "ebpf.file.errors" && labels.get("ebpf.comm").is_some_and(|comm| comm == self.comm)
            });
            let mut errors = BTreeMap::new();
            for ((_, labels), value) in streams {
                let words = ["ebpf.file.operation", "ebpf.file.type", "error.type"].map(|key| labels[key].as_str());
                *errors.entry(words.join(" ")).or_default() += value;
            }
            errors
        })
    }
}

#[test]
fn operations_bytes_and_errors_of_regular_files_are_exact_and_nothing_else_is_counted() {
    let measurement = Measurement::start(&[("ebpf_fileio", "")]);
    let directory = tempfile::tempdir().unwrap();
    let began = std::time::Instant::now();
    let facts = facts(&workload_in(&directory, main_of("f"), "files", &[ROUNDS]).finish());
    let elapsed = began.elapsed().as_secs_f64();
    println!("{facts:?}");
    let rounds = ROUNDS as f64;
    let page = |operation| [("comm", role("f", "work")), ("operation", operation)];
    // With the failed ones: two reads a round, one write, one fsync.
    measurement.expect_page("tfo_ebpf_fileio_operations", &page("read"), facts["reads"] + 2.0 * rounds);
    measurement.expect_page("tfo_ebpf_fileio_operations", &page("write"), facts["writes"] + rounds);
    measurement.expect_page("tfo_ebpf_fileio_operations", &page("open"), facts["opens"] + facts["failed_opens"]);
    measurement.expect_page("tfo_ebpf_fileio_operations", &page("fsync"), facts["syncs"] + rounds);
    measurement.expect_page("tfo_ebpf_fileio_bytes", &page("read"), facts["bytes_read"]);
    measurement.expect_page("tfo_ebpf_fileio_bytes", &page("write"), facts["bytes_written"]);
    let sink = measurement.end();
    let done = Done { sink: &sink, comm: role("f", "work") };
    // EFAULT is an error of a regular file, and so is EBADF of a write to what is open for reading.
    assert_eq!(done.operations("read", "regular"), facts["reads"] + rounds);
    assert_eq!(done.operations("write", "regular"), facts["writes"] + rounds);
    assert_eq!(done.operations("open", "regular"), facts["opens"]);
    assert_eq!(done.operations("fsync", "regular"), facts["syncs"]);
    // What had no file.
    assert_eq!(done.operations("open", "unknown"), facts["failed_opens"]);
    assert_eq!(done.operations("read", "unknown"), rounds);
    assert_eq!(done.operations("fsync", "unknown"), rounds);
    let known = ["reads", "writes", "opens", "syncs", "failed_opens", "failed_reads", "failed_writes", "failed_syncs"];
    let expected: f64 = known.iter().map(|key| facts[*key]).sum();
    assert_eq!(done.all_operations(), expected, "pipes, sockets, devices or directories are counted");
    assert_eq!(done.bytes("read", "regular"), facts["bytes_read"]);
    assert_eq!(done.bytes("write", "regular"), facts["bytes_written"]);
    assert_eq!(sink.sum("ebpf.file.io", &[("ebpf.comm", done.comm)]), facts["bytes_read"] + facts["bytes_written"]);
    let expected = [
        ("fsync unknown EBADF", 1.0),
        ("open unknown EACCES", 2.0),
        ("open unknown EEXIST", 1.0),
        ("open unknown EINVAL", 1.0),
        ("open unknown ENOENT", 3.0),
        ("open unknown ENOTDIR", 1.0),
        ("read regular EFAULT", 1.0),
        ("read unknown EBADF", 1.0),
        ("write regular EBADF", 1.0),
    ];
    let expected: BTreeMap<String, f64> = expected.map(|(key, each)| (key.to_owned(), each * rounds)).into();
    assert_eq!(done.errors(), expected);
    for operation in ["read", "write", "open", "fsync"] {
        let seconds = done.seconds(operation, "regular");
        assert!(seconds > 0.0 && seconds < elapsed, "{operation}: {seconds} s of {elapsed} s");
    }
}

#[test]
fn other_types_are_counted_where_they_are_asked_for_and_regular_files_are_not() {
    let types = "file_types: [directory, pipe, socket, character_device]";
    let measurement = Measurement::start(&[("ebpf_fileio", types)]);
    let directory = tempfile::tempdir().unwrap();
    let printed = workload_in(&directory, main_of("o"), "files", &[ROUNDS]).finish();
    let facts = facts(&printed);
    let sink = measurement.end();
    let done = Done { sink: &sink, comm: role("o", "work") };
    let rounds = ROUNDS as f64;
    assert_eq!(done.operations("open", "directory"), facts["directories"]);
    // /dev/null and /dev/zero
    assert_eq!(done.operations("open", "character_device"), 2.0 * rounds);
    for file_type in ["pipe", "socket", "character_device"] {
        // What it says, in two writes, goes to a pipe, too.
        let (writes, bytes) = if file_type == "pipe" { (2.0, printed.len() as f64) } else { (0.0, 0.0) };
        assert_eq!(done.operations("read", file_type), 10.0 * rounds, "{file_type}");
        assert_eq!(done.operations("write", file_type), 10.0 * rounds + writes, "{file_type}");
        assert_eq!(done.bytes("read", file_type), 80.0 * rounds, "{file_type}");
        assert_eq!(done.bytes("write", file_type), 80.0 * rounds + bytes, "{file_type}");
    }
    assert_eq!(done.all_operations(), (1.0 + 2.0 + 60.0) * rounds + 2.0, "regular or unknown are counted");
    assert_eq!(done.errors(), BTreeMap::new());
}

#[test]
fn the_time_of_twenty_slow_reads_of_a_fifo_is_the_caller_s_own_within_one_percent() {
    let measurement = Measurement::start(&[("ebpf_fileio", "file_types: [pipe]")]);
    let directory = tempfile::tempdir().unwrap();
    workload_in(&directory, main_of("l"), "slow-pipe", &[20, 50]).finish();
    let own = facts(&fs::read_to_string(directory.path().join("facts")).unwrap())["read_ns"] / 1e9;
    let page = [("comm", role("l", "work")), ("operation", "read")];
    measurement.expect_page("tfo_ebpf_fileio_operations", &page, 20.0);
    let shown = measurement.agent.page(0).sum("tfo_ebpf_fileio_latency_ns", &page).unwrap() / 1e9;
    let sink = measurement.end();
    let done = Done { sink: &sink, comm: role("l", "work") };
    let measured = done.seconds("read", "pipe");
    println!("caller {own} s, measured {measured} s, page {shown} s");
    assert!((measured - own).abs() <= own / 100.0, "caller {own} s, measured {measured} s");
    assert!((measured - shown).abs() < 1e-6, "sink {measured} s, page {shown} s");
    assert_eq!((done.operations("read", "pipe"), done.bytes("read", "pipe")), (20.0, 160.0));
    assert_eq!((done.operations("write", "pipe"), done.bytes("write", "pipe")), (20.0, 160.0));
    assert_eq!(done.operations("open", "pipe"), 1.0);
    assert_eq!(done.all_operations(), 41.0);
}

#[test]
fn a_read_is_of_what_its_descriptor_was_when_it_began() {
    let measurement = Measurement::start(&[("ebpf_fileio", "file_types: [regular, pipe]")]);
    let directory = tempfile::tempdir().unwrap();
    // While the read waits, another thread puts a regular file under the number of the pipe.
    workload_in(&directory, main_of("d"), "closed-pipe", &[25]).finish();
    let sink = measurement.end();
    let done = Done { sink: &sink, comm: role("d", "work") };
    assert_eq!((done.operations("read", "pipe"), done.bytes("read", "pipe")), (25.0, 200.0));
    assert_eq!((done.operations("read", "regular"), done.bytes("read", "regular")), (0.0, 0.0));
    assert_eq!(done.operations("open", "regular"), 25.0);
    assert_eq!(done.operations("write", "pipe"), 25.0);
    assert_eq!(done.all_operations(), 75.0);
}
