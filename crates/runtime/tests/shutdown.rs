//! The end flows as the data does, within a deadline, and what is not delivered then is counted.

mod support;

use std::time::Duration;

use runtime::Totals;
use support::sink::{attempts, delivered};
use support::{events, run_for, service, totals};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn receivers_pipelines_exporters_extensions_end_in_this_order_with_the_last_batch() {
    let service = service(
        "extensions: {shared: }\nreceivers: {source: {last: true, streams: 2}}\nprocessors: {hold/a: {period: 1h}, \
         hold/b: {period: 1h}}\nexporters: {sink: }\nservice: {extensions: [shared], pipelines: {metrics: {receivers: \
         [source], processors: [hold/a, hold/b], exporters: [sink]}}}\n",
    );
    run_for(service, 5).await;
    assert_eq!(
        events(),
        [
            "sink started",
            "source stopped",
            "hold/a flushed 2 streams",
            "hold/b flushed 2 streams",
            "sink shut down",
            "shared shut down"
        ]
    );
    assert_eq!(delivered("sink"), [["source/0=2", "source/1=2"]]);
}

#[tokio::test(start_paused = true)]
async fn a_request_to_stop_cuts_a_wait_short_and_tries_again_at_once() {
    let service = service(
        "receivers: {source: {batches: 3, last: true}}\nexporters: {sink: {outcomes: [later, retry, retry], \
         retry_on_failure: {initial_interval: 1h, max_interval: 1h, max_elapsed_time: 0}}}\nservice: {pipelines: {metrics: {receivers: \
         [source], exporters: [sink]}}}\n",
    );
    let begin = Instant::now();
    let summary = run_for(service, 10).await;
    assert_eq!(totals(&summary, "sink"), Totals { sent: 4, ..Totals::default() });
    let waits: Vec<Duration> = attempts("sink").windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits[0] <= Duration::from_millis(10_001), "{waits:?}");
    assert!(waits[1] >= Duration::from_millis(100) && waits[2] >= Duration::from_millis(200), "{waits:?}");
    assert!(begin.elapsed() < Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_all_that_is_left_is_counted() {
    for sink in ["forever: retry", "takes: 1h"] {
        let text = format!(
            "receivers: {{source: {{batches: 5, streams: 2, last: true}}}}\nexporters: {{sink: {{{sink}}}}}\nservice: \
             {{pipelines: {{metrics: {{receivers: [source], exporters: [sink]}}}}}}\n"
        );
        let mut service = service(text.leak());
        service.shutdown_deadline = Duration::from_secs(3);
        let begin = Instant::now();
        let summary = run_for(service, 10).await;
        assert_eq!(totals(&summary, "sink"), Totals { lost: 12, ..Totals::default() }, "{sink}");
        assert!(begin.elapsed() < Duration::from_secs(14));
        assert_eq!(events().last().unwrap(), "sink shut down");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_stop_is_aborted_and_what_was_held_back_is_delivered() {
    let service = service(
        "receivers: {source: {then: hang}}\nprocessors: {hold: {period: 1h}}\nexporters: {sink: }\nservice: \
         {pipelines: {metrics: {receivers: [source], processors: [hold], exporters: [sink]}}}\n",
    );
    let begin = Instant::now();
    run_for(service, 5).await;
    assert_eq!(delivered("sink"), [["source/0=1"]]);
    assert!(begin.elapsed() <= Duration::from_secs(11));
}
