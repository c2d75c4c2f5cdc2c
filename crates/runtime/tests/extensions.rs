//! Extensions are there before whoever needs them, and go last.

mod support;

use support::{events, faults, run_for, service};

#[tokio::test(start_paused = true)]
async fn a_required_extension_runs_with_its_defaults_and_is_prepared_before_the_run() {
    let mut service = service(
        "receivers: {needy: }\nexporters: {sink: }\nservice: {pipelines: {metrics: {receivers: [needy], exporters: \
         [sink]}}}\n",
    );
    service.prepare().unwrap();
    run_for(service, 1).await;
    assert_eq!(
        events(),
        [
            "needy built with default",
            "shared prepared",
            "sink started",
            "needy stopped",
            "sink shut down",
            "shared shut down"
        ]
    );
}

#[test]
fn a_required_extension_uses_its_configuration_though_it_is_not_listed() {
    service(
        "extensions: {shared/own: {word: mine}}\nreceivers: {needy: }\nexporters: {sink: }\nservice: {pipelines: \
         {metrics: {receivers: [needy], exporters: [sink]}}}\n",
    );
    assert_eq!(events(), ["needy built with mine"]);
}

#[test]
fn of_several_required_extensions_one_must_be_listed() {
    let text = "extensions: {shared/a: {word: a}, shared/b: }\nreceivers: {needy: }\nexporters: {sink: }\nservice: \
                {pipelines: {metrics: {receivers: [needy], exporters: [sink]}}}\n";
    assert_eq!(faults(text), ["f.yaml:4:1: service::extensions: must list exactly one \"shared\" extension"]);
    service(
        "extensions: {shared/a: {word: a}, shared/b: }\nreceivers: {needy: }\nexporters: {sink: }\nservice: \
         {extensions: [shared/a], pipelines: {metrics: {receivers: [needy], exporters: [sink]}}}\n",
    );
    assert_eq!(events(), ["needy built with a"]);
}

#[test]
fn an_extension_that_cannot_be_prepared_is_named_and_all_are_shut_down() {
    let mut service = service(
        "extensions: {shared: {broken: true}}\nreceivers: {source: }\nexporters: {sink: }\nservice: {extensions: \
         [shared], pipelines: {metrics: {receivers: [source], exporters: [sink]}}}\n",
    );
    assert_eq!(service.prepare().unwrap_err().to_string(), "extension shared: not permitted");
    assert_eq!(events(), ["shared prepared", "shared shut down"]);
}

#[tokio::test(start_paused = true)]
async fn an_exporter_that_cannot_start_ends_the_start_and_the_others() {
    let service = service(
        "receivers: {source: }\nexporters: {sink/a: , sink/b: {broken: true}, sink/c: }\nservice: {pipelines: \
         {metrics: {receivers: [source], exporters: [sink/a, sink/b, sink/c]}}}\n",
    );
    let failure = service.run(std::future::pending()).await.unwrap_err();
    assert_eq!(failure.to_string(), "exporter sink/b: address in use");
    assert_eq!(events(), ["sink/a started", "sink/b started", "sink/a shut down"]);
}
