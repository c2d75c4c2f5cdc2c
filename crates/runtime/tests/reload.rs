//! Another configuration while the service runs: what says the same runs on, and nothing is lost on the way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod support;

use component::{Kind, Snapshot, Status};
use support::sink::{attempts, delivered};
use support::{events, run_through};

fn status(snapshot: &Snapshot, kind: Kind, id: &str) -> Status {
    let mut nodes = snapshot.nodes.iter().filter(|node| node.kind == kind && node.id.to_string() == id);
    nodes.next().unwrap_or_else(|| panic!("{kind} {id} is not there")).status.clone()
}

fn totals(source: &str, values: std::ops::RangeInclusive<u64>) -> Vec<Vec<String>> {
    values.map(|value| vec![format!("{source}/0={value}")]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_changed_processor_is_another_one_and_everything_else_runs_on() {
    let before = "receivers: {source: {batches: 20}}\nprocessors: {hold/a: {period: 1h}, hold/b: {period: 7s}}\n\
                  exporters: {sink: }\nservice: {pipelines: {metrics: {receivers: [source], processors: [hold/a, hold/b], \
                  exporters: [sink]}}}\n";
    let after = "receivers: {source: {batches: 20}}\nprocessors: {hold/a: {period: 2h}, hold/b: {period: 7s}}\n\
                 exporters: {sink: }\nservice: {pipelines: {metrics: {receivers: [source], processors: [hold/a, hold/b], \
                 exporters: [sink]}}}\n";
    let seen = run_through(before, &[(5, after)], 60).await;
    // What the one that goes has held back goes on to the one that stays, and from there in its time.
    assert_eq!(delivered("sink"), [["source/0=5"], ["source/0=20"]]);
    assert_eq!(events()[..2], ["sink started", "hold/a flushed 1 streams"]);
    assert_eq!(events().iter().filter(|event| *event == "sink started").count(), 1);
    assert_eq!(seen.reloads.succeeded, 1);
    assert_eq!(status(&seen, Kind::Exporter, "sink"), Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_says_the_same_changes_nothing() {
    let one = "receivers: {source: {batches: 9, streams: 1}}\nexporters: {sink: {takes: 10ms}}\n\
               service: {pipelines: {metrics: {receivers: [source], exporters: [sink]}}}\n";
    let same = "# Written another way.\nservice:\n  pipelines:\n    metrics: {exporters: [sink], receivers: [source]}\n\
                exporters:\n  sink:\n    takes: 10ms\nreceivers: {source: {streams: 1, batches: 9}}\n";
    run_through(one, &[(2, same), (4, one)], 20).await;
    assert_eq!(delivered("sink"), totals("source", 1..=9));
    assert_eq!(events(), ["sink started", "source stopped", "sink shut down"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_a_changed_exporter_goes_to_the_one_in_its_place() {
    let before = "receivers: {source: {batches: 5}}\nexporters: {sink: {forever: retry, retry_on_failure: \
                  {initial_interval: 1h, max_interval: 1h, max_elapsed_time: 0}}}\nservice: {pipelines: {metrics: \
                  {receivers: [source], exporters: [sink]}}}\n";
    let after = "receivers: {source: {batches: 5}}\nexporters: {sink: }\nservice: {pipelines: {metrics: {receivers: \
                 [source], exporters: [sink]}}}\n";
    let seen = run_through(before, &[(3, after)], 10).await;
    assert_eq!(delivered("sink"), totals("source", 1..=5));
    assert_eq!(attempts("sink").len(), 6, "one in vain");
    assert_eq!(events()[..3], ["sink started", "sink shut down", "sink started"]);
    assert_eq!(status(&seen, Kind::Exporter, "sink"), Status::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_changed_ends_before_the_other_begins() {
    let before = "receivers: {source: {batches: 3, last: true}}\nexporters: {sink: }\nservice: {pipelines: {metrics: \
                  {receivers: [source], exporters: [sink]}}}\n";
    let after = "receivers: {source: {batches: 2}}\nexporters: {sink: }\nservice: {pipelines: {metrics: {receivers: \
                 [source], exporters: [sink]}}}\n";
    run_through(before, &[(5, after)], 20).await;
    assert_eq!(
        delivered("sink").concat(),
        ["source/0=1", "source/0=2", "source/0=3", "source/0=4", "source/0=1", "source/0=2"]
    );
}

#[tokio::test(start_paused = true)]
async fn pipelines_come_and_go_and_what_goes_drains() {
    let one = "receivers: {source: {batches: 30}}\nprocessors: {hold: {period: 1h}}\nexporters: {sink/a: , sink/b: }\n\
               service: {pipelines: {metrics: {receivers: [source], exporters: [sink/a]}}}\n";
    let two = "receivers: {source: {batches: 30}}\nprocessors: {hold: {period: 1h}}\nexporters: {sink/a: , sink/b: }\n\
               service: {pipelines: {metrics: {receivers: [source], exporters: [sink/a]}, metrics/b: {receivers: \
               [source], processors: [hold], exporters: [sink/b]}}}\n";
    let seen = run_through(one, &[(5, two), (10, one), (15, two), (20, one)], 40).await;
    assert_eq!(delivered("sink/a"), totals("source", 1..=30));
    assert_eq!(delivered("sink/b"), [["source/0=10"], ["source/0=20"]]);
    let of_b = events().into_iter().filter(|event| event.starts_with("sink/b")).collect::<Vec<_>>();
    assert_eq!(of_b, ["sink/b started", "sink/b shut down", "sink/b started", "sink/b shut down"]);
    assert_eq!(seen.nodes.iter().filter(|node| node.kind == Kind::Exporter).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_over_changes_nothing_and_is_said() {
    let good = "extensions: {shared: }\nreceivers: {source: {batches: 20}}\nexporters: {sink: }\nservice: {extensions: \
                [shared], pipelines: {metrics: {receivers: [source], exporters: [sink]}}}\n";
    let faulty = "receivers: {source: {batchs: 20}}\nservice: {pipelines: {metrics: {receivers: [source]}}}\n";
    let unbuilt = "extensions: {shared: }\nreceivers: {source: {batches: 20}, source/b: {broken: true}}\nexporters: {sink: \
                   {takes: 1s}}\nservice: {extensions: [shared], pipelines: {metrics: {receivers: [source, source/b], \
                   exporters: [sink]}}}\n";
    let unstarted = "extensions: {shared: }\nreceivers: {source: {batches: 20}}\nexporters: {sink: {broken: true}}\nservice: \
                     {extensions: [shared], pipelines: {metrics: {receivers: [source], exporters: [sink]}}}\n";
    let unprepared = "extensions: {shared: , shared/b: {broken: true}}\nreceivers: {source: {batches: 20}}\nexporters: \
                      {sink: }\nservice: {extensions: [shared, shared/b], pipelines: {metrics: {receivers: [source], \
                      exporters: [sink]}}}\n";
    for (bad, why) in [
        (faulty, "g.yaml:1:22: unknown key \"batchs\""),
        (unbuilt, "receiver source/b: is broken"),
        (unstarted, "exporter sink: address in use"),
        (unprepared, "extension shared/b: not permitted"),
    ] {
        let seen = run_through(good, &[(5, bad), (10, good)], 40).await;
        assert_eq!(delivered("sink"), totals("source", 1..=20), "{why}");
        assert_eq!((seen.reloads.succeeded, seen.reloads.failed), (1, 1), "{why}");
        let seen = run_through(good, &[(5, bad)], 10).await;
        let (_, outcome) = seen.reloads.last.clone().unwrap();
        let reason = outcome.unwrap_err();
        assert!(reason.contains(why), "{reason}");
        assert_eq!(status(&seen, Kind::Exporter, "sink"), Status::Ok);
        assert_eq!(seen.flows(), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_exporters_none_is_changed_where_one_cannot_be() {
    let good = "receivers: {source: {batches: 9}}\nexporters: {sink/a: {takes: 1ms}, sink/b: }\nservice: {pipelines: \
                {metrics: {receivers: [source], exporters: [sink/a, sink/b]}}}\n";
    let bad = "receivers: {source: {batches: 9}}\nexporters: {sink/a: {takes: 2ms}, sink/b: {broken: true}}\nservice: \
               {pipelines: {metrics: {receivers: [source], exporters: [sink/a, sink/b]}}}\n";
    let seen = run_through(good, &[(5, bad)], 20).await;
    for exporter in ["sink/a", "sink/b"] {
        assert_eq!(delivered(exporter), totals("source", 1..=9));
        assert_eq!(status(&seen, Kind::Exporter, exporter), Status::Ok);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_exporter_gets_nothing_before_all_of_its_configuration_was_taken_over() {
    for kind in ["takes: 1us", "direct: true", "sending_queue: {enabled: false}"] {
        let text = |a: &str, b: &str| -> &'static str {
            let text = format!(
                "receivers: {{source: {{batches: 20}}}}\nexporters: {{sink/a: {{{kind}{a}}}, sink/b: {{{b}}}}}\nservice: \
                 {{pipelines: {{metrics: {{receivers: [source], exporters: [sink/a, sink/b]}}}}}}\n"
            );
            text.leak()
        };
        let good = text("", "");
        let late = text(", forever: permanent", "broken: true, starts_after: 4s");
        let seen = run_through(good, &[(5, late), (15, late)], 40).await;
        assert_eq!(seen.reloads.failed, 2, "{kind}");
        // What reaches the new one is lost.
        assert_eq!(delivered("sink/a"), totals("source", 1..=20), "{kind}");
        assert_eq!(delivered("sink/b"), totals("source", 1..=20), "{kind}");
        assert_eq!(status(&seen, Kind::Exporter, "sink/a"), Status::Ok, "{kind}");
        let seen = run_through(good, &[(5, text(", part: 7", "starts_after: 4s"))], 40).await;
        assert_eq!((seen.reloads.succeeded, seen.flows()), (1, Ok(())), "{kind}");
        assert_eq!(delivered("sink/a"), totals("source", 1..=20), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_reloads_under_load_lose_and_repeat_nothing() {
    let receivers = "receivers: {source: {batches: 100000, every: 1ms, streams: 3}}\n";
    let variants = [
        "processors: {only/x: }\nexporters: {sink: {takes: 1us}}\nservice: {pipelines: {metrics: {receivers: [source], \
         processors: [only/x], exporters: [sink]}}}\n",
        "processors: {only/x: {comm: a}, only/y: }\nexporters: {sink: {takes: 1us}}\nservice: {pipelines: {metrics: \
         {receivers: [source], processors: [only/y, only/x], exporters: [sink]}}}\n",
        "exporters: {sink: {takes: 2us}, sink/b: }\nservice: {pipelines: {metrics: {receivers: [source], exporters: \
         [sink, sink/b]}}}\n",
        "connectors: {forward: }\nexporters: {sink: {takes: 2us}}\nservice: {pipelines: {metrics: {receivers: [source], \
         exporters: [forward]}, metrics/b: {receivers: [forward], exporters: [sink]}}}\n",
    ];
    let texts: Vec<&'static str> = variants.iter().map(|variant| &*format!("{receivers}{variant}").leak()).collect();
    let others: Vec<(u64, &'static str)> =
        (1..=100).map(|second: u64| (second, texts[usize::try_from(second).unwrap() % texts.len()])).collect();
    let seen = run_through(texts[0], &others, 110).await;
    assert_eq!(seen.reloads.succeeded, 100);
    let values: Vec<u64> =
        delivered("sink").iter().map(|points| points[0].rsplit('=').next().unwrap().parse().unwrap()).collect();
    assert!(values.len() > 50_000, "{}", values.len());
    // Changing pipelines may have batches overtake each other; none is lost, none comes twice.
    let mut sorted = values.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=values.len() as u64).collect::<Vec<_>>());
}
