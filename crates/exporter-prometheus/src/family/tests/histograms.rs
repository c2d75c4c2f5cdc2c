//! Exact text of histograms.

use pdata::{ExponentialHistogram, HistogramMetric, HistogramPoint};

use super::*;

pub(super) fn latency(description: &'static str) -> Descriptor {
    Descriptor {
        description: description.into(),
        instrument: Instrument::ExponentialHistogram,
        ..descriptor("ebpf.syscall.duration", "s", NumberKind::Nanoseconds)
    }
}

pub(super) fn put_histograms(latest: &mut Latest, descriptor: Descriptor, points: Vec<HistogramPoint>) {
    let histograms = vec![HistogramMetric { descriptor: Arc::new(descriptor), points: points.into() }];
    merge(latest, "test", Metrics { histograms, ..Metrics::default() });
}

pub(super) fn point(attributes: &Arc<Attributes>, time: u64, histogram: ExponentialHistogram) -> HistogramPoint {
    HistogramPoint { attributes: attributes.clone(), start: 1, time, histogram: Arc::new(histogram.into()) }
}

pub(super) fn of_syscall(name: &'static str) -> Arc<Attributes> {
    of_process(7, "sh", vec![syscall(name)], 0).attributes
}

fn lines(latest: &Latest, naming: Naming) -> Vec<String> {
    let options = options(naming);
    let (plan, _) = Plan::new(latest, &options, Format::TEXT);
    let index = plan.families.iter().position(|family| family.kind == Kind::Histogram).unwrap();
    let text = String::from_utf8(render(latest, &options, &plan, index)).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_histogram_is_its_used_edges_infinity_sum_and_count() {
    let mut latest = Latest::default();
    let histogram = ExponentialHistogram {
        scale: 0,
        zero_count: 1,
        offset: -22,
        counts: [0, 2, 0, 3, 0].into(),
        sum: 4_000,
        extras: None,
    };
    put_histograms(&mut latest, latency("Help."), vec![point(&of_syscall("read"), 1, histogram)]);
    assert_eq!(
        lines(&latest, Naming::Seed),
        [
            "# HELP tfo_ebpf_syscall_duration_seconds Help.",
            "# TYPE tfo_ebpf_syscall_duration_seconds histogram",
            r#"tfo_ebpf_syscall_duration_seconds_bucket{pid="7",comm="sh",ebpf_syscall_name="read",le="9.5367431640625e-7"} 3"#,
            r#"tfo_ebpf_syscall_duration_seconds_bucket{pid="7",comm="sh",ebpf_syscall_name="read",le="1.9073486328125e-6"} 3"#,
            r#"tfo_ebpf_syscall_duration_seconds_bucket{pid="7",comm="sh",ebpf_syscall_name="read",le="3.814697265625e-6"} 6"#,
            r#"tfo_ebpf_syscall_duration_seconds_bucket{pid="7",comm="sh",ebpf_syscall_name="read",le="+Inf"} 6"#,
            r#"tfo_ebpf_syscall_duration_seconds_sum{pid="7",comm="sh",ebpf_syscall_name="read"} 0.000004"#,
            r#"tfo_ebpf_syscall_duration_seconds_count{pid="7",comm="sh",ebpf_syscall_name="read"} 6"#,
        ]
    );
    let otel = lines(&latest, Naming::Otel);
    assert_eq!(
        otel[7],
        r#"ebpf_syscall_duration_seconds_count{process_pid="7",ebpf_comm="sh",ebpf_syscall_name="read",otel_scope_name="test"} 6"#
    );
}

#[test]
fn edges_read_back_as_the_double_and_stand_alone_where_there_are_no_labels() {
    let mut latest = Latest::default();
    let none = Arc::new(Attributes::new(vec![]));
    let histogram = ExponentialHistogram { scale: 1, offset: -2, counts: [1, 1, 1].into(), ..Default::default() };
    let histograms =
        vec![HistogramMetric { descriptor: Arc::new(latency("")), points: vec![point(&none, 1, histogram)].into() }];
    merge(&mut latest, "", Metrics { histograms, ..Metrics::default() });
    let lines = lines(&latest, Naming::Otel);
    assert_eq!(lines[1], r#"ebpf_syscall_duration_seconds_bucket{le="0.7071067811865476"} 1"#);
    assert_eq!(lines[2], r#"ebpf_syscall_duration_seconds_bucket{le="1"} 2"#);
    assert_eq!(lines[3], r#"ebpf_syscall_duration_seconds_bucket{le="1.4142135623730951"} 3"#);
    assert_eq!(lines[5..], ["ebpf_syscall_duration_seconds_sum 0", "ebpf_syscall_duration_seconds_count 3"]);
}

#[test]
fn an_edge_that_was_shown_stays_shown() {
    let mut latest = Latest::default();
    let (mut counts, mut shown) = ([0_u64; 64], Vec::new());
    let stream = of_syscall("read");
    for (time, bucket) in (1..).zip([30, 5, 60, 31, 5, 0, 63]) {
        counts[bucket] += 1;
        let histogram = ExponentialHistogram { offset: -30, counts: counts.into(), ..Default::default() };
        put_histograms(&mut latest, latency(""), vec![point(&stream, time, histogram)]);
        let now: Vec<String> = lines(&latest, Naming::Seed)
            .iter()
            .filter_map(|line| Some(line.split_once("le=\"")?.1.split_once('"')?.0.to_owned()))
            .collect();
        assert!(shown.iter().all(|edge| now.contains(edge)), "{shown:?} {now:?}");
        shown = now;
    }
    assert_eq!(shown.len(), 65);
}

#[test]
fn without_observations_there_is_one_bucket() {
    let mut latest = Latest::default();
    put_histograms(&mut latest, latency(""), vec![point(&of_syscall("read"), 1, ExponentialHistogram::default())]);
    let lines = lines(&latest, Naming::Seed);
    assert_eq!(lines.len(), 4);
    assert!(lines[1].ends_with(r#",le="+Inf"} 0"#), "{lines:?}");
}
