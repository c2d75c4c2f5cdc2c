//! Outages cost resolution, never totals: what the far side has in the end is what was counted, to the last one.

mod support;

use std::time::Duration;

use runtime::{Summary, Totals};
use support::churn::counted;
use support::sink::{attempts, delivered, overflowing, sizes, sum};
use support::{run_for, service, storage, totals};

/// Ten minutes of reads every second and of processes that come and go, then `rest` for what is left.
async fn run(churn: &str, sink: &str, rest: u64) -> Summary {
    let text = format!(
        "extensions: {{memory: }}\nreceivers: {{churn: {{{churn}}}}}\nexporters: {{sink: {{{sink}}}}}\nservice: \
         {{extensions: [memory], pipelines: {{metrics: {{receivers: [churn], exporters: [sink]}}}}}}\n"
    );
    run_for(service(text.leak()), 600 + rest).await
}

fn assert_exact(case: &str) {
    assert!(counted() > 10_000, "{case}");
    assert_eq!((sum("sink", "calls"), sum("sink", "times")), (counted(), counted()), "{case}");
}

const BOTH: [&str; 2] = ["temporality: cumulative", "temporality: delta"];

#[tokio::test(start_paused = true)]
async fn ten_minutes_without_a_backend_and_a_hundred_new_processes_a_second_lose_nothing() {
    for temporality in BOTH {
        let sink = format!(
            "{temporality}, away_after: 10s, away_for: 580s, sending_queue: {{queue_size: 10, max_streams: 20000}}"
        );
        let summary = run("births: 100, stay: 50", &sink, 60).await;
        let Totals { lost, rejected, folded, merged, .. } = totals(&summary, "sink");
        assert_eq!((lost, rejected), (0, 0));
        assert_exact(temporality);
        assert!(folded > 50_000 && merged > 0, "{folded} folded: sixty thousand processes have two streams each");
        assert!(sizes("sink").into_iter().max().unwrap() <= 20_000, "{:?}", sizes("sink"));
    }
}

#[tokio::test(start_paused = true)]
async fn with_room_enough_every_process_keeps_its_own_streams() {
    for temporality in BOTH {
        let sink = format!("{temporality}, away_after: 10s, away_for: 580s, sending_queue: {{queue_size: 10}}");
        let summary = run("births: 100, stay: 50", &sink, 60).await;
        assert_exact(temporality);
        let totals = totals(&summary, "sink");
        assert_eq!((totals.lost, totals.folded), (0, 0));
        assert!(sizes("sink").into_iter().max().unwrap() > 50_000);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_the_queue_counts_it_is_bounded_and_exact() {
    for queue in [
        "queue_size: 1",
        "sizer: items, queue_size: 3000",
        "sizer: bytes, queue_size: 500000",
        "max_memory: 500KB, max_streams: 2000",
        "enabled: false",
        "enabled: false, max_streams: 300",
    ] {
        for temporality in BOTH {
            let retry = "retry_on_failure: {max_elapsed_time: 20s}";
            let sink = format!("{temporality}, away_after: 5s, away_for: 400s, {retry}, sending_queue: {{{queue}}}");
            let summary = run("births: 20, stay: 20", &sink, 100).await;
            assert_eq!(totals(&summary, "sink").lost, 0, "{queue} {temporality}");
            assert_exact(queue);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_goes_with_the_next_one() {
    for (retry, behaviour) in [
        ("enabled: false", "flaps: 2"),
        ("max_elapsed_time: 3s, initial_interval: 1s", "flaps: 2"),
        ("enabled: false", "part: 7"),
        ("max_elapsed_time: 3s, initial_interval: 1s", "flaps: 2, part: 50"),
    ] {
        for temporality in BOTH {
            let sink =
                format!("{temporality}, {behaviour}, away_after: 3s, away_for: 300s, retry_on_failure: {{{retry}}}");
            let summary = run("births: 3, stay: 5", &sink, 60).await;
            assert_eq!(totals(&summary, "sink").lost, 0, "{sink}");
            assert_exact(&sink);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_slow_or_flaps_gets_everything() {
    for behaviour in ["takes: 7s", "flaps: 3", "takes: 2s, flaps: 2, part: 2000", "takes: 45s, flaps: 2"] {
        for temporality in BOTH {
            let retry = "retry_on_failure: {initial_interval: 1s, max_interval: 10s}";
            let sink = format!("{temporality}, {behaviour}, {retry}, sending_queue: {{queue_size: 3}}");
            let summary = run("births: 10, stay: 10", &sink, 600).await;
            assert_exact(behaviour);
            assert_eq!(totals(&summary, "sink").lost, 0, "{behaviour} {temporality}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_backend_asks_for_holds_for_the_next_request_too() {
    for retry in ["enabled: false", "max_elapsed_time: 10s"] {
        let sink = format!("outcomes: [accept, later, later], retry_on_failure: {{{retry}}}");
        run("births: 10, stay: 10", &sink, 60).await;
        assert_exact(retry);
        let attempts = attempts("sink");
        assert!(
            attempts[2] - attempts[1] >= Duration::from_secs(120)
                && attempts[3] - attempts[2] >= Duration::from_secs(120)
        );
        assert!(attempts[3] - attempts[2] < Duration::from_secs(122));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_counted_and_with_deltas_a_refused_request_goes_with_the_next() {
    // Whoever is refused here lives on, so the next total, or difference, has it all.
    for temporality in BOTH {
        let sink = format!("{temporality}, outcomes: [accept, permanent, accept, permanent, permanent]");
        let summary = run("births: 0, stay: 300", &sink, 60).await;
        assert_exact(temporality);
        let totals = totals(&summary, "sink");
        assert_eq!((totals.lost, totals.rejected, totals.merged), (3 * 600, 0, 0), "{temporality}");
    }
    let summary = run("births: 0, stay: 300", "temporality: delta, outcomes: [accept, reject, reject]", 60).await;
    assert_eq!(totals(&summary, "sink").rejected, 2);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_a_slow_backend_gets_the_last_totals_within_the_deadline() {
    for temporality in BOTH {
        let sink = format!("{temporality}, takes: 3s, sending_queue: {{queue_size: 500}}");
        // Told to stop in the middle of the load, with hundreds of batches in the queue.
        let text = format!(
            "receivers: {{churn: {{births: 20, stay: 20, every: 50ms, reads: 100000}}}}\nexporters: {{sink: {{{sink}}}}}\n\
             service: {{pipelines: {{metrics: {{receivers: [churn], exporters: [sink]}}}}}}\n"
        );
        let begin = tokio::time::Instant::now();
        let summary = run_for(service(text.leak()), 20).await;
        assert!(begin.elapsed() <= Duration::from_secs(30), "{:?}", begin.elapsed());
        assert_exact(temporality);
        assert_eq!(totals(&summary, "sink").lost, 0);
        assert!(delivered_batches() < 15);
    }
}

fn delivered_batches() -> usize {
    sizes("sink").len()
}

#[tokio::test(start_paused = true)]
async fn every_point_is_in_one_of_the_counts() {
    for temporality in BOTH {
        let sink = format!(
            "{temporality}, away_after: 5s, away_for: 200s, outcomes: [accept, permanent, reject], sending_queue: \
             {{queue_size: 4, max_streams: 1000}}, retry_on_failure: {{max_elapsed_time: 30s}}"
        );
        let summary = run("births: 20, stay: 10, reads: 500", &sink, 60).await;
        let Totals { sent, rejected, lost, merged, folded } = totals(&summary, "sink");
        // Of the first read ten and twenty, of the others ten and two times twenty, each a number and a distribution.
        let came = 2 * (30 + 499 * 50);
        assert!(folded > 1000, "{folded}");
        assert_eq!(sent + rejected + lost + merged + folded, came + overflowing("sink"), "{temporality}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_goes_in_parts_every_six_minutes_is_told_once() {
    for outcomes in ["accept", "accept, accept, accept, accept, accept, accept, permanent"] {
        let sink = format!("temporality: delta, part: 7, outcomes: [{outcomes}]");
        let summary = run("births: 2, stay: 40, every: 6m, reads: 30", &sink, 30 * 360).await;
        let totals = totals(&summary, "sink");
        assert_eq!((sum("sink", "calls"), sum("sink", "times")), (counted(), counted()), "{outcomes}: {totals:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delta_exporter_goes_on_where_the_last_one_ended_and_without_storage_tells_nothing_twice() {
    let sink = "temporality: delta, sending_queue: {storage: memory}";
    run("births: 0, stay: 30, reads: 100", sink, 0).await;
    assert_exact("first");
    let stored = storage::with(|stored| stored.values.len());
    assert_eq!(stored, 1);
    // It cannot be stored: that is counted, and it goes on.
    storage::with(|stored| stored.fails = true);
    run("births: 5, stay: 30, reads: 400", sink, 0).await;
    assert_exact("it cannot be stored");
    storage::with(|stored| {
        stored.fails = false;
        let value = stored.values.values_mut().next().unwrap();
        value.truncate(20);
    });
    run("births: 5, stay: 30, reads: 400", sink, 0).await;
    assert_exact("what was stored cannot be read");
    assert!(delivered("nobody").is_empty());
}
