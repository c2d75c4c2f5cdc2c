//! What a slow, refusing or absent far side costs: times perhaps, totals never, unless it is counted.

mod support;

use std::time::Duration;

use runtime::Totals;
use support::sink::{attempts, delivered};
use support::{run_for, service, totals};

#[tokio::test(start_paused = true)]
async fn what_is_refused_three_times_arrives_in_the_end_and_waits_grow_within_the_jitter() {
    let service = service(
        "receivers: {source: {batches: 3}}\nexporters: {sink: {outcomes: [retry, retry, retry]}}\nservice: \
         {pipelines: {metrics: {receivers: [source], exporters: [sink]}}}\n",
    );
    let summary = run_for(service, 200).await;
    assert_eq!(delivered("sink").concat(), ["source/0=1", "source/0=2", "source/0=3"]);
    assert_eq!(totals(&summary, "sink"), Totals { sent: 3, ..Totals::default() });
    let attempts = attempts("sink");
    for (index, base) in [5.0, 7.5, 11.25].into_iter().enumerate() {
        let wait = (attempts[index + 1] - attempts[index]).as_secs_f64();
        assert!((base * 0.5..=base * 1.5 + 0.002).contains(&wait), "{wait} around {base}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_far_side_is_not_tried_again_before_it_wishes() {
    let service = service(
        "receivers: {source: }\nexporters: {sink: {outcomes: [later]}}\nservice: {pipelines: {metrics: {receivers: \
         [source], exporters: [sink]}}}\n",
    );
    run_for(service, 200).await;
    let attempts = attempts("sink");
    assert!(attempts[1] - attempts[0] >= Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_merges_and_loses_no_stream_while_the_far_side_is_away() {
    let service = service(
        "receivers: {source/a: {batches: 50, streams: 3}, source/b: {batches: 50, streams: 2}}\nexporters: {sink: \
         {sending_queue: {queue_size: 2}, outcomes: [retry, retry], retry_on_failure: {initial_interval: 60s, \
         max_interval: 60s}}}\nservice: {pipelines: {metrics: {receivers: [source/a, source/b], exporters: [sink]}}}\n",
    );
    let summary = run_for(service, 400).await;
    let batches = delivered("sink");
    assert_eq!(batches.len(), 3, "the one in flight and two in the queue");
    let mut last: Vec<String> = batches[1..].concat();
    last.retain(|point| point.ends_with("=50"));
    last.sort();
    assert_eq!(
        last,
        ["source/a/0=50", "source/a/1=50", "source/a/2=50", "source/b/0=50", "source/b/1=50"],
        "of every stream the last total"
    );
    let totals = totals(&summary, "sink");
    assert_eq!((totals.sent + totals.merged, totals.lost), (250, 0));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_given_up_after_max_elapsed_time_and_tried_once_more_at_the_end() {
    let service = service(
        "receivers: {source: {streams: 4}}\nexporters: {sink: {forever: retry, retry_on_failure: {max_elapsed_time: \
         60s}}}\nservice: {pipelines: {metrics: {receivers: [source], exporters: [sink]}}}\n",
    );
    let summary = run_for(service, 200).await;
    assert_eq!(totals(&summary, "sink"), Totals { lost: 4, ..Totals::default() });
    let attempts = attempts("sink");
    let (first, last): (Vec<_>, Vec<_>) =
        attempts.iter().copied().partition(|at| *at - attempts[0] <= Duration::from_secs(60));
    assert!(first.len() > 2);
    assert!(last.len() > 2 && last.iter().all(|at| *at - attempts[0] >= Duration::from_secs(200)), "when told to stop");
}

#[tokio::test(start_paused = true)]
async fn permanent_and_partial_refusals_are_counted_and_not_tried_again() {
    let service = service(
        "receivers: {source: {batches: 3, streams: 5}}\nexporters: {sink: {outcomes: [permanent, reject]}}\nservice: \
         {pipelines: {metrics: {receivers: [source], exporters: [sink]}}}\n",
    );
    let summary = run_for(service, 20).await;
    assert_eq!(totals(&summary, "sink"), Totals { sent: 9, rejected: 1, lost: 5, ..Totals::default() });
    assert_eq!(attempts("sink").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn direct_delivery_makes_one_attempt_and_disabled_retries_one_a_batch() {
    let service = service(
        "receivers: {source: }\nexporters: {sink/direct: {direct: true, forever: retry}, sink/once: {forever: retry, \
         retry_on_failure: {enabled: false}}}\nservice: {pipelines: {metrics: {receivers: [source], exporters: \
         [sink/direct, sink/once]}}}\n",
    );
    let summary = run_for(service, 20).await;
    for (id, expected) in [("sink/direct", 1), ("sink/once", 2)] {
        // What waits for a next batch is tried once more when it is clear that none comes.
        assert_eq!(attempts(id).len(), expected, "{id}");
        assert_eq!(totals(&summary, id).lost, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_backend_does_not_hold_up_the_other_exporter() {
    let service = service(
        "receivers: {source: {batches: 100}}\nexporters: {sink/dead: {takes: 1000s, sending_queue: {queue_size: 3}}, \
         sink/page: {direct: true}}\nservice: {pipelines: {metrics: {receivers: [source], exporters: [sink/dead, \
         sink/page]}}}\n",
    );
    let stop = async {
        tokio::time::sleep(Duration::from_secs(150)).await;
        assert_eq!(delivered("sink/page").len(), 100);
    };
    let summary = service.run(stop).await.unwrap();
    let dead = totals(&summary, "sink/dead");
    assert_eq!(dead.merged + dead.lost, 100);
}

#[tokio::test(start_paused = true)]
async fn parts_of_a_batch_are_tried_again_refused_and_counted_each_on_its_own() {
    let service = service(
        "receivers: {source: {streams: 10}}\nexporters: {sink: {part: 3, outcomes: [accept, retry, retry, accept, \
         permanent, reject]}}\nservice: {pipelines: {metrics: {receivers: [source], exporters: [sink]}}}\n",
    );
    let summary = run_for(service, 200).await;
    let parts = [vec!["source/0=1", "source/1=1", "source/2=1"], vec!["source/3=1", "source/4=1", "source/5=1"]];
    assert_eq!(delivered("sink"), [&parts[..], &[vec!["source/9=1"]]].concat(), "each once");
    assert_eq!(totals(&summary, "sink"), Totals { sent: 6, rejected: 1, lost: 3, ..Totals::default() });
}

#[tokio::test(start_paused = true)]
async fn max_elapsed_time_is_that_of_the_batch_and_what_was_delivered_of_it_is_not_lost() {
    let service = service(
        "receivers: {source: {streams: 10}}\nexporters: {sink: {part: 3, outcomes: [accept], forever: retry, \
         retry_on_failure: {max_elapsed_time: 60s}}}\nservice: {pipelines: {metrics: {receivers: [source], exporters: \
         [sink]}}}\n",
    );
    let summary = run_for(service, 400).await;
    assert_eq!(totals(&summary, "sink"), Totals { sent: 3, lost: 7, ..Totals::default() });
    let attempts = attempts("sink");
    assert!(!attempts.iter().any(|at| (61..400).contains(&(*at - attempts[0]).as_secs())));
}
