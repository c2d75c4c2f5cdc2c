//! Names and labels that become one: no page is broken by it, whatever the metrics are called.

use pdata::{ExponentialHistogram, HistogramMetric};

use super::histograms::{latency, of_syscall, point};
use super::*;

const OPEN_METRICS: Format = Format { syntax: Syntax::OpenMetrics, latest: true, ..Format::TEXT };

fn named(name: &'static str, instrument: Instrument) -> Descriptor {
    Descriptor { instrument, description: "".into(), ..descriptor(name, "", NumberKind::Unsigned) }
}

fn of(own: Vec<StaticAttribute>, bits: u64, time: u64) -> Point {
    Point { attributes: Arc::new(Attributes::new(own)), start: 1, time, bits }
}

/// The lines of a page, and the metrics that are not on it.
fn with_refused(latest: &Latest, format: Format) -> (Vec<String>, Vec<String>) {
    let options = options(Naming::Otel);
    let (plan, refused) = Plan::new(latest, &options, format);
    (lines_of(latest, &options, &plan), refused.into_iter().map(|refused| refused.metric).collect())
}

#[test]
fn of_two_kinds_under_one_name_the_first_has_it() {
    let mut latest = Latest::default();
    put(&mut latest, "", named("a.b.total", Instrument::Counter), vec![of(vec![], 1, 1)]);
    put(&mut latest, "", named("a_b_total", Instrument::Gauge), vec![of(vec![], 2, 1)]);
    put(&mut latest, "x", named("a/b", Instrument::Counter), vec![of(vec![], 3, 1)]);
    let (lines, refused) = with_refused(&latest, Format::TEXT);
    assert_eq!(refused, ["a_b_total"]);
    assert_eq!(lines, ["# TYPE a_b_total counter", "a_b_total 1", r#"a_b_total{otel_scope_name="x"} 3"#]);
}

#[test]
fn a_name_that_is_a_line_of_another_family_is_refused_where_it_would_be_one() {
    let mut latest = Latest::default();
    let histogram = Arc::new(Descriptor { unit: "".into(), name: "d".into(), ..latency("") });
    let points = vec![point(&of_syscall("read"), 1, ExponentialHistogram::default())];
    put(&mut latest, "", named("d.count", Instrument::Gauge), vec![of(vec![], 2, 1)]);
    put(&mut latest, "", named("d", Instrument::Counter), vec![of(vec![], 2, 1)]);
    put(&mut latest, "", named("target.info", Instrument::Gauge), vec![of(vec![], 2, 1)]);
    put(&mut latest, "", named("...", Instrument::Gauge), vec![of(vec![], 2, 1)]);
    let histograms = vec![HistogramMetric { descriptor: histogram, points: points.into() }];
    merge(&mut latest, "", Metrics { histograms, ..Metrics::default() });
    let (lines, refused) = with_refused(&latest, Format::TEXT);
    assert_eq!(refused, ["target.info", "...", "d"], "the histogram has a line d_count: {lines:?}");
    assert_eq!(lines, ["# TYPE d_count gauge", "d_count 2", "# TYPE d_total counter", "d_total 2"]);

    // There the counter's family is called d, whatever its lines are.
    let mut latest = Latest::default();
    put(&mut latest, "", named("d", Instrument::Counter), vec![of(vec![], 2, 1)]);
    put(&mut latest, "", named("d", Instrument::Gauge), vec![of(vec![], 2, 1)]);
    assert_eq!(with_refused(&latest, OPEN_METRICS).1, ["d"]);
    assert!(with_refused(&latest, Format::TEXT).1.is_empty());
}

#[test]
fn attributes_that_are_one_label_are_told_side_by_side_in_the_order_of_their_keys() {
    let mut latest = Latest::default();
    let text = AttributeValue::Static;
    let points = vec![
        of(vec![("a_b", text("2")), ("a.b", text("1")), ("c", text("3"))], 1, 1),
        of(vec![("a.b", text("1"))], 2, 1),
        of(vec![("otel.scope.name", text("mine")), ("le", text("5")), ("__name__", text("evil"))], 3, 1),
        of(vec![("", text("empty"))], 4, 1),
    ];
    put(&mut latest, "lib", named("m", Instrument::Gauge), points);
    let (lines, _) = with_refused(&latest, Format::TEXT);
    assert_eq!(
        lines[1..],
        [
            r#"m{_="empty",otel_scope_name="lib"} 4"#,
            r#"m{a_b="1",otel_scope_name="lib"} 2"#,
            r#"m{a_b="1;2",c="3",otel_scope_name="lib"} 1"#,
            r#"m{key___name__="evil",le="5",otel_scope_name="mine;lib"} 3"#,
        ]
    );
    let mut latest = Latest::default();
    let histogram = ExponentialHistogram::default();
    let le = Arc::new(Attributes::new(vec![("le", text("5"))]));
    let histograms =
        vec![HistogramMetric { descriptor: Arc::new(latency("")), points: vec![point(&le, 1, histogram)].into() }];
    merge(&mut latest, "", Metrics { histograms, ..Metrics::default() });
    let (lines, _) = with_refused(&latest, Format::TEXT);
    assert_eq!(lines[1], r#"ebpf_syscall_duration_seconds_bucket{key_le="5",le="+Inf"} 0"#);
}

#[test]
fn labels_are_one_series_whatever_order_their_keys_stood_in() {
    let mut latest = Latest::default();
    let text = AttributeValue::Static;
    // Before the first of these there is no other key for the label __b; behind it another stands between.
    let points = vec![
        of(vec![(" _b", text("x")), ("9", text("w"))], 1, 1),
        of(vec![("9", text("w")), ("`_b", text("x"))], 2, 1),
    ];
    put(&mut latest, "", named("m", Instrument::Counter), points);
    let (lines, _) = with_refused(&latest, Format::TEXT);
    assert_eq!(lines, ["# TYPE m_total counter", r#"m_total{__b="x",key_9="w"} 3"#]);

    let resources = [[("a b", "x"), ("a.a", "y")], [("a.a", "y"), ("a_b", "x")]];
    let mut latest = Latest::default();
    for resource in resources {
        let resource = Resource::new(resource.map(|(key, value)| (key, text(value))).to_vec());
        let descriptor = Arc::new(named("m", Instrument::Gauge));
        let metric = Metric { descriptor, points: vec![of(vec![], 1, 1)].into() };
        latest.merge(&Batch::of(Arc::new(resource), Arc::new(Scope::new("", "")), vec![metric]));
    }
    let options = Options { resource_labels: true, ..options(Naming::Otel) };
    let page = page_of(&latest, &options, Format::TEXT);
    assert_eq!(page[2..], [r#"target_info{a_a="y",a_b="x"} 1"#, "# TYPE m gauge", r#"m{a_a="y",a_b="x"} 1"#]);
}

#[test]
fn of_two_sources_with_one_series_the_later_point_is_on_the_page() {
    for (times, expected) in [([5, 7], "m 20"), ([7, 5], "m 10"), ([5, 5], "m 20")] {
        let mut latest = Latest::default();
        for (host, (time, bits)) in ["a", "b"].into_iter().zip(times.into_iter().zip([10, 20])) {
            let resource = Resource::new(vec![("service.version", AttributeValue::Static(host))]);
            let scope = Arc::new(Scope::new("", ""));
            let metric = Metric {
                descriptor: Arc::new(named("m", Instrument::Gauge)),
                points: vec![of(vec![], bits, time)].into(),
            };
            latest.merge(&Batch::of(Arc::new(resource), scope, vec![metric]));
        }
        let (lines, _) = with_refused(&latest, Format::TEXT);
        assert_eq!(lines.last().map(String::as_str), Some(expected), "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("target_info{")).count(), 2);
    }
}

#[test]
fn const_labels_stand_on_the_guide_s_samples_too_and_never_twice() {
    let mut latest = Latest::default();
    put(&mut latest, "", calls(NumberKind::Unsigned), vec![of_process(7, "sh", vec![syscall("read")], 5)]);
    let label = |name: &str| (name.to_owned(), "mine".to_owned());
    let options = Options { const_labels: vec![label("pid"), label("zone")], ..options(Naming::Seed) };
    let page = page_of(&latest, &options, Format::TEXT);
    assert_eq!(page[2], r#"tfo_ebpf_syscall_count{pid="7",comm="sh",syscall="read",zone="mine"} 5"#);
}
