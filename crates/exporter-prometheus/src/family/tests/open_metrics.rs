//! Exact text of OpenMetrics, and of names with any character.

use pdata::{ExponentialHistogram, HistogramMetric};

use super::histograms::{latency, of_syscall, point};
use super::*;
use crate::translate::Strategy;

const OPEN_METRICS: Format = Format { syntax: Syntax::OpenMetrics, latest: true, ..Format::TEXT };
const UTF8: Format = Format { utf8: true, ..OPEN_METRICS };

fn of(strategy: Strategy) -> Options {
    let mut options = options(Naming::Otel);
    options.names.strategy = strategy;
    options
}

/// A counter of seconds and a gauge without a unit, of one resource and scope.
fn latest() -> Latest {
    let mut latest = Latest::default();
    let counter =
        Descriptor { description: "Time \"on\" CPU.".into(), ..descriptor("oncpu.time", "s", NumberKind::Nanoseconds) };
    let gauge = Descriptor {
        instrument: Instrument::Gauge,
        description: "".into(),
        ..descriptor("queue.depth", "{item}", NumberKind::Unsigned)
    };
    let of = |bits| {
        let set = Attributes::new(vec![("a.b", AttributeValue::Static("x"))]);
        Point { attributes: Arc::new(set), start: 1_500_000_000_250_000_000, time: 1_700_000_000_000_000_000, bits }
    };
    let metrics = vec![
        Metric { descriptor: Arc::new(counter), points: vec![of(1_500_000_000)].into() },
        Metric { descriptor: Arc::new(gauge), points: vec![of(3)].into() },
    ];
    let text = AttributeValue::Static;
    let attributes = vec![
        ("host.name", text("h")),
        ("service.instance.id", text("i")),
        ("service.name", text("app")),
        ("service.namespace", text("shop")),
    ];
    let scope = Scope::new("lib", "1.0");
    latest.merge(&Batch::of(Arc::new(Resource::new(attributes)), Arc::new(scope), metrics));
    latest
}

#[test]
fn a_counter_is_called_without_its_suffix_and_a_unit_is_told_where_the_name_has_it() {
    assert_eq!(
        page_of(&latest(), &of(Strategy::UnderscoreEscapingWithSuffixes), OPEN_METRICS),
        [
            "# HELP target What is known of where the metrics come from.",
            "# TYPE target info",
            r#"target_info{host_name="h",instance="i",job="shop/app"} 1"#,
            r#"# HELP oncpu_time_seconds Time \"on\" CPU."#,
            "# TYPE oncpu_time_seconds counter",
            "# UNIT oncpu_time_seconds seconds",
            r#"oncpu_time_seconds_total{a_b="x",instance="i",job="shop/app",otel_scope_name="lib",otel_scope_version="1.0"} 1.5"#,
            "# TYPE queue_depth gauge",
            r#"queue_depth{a_b="x",instance="i",job="shop/app",otel_scope_name="lib",otel_scope_version="1.0"} 3"#,
        ]
    );
    let plain = page_of(&latest(), &of(Strategy::UnderscoreEscapingWithoutSuffixes), OPEN_METRICS);
    assert_eq!(plain[4], "# TYPE oncpu_time unknown", "no counter without its suffix");
    assert!(plain[5].starts_with("oncpu_time{a_b="), "and no unit that its name does not have: {plain:?}");
    let (plan, _) = Plan::new(&latest(), &of(Strategy::NoTranslation), OPEN_METRICS);
    assert_eq!(end(&plan), "# EOF\n");
}

#[test]
fn any_character_stands_in_names_where_both_sides_say_so() {
    let labels = r#""a.b"="x",instance="i",job="shop/app",otel_scope_name="lib",otel_scope_version="1.0""#;
    let page = page_of(&latest(), &of(Strategy::NoUtf8EscapingWithSuffixes), UTF8);
    assert_eq!(
        page[4..8],
        [
            r#"# TYPE "oncpu.time_seconds" counter"#.to_owned(),
            r#"# UNIT "oncpu.time_seconds" seconds"#.to_owned(),
            format!(r#"{{"oncpu.time_seconds_total",{labels}}} 1.5"#),
            r#"# TYPE "queue.depth" gauge"#.to_owned(),
        ]
    );
    let text = Format { utf8: true, ..Format::TEXT };
    let page = page_of(&latest(), &of(Strategy::NoTranslation), text);
    assert_eq!(
        page[1..3],
        [r"# TYPE target_info gauge", r#"target_info{"host.name"="h",instance="i",job="shop/app"} 1"#]
    );
    assert_eq!(page[4..6], [r#"# TYPE "oncpu.time" counter"#.to_owned(), format!(r#"{{"oncpu.time",{labels}}} 1.5"#)]);
    for strategy in [Strategy::NoTranslation, Strategy::NoUtf8EscapingWithSuffixes] {
        for format in [OPEN_METRICS, Format::TEXT] {
            let page = page_of(&latest(), &of(strategy), format).join("\n");
            assert!(!page.contains("oncpu.time") && !page.contains("a.b") && page.contains("{a_b="), "{page}");
        }
    }
    let escaped = page_of(&latest(), &of(Strategy::UnderscoreEscapingWithSuffixes), UTF8);
    assert!(escaped.iter().all(|line| !line.contains("a.b")), "{escaped:?}");
}

#[test]
fn times_are_told_where_they_are_wanted_in_the_unit_of_the_format() {
    let timed = Options {
        send_timestamps: true,
        send_created: true,
        const_labels: vec![("zone".to_owned(), "eu".to_owned())],
        resource_labels: true,
        ..of(Strategy::UnderscoreEscapingWithSuffixes)
    };
    let labels = r#"a_b="x",host_name="h",instance="i",job="shop/app",otel_scope_name="lib",otel_scope_version="1.0",service_instance_id="i",service_name="app",service_namespace="shop",zone="eu""#;
    let page = page_of(&latest(), &timed, OPEN_METRICS);
    assert_eq!(page[2], r#"target_info{host_name="h",instance="i",job="shop/app",zone="eu"} 1"#);
    assert_eq!(
        page[6..8],
        [
            format!("oncpu_time_seconds_created{{{labels}}} 1500000000.250 1700000000.000"),
            format!("oncpu_time_seconds_total{{{labels}}} 1.5 1700000000.000"),
        ]
    );
    let page = page_of(&latest(), &timed, Format::TEXT);
    assert_eq!(page[5], format!("oncpu_time_seconds_total{{{labels}}} 1.5 1700000000000"));
    assert!(page.iter().all(|line| !line.contains("_created")), "text has no such line");
}

#[test]
fn histograms_have_canonical_edges_and_names_in_quotes_where_they_need_them() {
    let mut latest = Latest::default();
    let histogram =
        ExponentialHistogram { scale: 0, offset: -22, counts: [2, 3].into(), sum: 4_000, ..Default::default() };
    let histograms = vec![HistogramMetric {
        descriptor: Arc::new(latency("")),
        points: vec![point(&of_syscall("read"), 1, histogram)].into(),
    }];
    merge(&mut latest, "", Metrics { histograms, ..Metrics::default() });
    let options = Options { send_created: true, ..of(Strategy::NoUtf8EscapingWithSuffixes) };
    let page = page_of(&latest, &options, UTF8);
    let labels = r#""process.pid"="7","ebpf.comm"="sh","ebpf.syscall.name"="read""#;
    let line = |suffix, edge, value| format!(r#"{{"ebpf.syscall.duration_seconds{suffix}",{labels}{edge}}} {value}"#);
    assert_eq!(
        page,
        [
            r#"# TYPE "ebpf.syscall.duration_seconds" histogram"#.to_owned(),
            r#"# UNIT "ebpf.syscall.duration_seconds" seconds"#.to_owned(),
            line("_bucket", r#",le="+Inf""#, "5"),
            line("_bucket", r#",le="4.76837158203125e-07""#, "2"),
            line("_bucket", r#",le="9.5367431640625e-07""#, "5"),
            line("_count", "", "5"),
            line("_created", "", "0.000"),
            line("_sum", "", "0.000004"),
        ]
    );
}
