//! Every fault of a configuration is told at once, with its place.

mod support;

use std::path::PathBuf;

use runtime::{Config, Source, Telemetry};
use support::{COMPONENTS, events, faults, load};

#[test]
fn all_faults_of_all_files_and_components_come_at_once() {
    let base = "receivers:\n  source: {streams: x, batchs: 1}\nexporters:\n  sinc:\nservice:\n  pipelines:\n";
    let over = "service:\n  pipelines:\n    metrics:\n      receivers: [source, other]\n      exporters: [sinc]\n  telemetri:\n";
    let lines = load(&[("a.yaml", base), ("b.yaml", over)]).err().unwrap();
    assert_eq!(
        lines,
        [
            "a.yaml:2:21: expected a whole number, found a string",
            "a.yaml:2:24: unknown key \"batchs\", did you mean \"batches\"?",
            "a.yaml:4:3: unknown exporter type \"sinc\", did you mean \"sink\"?",
            "b.yaml:4:27: service::pipelines::metrics: references receiver \"other\" which is not configured",
            "b.yaml:6:3: unknown key \"telemetri\", did you mean \"telemetry\"?",
        ]
    );
}

#[test]
fn an_empty_service_and_empty_pipelines_are_faults() {
    let (no_pipeline, no_exporter) =
        ("service must have at least one pipeline", "no exporter configuration specified in config");
    let first = |text: &str| format!("f.yaml:1:1: {text}");
    let empty = first("empty configuration file: no receivers, exporters or other components");
    assert_eq!(faults("receivers:\n  source:\n"), [first(no_exporter), first(no_pipeline)]);
    assert_eq!(faults("service: {}\n"), [empty.clone(), first(no_pipeline)]);
    assert_eq!(faults("{}\n"), ["f.yaml:1:1: empty configuration file"]);
    assert_eq!(
        faults("service:\n  pipelines:\n    metrics:\n"),
        [
            &*empty,
            "f.yaml:3:12: service::pipelines::metrics: must have at least one exporter",
            "f.yaml:3:12: service::pipelines::metrics: must have at least one receiver",
        ]
    );
}

#[test]
fn wrong_ids_and_wrong_references_are_faults_with_the_collectors_words() {
    let text = "receivers: {source: , 'source ': , 9x: }\nprocessors: {hold: }\nexporters: {sink: }\nservice:\n  \
                extensions: [shared]\n  pipelines:\n    metrics: {receivers: [source], processors: [hold, hold], \
                exporters: [sink, 5]}\n    traces: {}\n    metric: {}\n";
    assert_eq!(
        faults(text),
        [
            "f.yaml:1:23: duplicate name \"source\" after trimming spaces",
            "f.yaml:1:36: invalid character(s) in type \"9x\": a type is a letter, then up to 62 letters, digits or \
             underscores",
            "f.yaml:5:16: service::extensions: references extension \"shared\" which is not configured",
            "f.yaml:7:55: service::pipelines::metrics: references processor \"hold\" multiple times",
            "f.yaml:7:80: expected a string, found a whole number",
            "f.yaml:8:5: service::pipelines::traces: this agent makes metrics only, remove this pipeline of traces",
            "f.yaml:9:5: service::pipelines::metric: unknown signal \"metric\", write metrics or metrics/NAME",
        ]
    );
}

#[test]
fn a_list_of_the_wrong_type_is_one_fault() {
    let text = "receivers: {source: }\nexporters: {sink: }\nservice:\n  pipelines:\n    metrics:\n      receivers: \
                7\n      exporters: [sink]\n";
    assert_eq!(faults(text), ["f.yaml:6:18: expected a list, found a whole number"]);
}

#[test]
fn text_with_commas_is_a_list() {
    let text = "receivers: {source: , source/2: }\nexporters: {sink: }\nservice:\n  pipelines:\n    metrics:\n      \
                receivers: source,source/2\n      exporters: sink\n";
    assert_eq!(faults(text), [""; 0]);
}

#[test]
fn duplicate_keys_and_other_faults_come_together() {
    let text = "receivers:\n  source:\n  source: {streams: -1}\nservice: {pipelines: 3}\n";
    assert_eq!(
        faults(text),
        [
            "f.yaml:1:1: no exporter configuration specified in config",
            "f.yaml:3:3: mapping key \"source\" already defined at line 2",
            "f.yaml:4:1: service must have at least one pipeline",
            "f.yaml:4:22: expected a map, found a whole number",
        ]
    );
}

#[test]
fn a_source_that_cannot_be_read_hides_no_faults_of_the_others_and_causes_none() {
    let sources = [
        Source::File(PathBuf::from("/nowhere/a.yaml")),
        Source::Text { name: "b.yaml", text: "a: [\n" },
        Source::Text { name: "c.yaml", text: "receivers: {source: {streams: x}}\n" },
        Source::Text { name: "d.yaml", text: "[]\n" },
        Source::Text { name: "e.yaml", text: "service: {pipelines: {metrics: {receivers: [x], exporters: [y]}}}\n" },
    ];
    let lines: Vec<String> =
        Config::load(&sources, &COMPONENTS).err().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert_eq!(
        lines[0],
        "/nowhere/a.yaml:1:1: cannot read /nowhere/a.yaml: No such file or directory (os error 2): check that the \
         file exists, is UTF-8 and may be read by this user"
    );
    assert!(lines[1].starts_with("b.yaml:"), "{lines:#?}");
    assert_eq!(lines[2], "c.yaml:1:31: expected a whole number, found a string");
    assert_eq!(lines[3], "d.yaml:1:1: expected a map, found a list");
}

const MINIMAL: &str = "receivers: {source: , source/unused: {broken: true}}\nexporters:\n  drain/x:\nservice: \
                       {pipelines: {metrics: {receivers: [source], exporters: [drain/x]}}}\n";

#[test]
fn an_alias_is_a_notice_and_what_no_pipeline_uses_is_not_built() {
    let config = load(&[("f.yaml", MINIMAL)]).unwrap();
    let notices: Vec<String> = config.notices().iter().map(ToString::to_string).collect();
    assert_eq!(notices, ["f.yaml:3:3: exporter type \"drain\" is the older word for \"sink\", use that"]);
    assert!(config.build().is_ok());
}

#[test]
fn a_later_file_changes_one_key_of_an_earlier_one() {
    let logs = |over| load(&[("a.yaml", MINIMAL), ("b.yaml", over)]).unwrap().logs();
    assert_eq!(logs("service: {telemetry: {logs: {level: debug}}}\n").level, tracing::Level::DEBUG);
    assert_eq!(logs("receivers: {source: {streams: 3}}\n").level, tracing::Level::INFO);
}

#[test]
fn every_component_that_cannot_be_built_is_named() {
    let text = "receivers: {source/a: {broken: true}, source/b: {broken: true}}\nexporters: {sink: }\nservice: \
                {pipelines: {metrics: {receivers: [source/a, source/b], exporters: [sink]}}}\n";
    let failures = load(&[("f.yaml", text)]).unwrap().build().err().unwrap();
    let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["receiver source/a: is broken", "receiver source/b: is broken"]);
    assert_eq!(events(), [""; 0]);
}

#[test]
fn where_own_telemetry_goes_is_read_as_the_collector_reads_it() {
    let text = "service:
  telemetry:
    resource: {service.name: x, a: 1, service.version: }
    traces:
      processors:
        - batch: {schedule_delay: 7, exporter: {otlp: {protocol: grpc, endpoint: 'there:1', headers: {x-key: hidden}}}}
        - batch: {exporter: {otlp: {protocol: http/protobuf, headers: [{name: x-key, value: hidden}], timeout: 3}}}
    metrics:
      readers:
        - pull: {exporter: {prometheus: {host: localhost, port: 8888}}}
        - periodic: {interval: 20, exporter: {otlp: {protocol: grpc, insecure: true, endpoint: 'there:1'}}}
";
    let config = load(&[("a.yaml", MINIMAL), ("b.yaml", text)]).unwrap();
    let Telemetry { resource, traces, metrics } = config.telemetry();
    let pairs: Vec<_> = resource.iter().map(|(key, value)| (&**key, value.as_deref())).collect();
    assert_eq!(pairs, [("a", Some("1")), ("service.name", Some("x")), ("service.version", None)]);
    let urls: Vec<_> = traces.iter().map(|batching| &*batching.target.url).collect();
    assert_eq!(urls, ["https://there:1", "http://localhost:4318/v1/traces"]);
    assert_eq!((traces[0].delay.as_millis(), traces[1].delay.as_millis()), (7, 5_000));
    assert_eq!(traces[0].target.headers, traces[1].target.headers);
    assert_eq!(traces[1].target.timeout.as_millis(), 3);
    assert_eq!((metrics.len(), metrics[0].interval.as_millis()), (1, 20));
    assert_eq!(metrics[0].target.url, "http://there:1");
    assert!(config.notices().iter().any(|notice| notice.to_string().contains("b.yaml:10:11: \"pull\"")));
    let page = config.print(&COMPONENTS);
    assert!(page.contains("there:1") && !page.contains("hidden"), "{page}");

    let off = load(&[
        ("a.yaml", MINIMAL),
        ("b.yaml", text),
        ("c.yaml", "service: {telemetry: {traces: {level: none}, metrics: {level: none}}}"),
    ]);
    let Telemetry { traces, metrics, .. } = off.unwrap().telemetry().clone();
    assert!(traces.is_empty() && metrics.is_empty());
}

#[test]
fn every_fault_of_own_telemetry_has_its_place() {
    let text = "service:
  telemetry:
    traces:
      processors:
        - batch: {schedule_delay: 10s, exporter: {otlp: {protocol: grpcs, endpoint: 'ftp://x', headers: {'a b': c}}}}
        - simple: {}
        - batch: {exporter: {console: {}}}
        - batch: {exporter: {otlp: {endpoint: 'there:1'}}}
    metrics: {readers: [{periodic: {interval: 0, exporter: {otlp: {protocol: grpc, timeot: 1}}}}, {perodic: }]}
";
    let lines = load(&[("a.yaml", MINIMAL), ("b.yaml", text)]).err().unwrap();
    assert_eq!(
        lines,
        [
            "b.yaml:5:35: expected a whole number, found a string",
            "b.yaml:5:68: must be one of http/protobuf, grpc",
            "b.yaml:5:85: unknown scheme \"ftp\": write http:// or https://",
            "b.yaml:5:105: \"a b\" is no header name",
            "b.yaml:6:11: \"simple\" is not supported: spans leave in batches; write batch",
            "b.yaml:7:30: \"console\" is not supported: write otlp",
            "b.yaml:8:36: must have protocol: grpc or http/protobuf",
            "b.yaml:9:47: must be greater than 0",
            "b.yaml:9:84: unknown key \"timeot\", did you mean \"timeout\"?",
            "b.yaml:9:99: must have periodic",
            "b.yaml:9:100: unknown key \"perodic\", did you mean \"periodic\"?",
        ]
    );
}
