//! Exactness of TCP states: every change of state of connections whose lives are scripted, whose it is, how long they
//! lived, and which are open.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use support::agent::{Agent, pin_path};
use support::measure::{Measurement, main_of, role};
use support::net::Path;
use support::page::Page;
use support::process_one::ProcessOne;
use support::sink::{Sink, Stream};
use support::trace::{TRANSITIONS, Trace};
use support::workload::{Workload, facts, program};
use support::{eventually, slow};

const METRIC: &str = "ebpf.tcp.state.transitions";

fn measure() -> Measurement {
    Measurement::start(&[("ebpf_tcpstate", "")])
}

/// All transitions of streams that `wanted` takes, as `from to`.
fn transitions(sink: &Sink, wanted: impl Fn(&Stream) -> bool) -> BTreeMap<String, f64> {
    sink.with(|received| {
        let mut found = BTreeMap::new();
        for (stream, value) in received.last.iter().filter(|(stream, _)| stream.0 == METRIC && wanted(stream)) {
            let words = ["ebpf.tcp.state.from", "ebpf.tcp.state.to"].map(|key| stream.1[key].as_str());
            *found.entry(words.join(" ")).or_default() += value;
        }
        found
    })
}

fn transitions_of(sink: &Sink, comm: &str) -> BTreeMap<String, f64> {
    transitions(sink, |stream| stream.1.get("ebpf.comm").is_some_and(|found| found == comm))
}

/// Waits until the sink holds these transitions of `comm`: the last acknowledgement of a connection may come when its
/// process is gone.
fn arrive(sink: &Sink, one: &ProcessOne, comm: &str, made: &BTreeMap<String, f64>) {
    eventually("the last acknowledgements", 30, || one.explains(&transitions_of(sink, comm), made).then_some(()));
}

/// That these are all transitions of `comm`.
fn expect_all(sink: &Sink, one: &ProcessOne, comm: &str, made: &BTreeMap<String, f64>) {
    let seen = transitions_of(sink, comm);
    assert!(one.explains(&seen, made), "{comm}: {seen:?} of {made:?}, {} unseen", one.seen());
}

/// That all of `count` connections of `comm` have ended.
fn expect_ended(sink: &Sink, one: &ProcessOne, comm: &str, count: u64) {
    let ended = sink.sum("ebpf.tcp.connections.closed", &[("ebpf.comm", comm)]);
    assert!(one.countable(count).contains(&(ended as u64)), "{comm}: {ended} of {count}, {} unseen", one.seen());
}

fn expected(rows: &[(&str, u64)]) -> BTreeMap<String, f64> {
    rows.iter().map(|(words, count)| ((*words).to_owned(), *count as f64)).collect()
}

fn connecting(count: u64) -> [(&'static str, u64); 2] {
    [("closed syn_sent", count), ("syn_sent established", count)]
}

/// Of a client that closes first.
fn first_to_close(count: u64) -> BTreeMap<String, f64> {
    let closing = [("established fin_wait_1", count), ("fin_wait_1 fin_wait_2", count), ("fin_wait_2 closed", count)];
    expected(&[&connecting(count)[..], &closing].concat())
}

/// Of a server that accepts by itself, closes after the client, and ends.
fn serving(count: u64) -> BTreeMap<String, f64> {
    expected(&[
        ("closed listen", 1),
        ("listen syn_received", count),
        ("syn_received established", count),
        ("established close_wait", count),
        ("close_wait last_ack", count),
        ("last_ack closed", count),
        ("listen closed", 1),
    ])
}

#[test]
fn every_transition_of_a_thousand_connections_is_its_owner_s() {
    let measurement = measure();
    let one = ProcessOne::transitions();
    for (family, count) in [(4, 1_000), (6, 1_000)] {
        let test = format!("a{family}");
        let facts = facts(&Workload::start(main_of(&test), "script", &[family, count]).finish());
        // As on the guide's page, in the kernel's words, and by pid alone.
        let expect = |name: &str, old: &str, new: &str, count: u64| {
            let pid = facts[&format!("{name}_pid")].to_string();
            let labels = [("pid", pid.as_str()), ("old_state", old), ("new_state", new)];
            let told = || measurement.agent.page(0).sum("tfo_ebpf_tcp_state_transitions", &labels).unwrap_or_default();
            let what = format!("{count} from {old} to {new} on the page");
            eventually(&what, 30, || one.countable(count).contains(&(told() as u64)).then_some(()));
        };
        expect("cli", "FIN_WAIT2", "CLOSE", count);
        expect("cli", "ESTABLISHED", "FIN_WAIT1", count);
        expect("srv", "LISTEN", "SYN_RECV", count);
        expect("srv", "CLOSE_WAIT", "LAST_ACK", count);
        expect("srv", "LISTEN", "CLOSE", 1);
        arrive(&measurement.sink, &one, role(&test, "cli"), &first_to_close(count));
        arrive(&measurement.sink, &one, role(&test, "srv"), &serving(count));
    }
    let sink = measurement.end();
    for test in ["a4", "a6"] {
        expect_all(&sink, &one, role(test, "cli"), &first_to_close(1_000));
        expect_all(&sink, &one, role(test, "srv"), &serving(1_000));
        // It only waits for the two.
        assert_eq!(transitions_of(&sink, main_of(test)), BTreeMap::new());
        for name in ["cli", "srv"] {
            expect_ended(&sink, &one, role(test, name), 1_000);
        }
    }
}

#[test]
fn what_a_child_accepts_is_its_parent_s_before_and_its_own_after() {
    const COUNT: u64 = 300;
    let measurement = measure();
    let one = ProcessOne::transitions();
    Workload::start(main_of("e"), "prefork", &[4, COUNT, 1]).finish();
    Workload::start(main_of("l"), "prefork", &[4, COUNT, 0]).finish();
    let accepting = [
        ("closed listen", 1),
        ("listen syn_received", COUNT),
        ("syn_received established", COUNT),
        ("listen closed", 1),
    ];
    let second_to_close =
        [("established close_wait", COUNT), ("close_wait last_ack", COUNT), ("last_ack closed", COUNT)];
    let first_to_close_of_a_child =
        [("established fin_wait_1", COUNT), ("fin_wait_1 fin_wait_2", COUNT), ("fin_wait_2 closed", COUNT)];
    let everybody = [
        // The client has closed before the accept.
        (role("e", "mum"), expected(&[&accepting[..], &second_to_close[..1]].concat())),
        (role("e", "kid"), expected(&second_to_close[1..])),
        (role("e", "cli"), first_to_close(COUNT)),
        // The client closes after the child did, which never sent or received a byte.
        (role("l", "mum"), expected(&accepting)),
        (role("l", "kid"), expected(&first_to_close_of_a_child)),
        (role("l", "cli"), expected(&[&connecting(COUNT)[..], &second_to_close].concat())),
    ];
    for (comm, all) in &everybody {
        arrive(&measurement.sink, &one, comm, all);
    }
    let sink = measurement.end();
    for (comm, all) in &everybody {
        expect_all(&sink, &one, comm, all);
    }
    for test in ["e", "l"] {
        for (name, count) in [("mum", 0), ("kid", COUNT), ("cli", COUNT)] {
            expect_ended(&sink, &one, role(test, name), count);
        }
    }
}

#[test]
fn connections_live_as_long_as_they_slept() {
    const COUNT: u64 = 40;
    let measurement = measure();
    let one = ProcessOne::transitions();
    // LAST_ACK (9) and FIN_WAIT1 (4) of include/net/tcp_states.h: a FIN that finds the far side on its way to TIME_WAIT
    // is dropped there, and sent again after a fifth of a second.
    let ends = Trace::of(&[TRANSITIONS], "oldstate == 9 || newstate == 9 || oldstate == 4 || newstate == 4");
    let facts = facts(&Workload::start(main_of("t"), "script", &[4, COUNT, 50]).finish());
    let own = facts["lived_ns"] / 1e9;
    arrive(&measurement.sink, &one, role("t", "srv"), &serving(COUNT));
    let sink = measurement.end();
    for (name, last) in [("cli", "TCP_FIN_WAIT1"), ("srv", "TCP_LAST_ACK")] {
        let labels = [("ebpf.comm", role("t", name))];
        expect_ended(&sink, &one, role("t", name), COUNT);
        let ended = sink.sum("ebpf.tcp.connections.closed", &labels);
        let own = own * ended / COUNT as f64;
        let ending = ends.seconds_in(last, facts[&format!("{name}_pid")] as u64);
        let measured = sink.sum("ebpf.tcp.connection.time", &labels);
        println!("{name}: slept {own} s, ended in {ending} s, measured {measured} s");
        // A millisecond each for the way to the sleep and for the close, on a machine of today.
        let end = ending + 0.002 * f64::from(slow()) * COUNT as f64;
        assert!(measured > own - 0.001 * COUNT as f64 && measured < own + end, "{name}: {measured} s");
    }
}

/// Three connections that end at once, and one whose end waits for a far side that takes nothing yet.
const BRIEF_AND_LONG: &str = "for round in 1 2 3; do exec 3<>/dev/tcp/127.0.0.1/$0; exec 3>&-; done
    exec 3<>/dev/tcp/127.0.0.1/$0; printf '%1000000s' '' >&3";

#[test]
fn a_connection_that_ends_after_its_process_takes_no_others_out_of_the_distribution() {
    let measurement = Measurement::start(&[("ebpf_tcpstate", "histograms: true")]);
    let one = ProcessOne::transitions();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut client = Command::new("bash").args(["-c", BRIEF_AND_LONG, &port]).spawn().unwrap();
    let pid = client.id().to_string();
    let of = |sink: &Sink, metric: &str| sink.sum(metric, &[("process.pid", pid.as_str())]);
    let closed = || of(&measurement.sink, "ebpf.tcp.connections.closed") as u64;
    let mut far = listener.accept().unwrap().0;
    for _ in 0..3 {
        assert_eq!(far.read(&mut [0; 1]).unwrap(), 0);
        far = listener.accept().unwrap().0;
    }
    // The kernel keeps what it has written.
    eventually("the end of the client", 10, || client.try_wait().unwrap());
    eventually("three connections", 30, || one.countable(3).contains(&closed()).then_some(()));
    // Its last read comes within half a second.
    std::thread::sleep(Duration::from_secs(2));
    let unread = std::io::copy(&mut far, &mut std::io::sink()).unwrap();
    assert_eq!(unread, 1_000_000);
    eventually("the last connection", 30, || one.countable(4).contains(&closed()).then_some(()));
    let sink = measurement.end();
    assert_eq!(of(&sink, "ebpf.tcp.connection.duration"), of(&sink, "ebpf.tcp.connections.closed"));
}

#[test]
fn connections_that_are_older_than_the_agent_end_under_its_eyes() {
    const COUNT: u64 = 50;
    let mut load = Workload::start(main_of("x"), "existing", &[4, COUNT]);
    assert_eq!(load.line(), "standing");
    let began = std::time::Instant::now();
    let measurement = measure();
    let one = ProcessOne::transitions();
    let least = || COUNT.saturating_sub(one.seen()) as f64;
    // What the rest of the machine does without an owner is not ours, but there is some of it only by chance.
    load.tell("");
    load.finish();
    // The last acknowledgements may come when the processes are gone.
    let closed =
        |sink: &Sink| sink.sum(METRIC, &[("ebpf.tcp.state.from", "last_ack"), ("ebpf.tcp.state.to", "closed")]);
    eventually("the end of every connection", 10, || (closed(&measurement.sink) >= least()).then_some(()));
    let sink = measurement.end();
    let mine = |name: &str| {
        let comm = role("x", name);
        transitions(&sink, move |stream| stream.1.get("ebpf.comm").is_some_and(|found| found == comm))
    };
    let nobody = transitions(&sink, |stream| !stream.1.contains_key("ebpf.comm"));
    assert!(sink.with(|received| {
        let ownerless =
            received.last.keys().filter(|(name, labels)| name == METRIC && !labels.contains_key("ebpf.comm"));
        ownerless.into_iter().all(|(_, labels)| !labels.contains_key("otel.metric.overflow"))
    }));
    let all = |words: &str| {
        [mine("cli"), mine("srv"), nobody.clone()].iter().filter_map(|found| found.get(words)).sum::<f64>()
    };
    let rows = ["established fin_wait_1", "fin_wait_1 fin_wait_2", "fin_wait_2 closed"];
    for words in rows.into_iter().chain(["established close_wait", "close_wait last_ack", "last_ack closed"]) {
        assert!(all(words) >= least(), "{words}: {}", all(words));
    }
    // An owner is right where there is one.
    for words in ["established close_wait", "close_wait last_ack", "last_ack closed", "closed syn_sent"] {
        assert_eq!(mine("cli").get(words), None, "{words} is the server's");
    }
    for words in rows {
        assert_eq!(mine("srv").get(words), None, "{words} is the client's");
    }
    // When they were made nobody saw, so no time that is longer than the agent has looked.
    for name in ["cli", "srv"] {
        let seconds = sink.sum("ebpf.tcp.connection.time", &[("ebpf.comm", role("x", name))]);
        assert!(seconds <= began.elapsed().as_secs_f64() * COUNT as f64, "{name}: {seconds} s");
    }
}

/// The states of sockets as the kernel numbers them, and as the metric calls them.
const STATES: [(u8, &str); 12] = [
    (1, "established"),
    (2, "syn_sent"),
    (3, "syn_received"),
    (4, "fin_wait_1"),
    (5, "fin_wait_2"),
    (6, "time_wait"),
    (7, "closed"),
    (8, "close_wait"),
    (9, "last_ack"),
    (10, "listen"),
    (11, "closing"),
    (12, "new_syn_received"),
];

#[test]
fn open_connections_by_state_are_those_of_the_agent_s_namespace() {
    let path = Path::start(role("c", "path"), 1);
    let mut load = path.workload(1, main_of("c"), "standing", &[7]);
    load.rested();
    let pins = pin_path();
    let configuration = format!(
        r#"
extensions: {{ebpf: {{pin_path: {pins} }}}}
receivers: {{ebpf_tcpstate: {{collection_interval: 200ms}}}}
exporters: {{prometheus: {{endpoint: "127.0.0.1:0", naming: otel}}}}
service:
  extensions: [ebpf]
  pipelines:
    metrics: {{receivers: [ebpf_tcpstate], exporters: [prometheus]}}
"#
    );
    let agent = Agent::spawn(&["start"], &configuration, path.command(1, support::agent::binary().get_program()));
    agent.expect_log("service started", 20);
    let address = agent.address(0);
    let port = address.rsplit_once(':').unwrap().1;
    let fetched = || {
        let output = path.command(1, program()).args(["-", "fetch", port]).output().unwrap();
        assert!(output.status.success());
        Page::of(&output.stdout)
    };
    // Each look leaves a socket in time_wait, so both are taken when the last one has long been over.
    let (page, kernel) = eventually("the kernel's own count", 20, || {
        std::thread::sleep(Duration::from_millis(700));
        let kernel = path.sockets(1);
        let page = fetched();
        let shown = |state: &str| {
            page.sum("system_network_connection_count", &[("network_connection_state", state)]).unwrap_or(0.0)
        };
        let equal = STATES.iter().all(|(number, name)| shown(name) == kernel.get(number).copied().unwrap_or(0) as f64);
        println!("kernel {kernel:?}, page {:?}", STATES.map(|(_, name)| shown(name)));
        equal.then_some((page, kernel))
    });
    // 7 pairs that stand, 7 that nobody has accepted yet, 7 half closed; the workload's listener and the page's.
    assert_eq!(kernel.get(&1), Some(&28), "{kernel:?}");
    assert_eq!([kernel.get(&5), kernel.get(&8), kernel.get(&10)], [Some(&7), Some(&7), Some(&2)], "{kernel:?}");
    assert!(
        page.find("system_network_connection_count", &[]).all(|sample| sample.labels["network_transport"] == "tcp")
    );
    load.finish();
    assert!(agent.stop().0.success());
}

#[test]
fn states_have_a_client_of_their_own_in_each_namespace() {
    let mut path = Path::start(role("n", "path"), 1);
    let measurement = measure();
    let given_up = ProcessOne::attempts_given_up(7_300);
    path.lose("all", 1, 1);
    let mut load = path.workload(1, role("n", "cli"), "timeouts", &[4, 7_300, 10]);
    load.rested();
    let countable = given_up.countable(10);
    load.finish();
    let sink = measurement.end();
    // Never answered: from syn_sent straight to closed.
    let closed = transitions_of(&sink, role("n", "cli")).get("syn_sent closed").map_or(0, |count| *count as u64);
    assert!(countable.contains(&closed), "{closed} of {countable:?} attempts that were given up");
    let rows = [("closed syn_sent", 10), ("syn_sent closed", closed)];
    assert_eq!(transitions_of(&sink, role("n", "cli")), expected(&rows[..1 + usize::from(closed > 0)]));
    assert_eq!(sink.sum("ebpf.tcp.connections.closed", &[("ebpf.comm", role("n", "cli"))]), 0.0, "none was made");
    assert_eq!(transitions_of(&sink, role("n", "path")), BTreeMap::new());
}
