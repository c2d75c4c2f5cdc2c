//! Exact text of families.

mod clashes;
mod guide;
mod histograms;
mod messages;
mod open_metrics;

use pdata::{
    AttributeValue, Batch, Instrument, Metric, Metrics, NumberKind, OwnAttributes, Point, Process, Resource, Scope,
    SeedLabel, SeedName, StaticAttribute,
};

use std::sync::Arc;

use super::*;
use crate::naming::Naming;
use crate::tests::options;

static SYSCALL_COUNT: [SeedName; 1] = [SeedName::new(
    "tfo_ebpf_syscall_count",
    &[
        SeedLabel::new("pid", "process.pid"),
        SeedLabel::new("comm", "ebpf.comm"),
        SeedLabel::new("syscall", "ebpf.syscall.name"),
    ],
)];

fn descriptor(name: &'static str, unit: &'static str, number: NumberKind) -> Descriptor {
    let description = "First \\ line.\nSecond.".into();
    Descriptor {
        name: name.into(),
        unit: unit.into(),
        description,
        instrument: Instrument::Counter,
        number,
        ..Default::default()
    }
}

fn calls(number: NumberKind) -> Descriptor {
    Descriptor { seeds: &SYSCALL_COUNT, ..descriptor("ebpf.syscalls", "{call}", number) }
}

fn of_process(pid: u32, comm: &str, own: Vec<StaticAttribute>, bits: u64) -> Point {
    let process = Process { pid, start_boottime: 0, comm: comm.into(), uid: 0, cgroup: None, is_agent: false };
    Point {
        attributes: Arc::new(Attributes::of_process(Arc::new(process), OwnAttributes::new(own))),
        start: 1,
        time: 1,
        bits,
    }
}

fn syscall(name: &'static str) -> StaticAttribute {
    ("ebpf.syscall.name", AttributeValue::Static(name))
}

fn error(name: &'static str) -> StaticAttribute {
    ("error.type", AttributeValue::Static(name))
}

fn put(latest: &mut Latest, scope: &'static str, descriptor: Descriptor, points: Vec<Point>) {
    merge(latest, scope, vec![Metric { descriptor: Arc::new(descriptor), points: points.into() }]);
}

fn merge(latest: &mut Latest, scope: &'static str, metrics: impl Into<Metrics>) {
    let (resource, scope) = (Resource::default(), Scope::new(scope, ""));
    latest.merge(&Batch::of(Arc::new(resource), Arc::new(scope), metrics));
}

/// The whole page; the samples of each family sorted. Of what is on it because of resource and scope, nothing.
fn page(latest: &Latest, naming: Naming) -> Vec<String> {
    page_of(latest, &options(naming), Format::TEXT)
}

fn page_of(latest: &Latest, options: &Options, format: Format) -> Vec<String> {
    let (plan, refused) = Plan::new(latest, options, format);
    assert!(refused.is_empty(), "{refused:?}");
    lines_of(latest, options, &plan)
}

fn lines_of(latest: &Latest, options: &Options, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for index in 0..plan.len() {
        let text = String::from_utf8(render(latest, options, plan, index)).unwrap();
        let (mut head, mut samples): (Vec<_>, Vec<_>) =
            text.lines().map(str::to_owned).partition(|line| line.starts_with('#'));
        samples.sort();
        lines.append(&mut head);
        lines.append(&mut samples);
    }
    lines
}

/// The bytes of the family called `name`.
fn family_of(latest: &Latest, options: &Options, format: Format, name: &str) -> Vec<u8> {
    let (plan, _) = Plan::new(latest, options, format);
    let index = plan.families.iter().position(|family| family.name == name).unwrap();
    render(latest, options, &plan, index)
}

#[test]
fn the_guide_s_names_have_its_labels_and_add_up_over_all_others() {
    let mut latest = Latest::default();
    let points = vec![
        of_process(7, "a\"b\\c\nd", vec![syscall("read"), error("EIO")], u64::MAX / 2),
        of_process(7, "a\"b\\c\nd", vec![syscall("read"), error("EPERM")], 5),
        of_process(8, "sh", vec![syscall("write")], 3),
    ];
    put(&mut latest, "ebpf_syscalls", calls(NumberKind::Nanoseconds), points);
    assert_eq!(
        page(&latest, Naming::Seed),
        [
            r"# HELP tfo_ebpf_syscall_count First \\ line.\nSecond.",
            "# TYPE tfo_ebpf_syscall_count counter",
            r#"tfo_ebpf_syscall_count{pid="7",comm="a\"b\\c\nd",syscall="read"} 9223372036854775812"#,
            r#"tfo_ebpf_syscall_count{pid="8",comm="sh",syscall="write"} 3"#,
        ]
    );
}

#[test]
fn overflow_comes_first_and_keeps_the_labels_that_it_has() {
    let mut latest = Latest::default();
    let overflow = (Attributes::OVERFLOW, AttributeValue::Bool(true));
    let attributes = Arc::new(Attributes::new(vec![overflow, syscall("getppid")]));
    let point = Point { attributes, start: 1, time: 1, bits: 4 };
    put(&mut latest, "ebpf_syscalls", calls(NumberKind::Unsigned), vec![point]);
    assert_eq!(page(&latest, Naming::Seed)[2], r#"tfo_ebpf_syscall_count{overflow="true",syscall="getppid"} 4"#);
    assert_eq!(
        page(&latest, Naming::Otel)[2],
        r#"ebpf_syscalls_total{ebpf_syscall_name="getppid",otel_metric_overflow="true",otel_scope_name="ebpf_syscalls"} 4"#
    );
}

#[test]
fn what_the_guide_lacks_is_printed_with_prefix_and_seconds() {
    let mut latest = Latest::default();
    let points = vec![of_process(7, "sh", vec![error("EIO")], 1_500_000_000)];
    put(&mut latest, "ebpf_file", descriptor("ebpf.file.wait", "s", NumberKind::Nanoseconds), points);
    let depth = Descriptor {
        description: "".into(),
        instrument: Instrument::Gauge,
        ..descriptor("tfo.depth", "", NumberKind::Double)
    };
    let point =
        |bits: f64| Point { attributes: Arc::new(Attributes::new(vec![])), start: 1, time: 1, bits: bits.to_bits() };
    put(&mut latest, "tfo", depth, vec![point(f64::INFINITY)]);
    assert_eq!(
        page(&latest, Naming::Seed)[1..],
        [
            "# TYPE tfo_ebpf_file_wait_seconds_total counter",
            r#"tfo_ebpf_file_wait_seconds_total{pid="7",comm="sh",error_type="EIO"} 1.5"#,
            "# TYPE tfo_depth gauge",
            "tfo_depth +Inf",
        ]
    );
    assert_eq!(
        page(&latest, Naming::Otel)[2],
        r#"ebpf_file_wait_seconds_total{process_pid="7",ebpf_comm="sh",error_type="EIO",otel_scope_name="ebpf_file"} 1.5"#
    );
}

#[test]
fn two_sources_of_one_name_are_one_family_and_the_later_speaks_for_both() {
    let mut latest = Latest::default();
    let point = |pid, bits| of_process(pid, "sh", vec![syscall("read")], bits);
    put(&mut latest, "one", calls(NumberKind::Unsigned), vec![point(1, 10), point(2, 20)]);
    put(&mut latest, "between", descriptor("x", "", NumberKind::Unsigned), vec![point(1, 1)]);
    put(&mut latest, "two", calls(NumberKind::Unsigned), vec![point(2, 21), point(3, 30)]);
    let samples: Vec<String> = page(&latest, Naming::Seed).into_iter().filter(|line| line.contains("count{")).collect();
    assert_eq!(samples.iter().map(|line| line.split(' ').next_back().unwrap()).collect::<Vec<_>>(), ["10", "21", "30"]);
    assert_eq!(Plan::new(&latest, &options(Naming::Seed), Format::TEXT).0.len(), 2);
}

/// Where every family looks through all metrics they take minutes.
#[test]
fn a_hundred_thousand_names_stand_on_one_page() {
    let names = 100_000;
    let mut latest = Latest::default();
    let metric = |id| {
        let name = format!("m.{id}").into();
        let descriptor = Descriptor { name, ..descriptor("", "", NumberKind::Unsigned) };
        Metric { descriptor: Arc::new(descriptor), points: vec![of_process(7, "sh", vec![], id)].into() }
    };
    merge(&mut latest, "", (0..names).map(metric).collect::<Vec<_>>());
    let page = page(&latest, Naming::Otel);
    let samples: Vec<&String> = page.iter().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(samples.len(), usize::try_from(names).unwrap());
    assert_eq!(samples[99_999], r#"m_99999_total{process_pid="7",ebpf_comm="sh"} 99999"#);
}

#[test]
fn a_metric_that_left_and_came_again_while_a_page_is_sent_is_still_on_it() {
    let (mut latest, options) = (Latest::default(), options(Naming::Otel));
    let read = |latest: &mut Latest, bits| {
        let points = vec![of_process(7, "sh", vec![], bits)];
        put(latest, "", Descriptor { description: "".into(), ..descriptor("a", "", NumberKind::Unsigned) }, points);
    };
    read(&mut latest, 1);
    let (plan, _) = Plan::new(&latest, &options, Format::TEXT);
    let _ = latest.take();
    assert!(lines_of(&latest, &options, &plan).is_empty());
    read(&mut latest, 2);
    assert_eq!(lines_of(&latest, &options, &plan)[1], r#"a_total{process_pid="7",ebpf_comm="sh"} 2"#);
}
