//! Who feeds whom.

mod support;

use support::sink::delivered;
use support::{events, run_for, service};

#[tokio::test(start_paused = true)]
async fn a_shared_receiver_feeds_its_pipelines_alike_and_a_shared_exporter_gets_both() {
    let service = service(
        "receivers: {source/one: {batches: 2}, source/two: }\nexporters: {sink/a: , sink/b: {direct: true}}\n\
         service:\n  pipelines:\n    metrics: {receivers: [source/one], exporters: [sink/a]}\n    \
         metrics/all: {receivers: [source/one, source/two], exporters: [sink/a, sink/b]}\n",
    );
    run_for(service, 5).await;
    let (mut a, mut b) = (delivered("sink/a").concat(), delivered("sink/b").concat());
    a.sort();
    b.sort();
    let [one, two, other] = ["source/one/0=1", "source/one/0=2", "source/two/0=1"];
    assert_eq!(a, [one, one, two, two, other]);
    assert_eq!(b, [one, two, other]);
}

#[test]
fn a_receiver_is_told_the_union_of_what_its_pipelines_let_through() {
    service(
        "receivers: {source/union: , source/every: , source/all: }\n\
         processors: {only/a: {comm: '^a'}, only/b: {comm: '^b'}, only/ab: {comm: '[ab]'}, hold: }\n\
         exporters: {sink: }\nservice:\n  pipelines:\n    \
         metrics/a: {receivers: [source/union, source/all], processors: [hold, only/a], exporters: [sink]}\n    \
         metrics/b: {receivers: [source/union, source/every], processors: [only/ab, only/b], exporters: [sink]}\n    \
         metrics/c: {receivers: [source/all], exporters: [sink]}\n",
    );
    // Nothing is said to source/all: one of its pipelines wants every process.
    assert_eq!(events(), ["source/every is asked for -b-", "source/union is asked for ab-"]);
}

#[tokio::test(start_paused = true)]
async fn a_processor_is_flushed_at_its_period_through_those_after_it() {
    let service = service(
        "receivers: {source: {batches: 25}}\nprocessors: {hold/ten: {period: 9700ms}, only: }\nexporters: {sink: }\n\
         service: {pipelines: {metrics: {receivers: [source], processors: [hold/ten, only], exporters: [sink]}}}\n",
    );
    run_for(service, 60).await;
    assert_eq!(delivered("sink"), [["source/0=10"], ["source/0=20"], ["source/0=25"]]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_fails_or_panics_leaves_the_others_running() {
    let service = service(
        "receivers: {source/fails: {then: fail}, source/panics: {then: panic}, source/lives: {batches: 30, last: \
         true}}\nexporters: {sink: }\nservice: {pipelines: {metrics: {receivers: [source/fails, source/panics, \
         source/lives], exporters: [sink]}}}\n",
    );
    let summary = run_for(service, 60).await;
    assert_eq!(support::totals(&summary, "sink").sent, 33);
    assert_eq!(delivered("sink").last().unwrap(), &["source/lives/0=31"]);
}

#[tokio::test(start_paused = true)]
async fn when_every_receiver_has_ended_exporters_stay_up_until_the_request_to_stop() {
    let service = service(
        "receivers: {source: {then: end}}\nexporters: {sink: }\nservice: {pipelines: {metrics: {receivers: [source], \
         exporters: [sink]}}}\n",
    );
    let stop = async {
        tokio::time::sleep(std::time::Duration::from_secs(100)).await;
        assert_eq!(events().last().unwrap(), "source stopped");
    };
    service.run(stop).await.unwrap();
    assert_eq!(events().last().unwrap(), "sink shut down");
}
