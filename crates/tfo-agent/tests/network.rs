//! Exactness of the network figures: bytes and datagrams by the results of the calls, connections by their ends, and
//! round trips and retransmits against the kernel's own books of two network namespaces whose path loses packets.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a helper of tests fails as a test does")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use support::eventually;
use support::measure::{Measurement, main_of, role};
use support::net::Path;
use support::process_one::ProcessOne;
use support::sink::Sink;
use support::workload::{Workload, facts};

/// Families as the workloads know them, 64 being IPv4 through a socket of IPv6, and what the metrics say of each.
const FAMILIES: [(u64, &str); 3] = [(4, "ipv4"), (6, "ipv6"), (64, "ipv4")];

fn measure() -> Measurement {
    Measurement::start(&[("ebpf_network", "")])
}

/// Bytes of processes called `comm` at the sink.
fn bytes(sink: &Sink, comm: &str, direction: &str, more: &[(&str, &str)]) -> f64 {
    let attributes = [&[("ebpf.comm", comm), ("network.io.direction", direction)], more].concat();
    sink.sum("process.network.io", &attributes)
}

fn datagrams(sink: &Sink, comm: &str, direction: &str) -> f64 {
    sink.sum("ebpf.udp.datagrams", &[("ebpf.comm", comm), ("network.io.direction", direction)])
}

/// Asserts that `comm` sent and received exactly what `facts` say of `role`, all of it by `transport` and `family`.
fn expect_bytes(sink: &Sink, comm: &str, facts: &BTreeMap<String, f64>, role: &str, transport: &str, family: &str) {
    let narrow = [("network.transport", transport), ("network.type", family)];
    for (direction, key) in [("transmit", "sent"), ("receive", "received")] {
        let expected = facts[&format!("{role}_{key}")];
        println!("{comm} {direction} {transport} {family}: {expected}");
        assert_eq!(bytes(sink, comm, direction, &narrow), expected, "{comm} {direction} {transport} {family}");
        assert_eq!(bytes(sink, comm, direction, &[]), expected, "{comm} {direction}: in other streams too");
    }
}

#[test]
fn bytes_of_tcp_are_what_the_calls_returned_by_every_way_to_move_them() {
    let measurement = measure();
    // Sent: write, send, sendto, writev, sendmsg, sendmmsg, MSG_MORE, sendfile, splice to the socket, short sends; not
    // what was only asked for, and not what ended in EAGAIN or EPIPE. Received: read, recv, recvfrom, readv, recvmsg,
    // recvmmsg, and MSG_TRUNC, which throws away; not what was only looked at with MSG_PEEK.
    for (family, label) in FAMILIES {
        let test = format!("s{family}");
        let facts = facts(&Workload::start(main_of(&test), "stream", &[family]).finish());
        assert!(facts["cli_sent"] > 100_000.0 && facts["srv_sent"] == facts["cli_received"], "{facts:?}");
        let client = [("comm", role(&test, "cli"))];
        measurement.expect_page("tfo_ebpf_tcp_bytes_sent", &client, facts["cli_sent"]);
        measurement.expect_page("tfo_ebpf_tcp_bytes_recv", &client, facts["cli_received"]);
        for name in ["cli", "srv"] {
            let comm = role(&test, name);
            eventually("the same at the sink", 30, || {
                (bytes(&measurement.sink, comm, "receive", &[]) >= facts[&format!("{name}_received")]).then_some(())
            });
            expect_bytes(&measurement.sink, comm, &facts, name, "tcp", label);
        }
    }
    measurement.end();
}

#[test]
fn bytes_that_leave_a_socket_by_splice_are_received() {
    let measurement = measure();
    let facts = facts(&Workload::start(main_of("sp"), "splice-in", &[100_000]).finish());
    let sink = measurement.end();
    expect_bytes(&sink, role("sp", "cli"), &facts, "cli", "tcp", "ipv4");
    expect_bytes(&sink, role("sp", "srv"), &facts, "srv", "tcp", "ipv4");
}

#[test]
fn datagrams_and_their_bytes_are_what_went_and_what_came() {
    let measurement = measure();
    // Sent: sendto, send, sendmmsg, empty ones; not EMSGSIZE, EDESTADDRREQ, ECONNREFUSED. Received: recv, recvfrom of a
    // part, empty ones, recvmmsg; not MSG_PEEK, EAGAIN, and not what comes back by MSG_ERRQUEUE.
    for (family, label) in FAMILIES {
        let test = format!("u{family}");
        let printed = Workload::start(main_of(&test), "datagram", &[family, 500]).finish();
        let facts = facts(&printed);
        for name in ["cli", "srv"] {
            let comm = role(&test, name);
            let (sent, received) =
                (facts[&format!("{name}_datagrams_sent")], facts[&format!("{name}_datagrams_received")]);
            measurement.expect_page("tfo_ebpf_udp_packets_sent", &[("comm", comm)], sent);
            measurement.expect_page("tfo_ebpf_udp_packets_recv", &[("comm", comm)], received);
            eventually("the same at the sink", 30, || {
                (datagrams(&measurement.sink, comm, "receive") >= received).then_some(())
            });
            let sink = &measurement.sink;
            assert_eq!((datagrams(sink, comm, "transmit"), datagrams(sink, comm, "receive")), (sent, received));
            // A socket of IPv6 without a peer does not say what its next datagram goes by; the whole server is one.
            let loose = match (family, name) {
                (64, "srv") => [sent + received, facts["srv_sent"], facts["srv_received"]],
                (64, _) => [facts["cli_loose_datagrams"], facts["cli_loose_bytes"], 0.0],
                _ => [0.0; 3],
            };
            let by_type = |label| sink.sum("ebpf.udp.datagrams", &[("ebpf.comm", comm), ("network.type", label)]);
            assert_eq!(by_type(label), sent + received - loose[0], "{label}");
            assert_eq!(by_type(if label == "ipv4" { "ipv6" } else { "ipv4" }), loose[0], "not {label}");
            for (direction, key, loose) in [("transmit", "sent", loose[1]), ("receive", "received", loose[2])] {
                let expected = facts[&format!("{name}_{key}")];
                let narrow = [("network.transport", "udp"), ("network.type", label)];
                assert_eq!(bytes(sink, comm, direction, &narrow), expected - loose, "{comm} {direction} {label}");
                assert_eq!(
                    bytes(sink, comm, direction, &[("network.transport", "udp")]),
                    expected,
                    "{comm} {direction}"
                );
                assert_eq!(bytes(sink, comm, direction, &[]), expected, "{comm} {direction}: by TCP too");
            }
        }
    }
    measurement.end();
}

#[test]
fn sockets_that_are_handed_over_are_charged_to_who_uses_them() {
    let measurement = measure();
    Workload::start(main_of("h"), "heirs", &[50_000]).finish();
    let sink = measurement.end();
    let tcp = [("network.transport", "tcp"), ("network.type", "ipv4")];
    let sent = ["own", "heir", "far", "srv"].map(|name| bytes(&sink, role("h", name), "transmit", &tcp));
    assert_eq!(sent, [100_000.0, 100_000.0, 150_000.0, 0.0]);
    assert_eq!(bytes(&sink, role("h", "srv"), "receive", &tcp), 350_000.0);
    // The Unix socket on which one of them went is no network.
    let all: f64 = ["own", "heir", "far"].iter().map(|name| bytes(&sink, role("h", name), "receive", &[])).sum();
    assert_eq!(all, 0.0);
}

fn connections(sink: &Sink, comm: &str, role: &str, family: &str) -> f64 {
    sink.sum("ebpf.tcp.connections", &[("ebpf.comm", comm), ("ebpf.tcp.role", role), ("network.type", family)])
}

fn failures(sink: &Sink, comm: &str, error: &str) -> f64 {
    sink.sum("ebpf.tcp.connection.failures", &[("ebpf.comm", comm), ("error.type", error)])
}

#[test]
fn connections_are_counted_on_both_sides_and_refused_ones_as_failures() {
    let measurement = measure();
    let one = ProcessOne::transitions();
    let all = |seen: f64, made: u64| one.countable(made).contains(&(seen as u64));
    for (family, label) in FAMILIES {
        let test = format!("c{family}");
        Workload::start(main_of(&test), "connects", &[family, 300, 100]).finish();
        let (client, listener) = (role(&test, "cli"), main_of(&test));
        for comm in [client, listener] {
            let told = || measurement.agent.page(0).sum("tfo_ebpf_tcp_connections", &[("comm", comm)]);
            eventually("connections on the page", 30, || all(told().unwrap_or_default(), 300).then_some(()));
        }
        let sink = &measurement.sink;
        eventually("the same at the sink", 30, || {
            let passive = connections(sink, listener, "passive", label);
            (all(passive, 300) && all(failures(sink, client, "ECONNREFUSED"), 100)).then_some(())
        });
        let active = connections(sink, client, "active", label);
        assert!(all(active, 300), "{label}: {active}, {} unseen", one.seen());
        assert_eq!(sink.sum("ebpf.tcp.connections", &[("ebpf.comm", client)]), active, "only active ones");
        assert_eq!(sink.sum("ebpf.tcp.connections", &[("ebpf.comm", role(&test, "srv"))]), 0.0);
        let refused = failures(sink, client, "ECONNREFUSED");
        assert!(all(refused, 100), "{label}: {refused}, {} unseen", one.seen());
        let failed = sink.sum("ebpf.tcp.connection.failures", &[("ebpf.comm", client)]);
        assert_eq!(failed, refused, "with other errors, {label}");
        assert_eq!(sink.sum("ebpf.tcp.connection.failures", &[("ebpf.comm", listener)]), 0.0);
    }
    measurement.end();
}

fn retransmits(sink: &Sink, comm: &str) -> f64 {
    sink.sum("ebpf.tcp.retransmits", &[("ebpf.comm", comm)])
}

/// What the kernel says that both ends have sent again.
fn books(path: &Path) -> [f64; 2] {
    [path.retransmits(1), path.retransmits(2)]
}

#[test]
fn attempts_that_nobody_answers_time_out_and_their_syns_are_retransmits() {
    let mut path = Path::start(role("to", "path"), 1);
    let measurement = measure();
    for (family, number) in [(4, 20), (6, 10)] {
        let before = books(&path)[0];
        let given_up = ProcessOne::attempts_given_up(7_000 + family);
        let unseen = ProcessOne::retransmits();
        path.lose("all", 1, 1);
        let mut load =
            path.workload(1, role("to", &format!("cl{family}")), "timeouts", &[family, 7_000 + family, number]);
        load.rested();
        let countable = given_up.countable(number);
        let again = books(&path)[0] - before;
        assert!(again >= number as f64, "no SYN was lost");
        let comm = role("to", &format!("cl{family}"));
        eventually("the SYNs on the page", 30, || {
            let told = measurement.agent.page(0).sum("tfo_ebpf_tcp_retransmits", &[("comm", comm)])?;
            unseen.explains_segments(told, again).then_some(())
        });
        // The SYNs were sent again long before the attempts were given up.
        let timed_out = eventually("the failures at the sink", 30, || {
            let timed_out = failures(&measurement.sink, comm, "ETIMEDOUT");
            (timed_out >= *countable.start() as f64).then_some(timed_out)
        });
        println!("{timed_out} of {number} attempts, {again} SYNs again, {} unseen", unseen.seen());
        assert!(unseen.explains_segments(retransmits(&measurement.sink, comm), again));
        assert!(timed_out <= number as f64, "{timed_out} of {countable:?}");
        assert_eq!(measurement.sink.sum("ebpf.tcp.connection.failures", &[("ebpf.comm", comm)]), timed_out);
        assert_eq!(measurement.sink.sum("ebpf.tcp.connections", &[("ebpf.comm", comm)]), 0.0);
        load.finish();
        path.lose("all", 1, 0);
    }
    assert_eq!(retransmits(&measurement.end(), role("to", "path")), 0.0, "who carries packets sends none again");
}

#[test]
fn the_round_trip_over_a_path_of_forty_milliseconds_is_the_kernel_s_own() {
    const ROUNDS: u64 = 50;
    let path = Path::start(role("rt", "path"), 20);
    let measurement = measure();
    for (family, port) in [(4, 7_104), (6, 7_106)] {
        let server = path.listening(2, role("rt", &format!("ec{family}")), "echo", &[family, port]);
        let comm = role("rt", &format!("pi{family}"));
        let mut client = path.workload(1, comm, "ping", &[family, port, ROUNDS]);
        let facts = facts(&[(); 4].map(|()| client.line()).join("\n"));
        let kernel = facts["rtt_us"] / facts["rounds"] / 1e6;
        assert!((0.040..0.060).contains(&kernel), "the path is not what it should be: {kernel} s");
        client.tell("");
        client.finish();
        server.finish();
        // Nothing is newly acknowledged when a byte is sent, but for the first: that is the handshake.
        let count = eventually("all observations", 10, || {
            let count = measurement.sink.sum("ebpf.tcp.rtt.observations", &[("ebpf.comm", comm)]);
            (count >= ROUNDS as f64).then_some(count)
        });
        let sum = measurement.sink.sum("ebpf.tcp.rtt.time", &[("ebpf.comm", comm)]);
        let mean = measurement.agent.page(0).sum("tfo_ebpf_tcp_rtt_ns", &[("comm", comm)]).unwrap() / 1e9;
        println!("kernel {kernel} s, {count} observations {} s, page {mean} s", sum / count);
        assert!(count <= ROUNDS as f64 + 2.0, "{count} observations of {ROUNDS} acknowledgements");
        assert!((sum / count / kernel - 1.0).abs() < 0.1, "{} s, kernel {kernel} s", sum / count);
        // The page's is the mean of what came between two reads, and each is cut to microseconds.
        let [least, most] = ["least_us", "most_us"].map(|key| facts[key] / 1e6);
        assert!((least..most + 1e-6).contains(&mean), "page {mean} s, kernel {least} s to {most} s");
    }
    measurement.end();
}

/// Moves `out` bytes one way and `back` the other while the path loses what `rules` say; asserts that each side shows
/// what its namespace's books say, and that nobody else shows any.
fn lossy(test: &str, family: u64, port: u64, sizes: [u64; 2], rules: &[(&str, usize, u64)]) -> [f64; 2] {
    let mut path = Path::start(role(test, "path"), 5);
    let measurement = measure();
    let one = ProcessOne::retransmits();
    let before = books(&path);
    let mut server = path.listening(2, role(test, "srv"), "serve", &[family, port, sizes[0], sizes[1]]);
    for (what, end, number) in rules {
        path.lose(what, *end, *number);
    }
    let mut client = path.workload(1, role(test, "cli"), "client", &[family, port, sizes[0], sizes[1]]);
    let own = [client.line(), server.line()].map(|line| facts(&line)["retransmits"]);
    client.rested();
    server.rested();
    for (what, end, _) in rules {
        path.lose(what, *end, 0);
    }
    let after = books(&path);
    let kernel = [after[0] - before[0], after[1] - before[1]];
    println!("{test}: TCP_INFO {own:?}, RetransSegs {kernel:?}, {} buffers unseen", one.seen());
    assert_eq!(own, kernel, "two books of the kernel");
    // Both are killed where they rest: their ends would be further packets, and perhaps lost ones.
    let sink = measurement.end();
    client.kill();
    server.kill();
    for (name, kernel) in [("cli", kernel[0]), ("srv", kernel[1])] {
        let seen = retransmits(&sink, role(test, name));
        assert!(one.explains_segments(seen, kernel), "{name}: {seen} of {kernel}");
    }
    assert_eq!(retransmits(&sink, role(test, "path")), 0.0);
    kernel
}

#[test]
fn segments_lost_in_both_directions_are_retransmits_of_their_sender() {
    let kernel = lossy("l4", 4, 7_204, [600_000, 500_000], &[("every", 1, 20), ("every", 2, 15)]);
    assert!(kernel[0] >= 20.0 && kernel[1] >= 20.0, "{kernel:?}");
    let kernel = lossy("l6", 6, 7_206, [600_000, 500_000], &[("every", 1, 20), ("every", 2, 15)]);
    assert!(kernel[0] >= 20.0 && kernel[1] >= 20.0, "{kernel:?}");
}

#[test]
fn a_burst_that_is_lost_counts_its_segments_and_not_its_buffers() {
    // The kernel sends several of these segments again as one buffer.
    let kernel = lossy("lb", 4, 7_214, [300_000, 0], &[("next", 1, 12)]);
    assert!(kernel[0] >= 12.0, "{kernel:?}");
}

#[test]
fn syns_are_retransmits_of_who_connects_and_syn_acks_of_who_listens() {
    let kernel = lossy("ls", 4, 7_224, [10, 10], &[("syns", 1, 2)]);
    assert_eq!(kernel, [2.0, 0.0]);
    let kernel = lossy("la", 6, 7_226, [10, 10], &[("synacks", 2, 2)]);
    assert!(kernel[1] >= 2.0, "{kernel:?}");
}

#[test]
fn retransmits_of_an_inherited_socket_are_the_heir_s() {
    let mut path = Path::start(role("lh", "path"), 5);
    let measurement = measure();
    let one = ProcessOne::retransmits();
    let before = path.retransmits(1);
    let server = path.listening(2, role("lh", "srv"), "serve", &[4, 7_234, 300_000, 0]);
    path.lose("every", 1, 10);
    let mut load = path.workload(1, main_of("lh"), "lossy-heirs", &[4, 7_234, 300_000]);
    let own = facts(&load.line())["retransmits"];
    load.rested();
    path.lose("every", 1, 0);
    let kernel = path.retransmits(1) - before;
    println!("TCP_INFO {own}, RetransSegs {kernel}");
    assert!(own == kernel && kernel >= 20.0);
    let sink = measurement.end();
    load.finish();
    server.finish();
    let seen = retransmits(&sink, role("lh", "heir"));
    assert!(one.explains_segments(seen, kernel), "{seen} of {kernel}, {} buffers unseen", one.seen());
    assert_eq!(retransmits(&sink, role("lh", "own")), 0.0);
}

#[test]
fn retransmits_of_a_process_that_is_gone_are_never_a_stranger_s() {
    let mut path = Path::start(role("lo", "path"), 5);
    // So few that its slot goes to somebody else while its socket still sends; and it goes when the other receiver reads.
    let receivers = [("ebpf_network", "collection_interval: 3s"), ("ebpf_scheduler", "collection_interval: 200ms")];
    let measurement = Measurement::start_with("max_processes: 512", &receivers);
    let one = ProcessOne::retransmits();
    let before = path.retransmits(1);
    let server = path.listening(2, role("lo", "srv"), "serve", &[4, 7_244, 30_000, 0]);
    let mut load = path.workload(1, role("lo", "orph"), "orphan", &[4, 7_244, 30_000]);
    assert_eq!(load.line(), "connected");
    path.lose("all", 1, 1);
    load.tell("");
    load.finish();
    let gone = path.retransmits(1) - before;
    // Both have read it since. What is sent again now, just before its slot goes, is still to be read.
    std::thread::sleep(Duration::from_secs(4));
    let read = path.retransmits(1);
    eventually("a segment that is sent again", 60, || (path.retransmits(1) > read).then_some(()));
    for _ in 0..4 {
        Workload::start(role("lo", "new"), "crowd", &[500, 1]).finish();
        std::thread::sleep(Duration::from_millis(600));
    }
    path.lose("all", 1, 0);
    // The server has all of it: its end is acknowledged (fin_wait_2), and nothing is sent again after that.
    eventually("the last acknowledgement", 60, || path.sockets(1).keys().all(|state| *state == 5).then_some(()));
    let kernel = path.retransmits(1) - before;
    server.finish();
    println!("RetransSegs {kernel}, {gone} of them before the process was gone");
    assert!(kernel - gone >= 3.0, "nothing was sent again after the end");
    let sink = measurement.end();
    assert_eq!(retransmits(&sink, role("lo", "new")), 0.0, "a stranger pays");
    assert_eq!(retransmits(&sink, role("lo", "path")), 0.0, "who carries packets pays");
    let nobody = sink.with(|received| {
        let streams = received.last.iter();
        let mine =
            streams.filter(|((name, labels), _)| name == "ebpf.tcp.retransmits" && !labels.contains_key("ebpf.comm"));
        mine.map(|(_, value)| value).sum::<f64>()
    });
    // Another namespace may lose a packet of nobody's meanwhile, so that side is only bounded.
    let named = retransmits(&sink, role("lo", "orph"));
    println!("the process's own {named}, nobody's {nobody}");
    let whole = one.explains_segments(kernel.min(named + nobody), kernel);
    assert!(whole && named <= kernel, "{named} + {nobody} of {kernel}, {} buffers unseen", one.seen());
}
