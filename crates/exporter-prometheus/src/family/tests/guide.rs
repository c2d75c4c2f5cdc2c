//! Every way in which the guide's names differ from a metric's own, with descriptors made up for it.

use super::*;

const PID: SeedLabel = SeedLabel::new("pid", Attributes::PID);
const COMM: SeedLabel = SeedLabel::new("comm", Attributes::COMM);
const BY_PROCESS: [SeedLabel; 2] = [PID, COMM];

static NETWORK_IO: [SeedName; 2] = [
    SeedName::new("tfo_ebpf_tcp_bytes_sent", &BY_PROCESS)
        .only(&[("network.transport", "tcp"), ("network.io.direction", "transmit")]),
    SeedName::new("tfo_ebpf_tcp_bytes_recv", &BY_PROCESS)
        .only(&[("network.transport", "tcp"), ("network.io.direction", "receive")]),
];
static DATAGRAMS: [SeedName; 2] = [
    SeedName::new("tfo_ebpf_udp_packets_sent", &BY_PROCESS).only(&[("network.io.direction", "transmit")]),
    SeedName::new("tfo_ebpf_udp_packets_recv", &BY_PROCESS).only(&[("network.io.direction", "receive")]),
];
static CONNECTIONS: [SeedName; 1] = [SeedName::new("tfo_ebpf_tcp_connections", &BY_PROCESS)];
static RTT_MEAN: [SeedName; 1] = [SeedName::new("tfo_ebpf_tcp_rtt_ns", &BY_PROCESS)];
static FILE_IO: [SeedName; 1] =
    [SeedName::new("tfo_ebpf_fileio_bytes", &[PID, COMM, SeedLabel::new("operation", "ebpf.file.operation")])];
static FAULTS: [SeedName; 3] = [
    SeedName::new("tfo_ebpf_memory_page_faults", &BY_PROCESS),
    SeedName::new("tfo_ebpf_memory_major_faults", &BY_PROCESS).only(&[("system.paging.fault.type", "major")]),
    SeedName::new("tfo_ebpf_memory_minor_faults", &BY_PROCESS).only(&[("system.paging.fault.type", "minor")]),
];
const STATES: &[(&str, &str)] = &[("syn_received", "SYN_RECV"), ("closed", "CLOSE"), ("fin_wait_1", "FIN_WAIT1")];
static TRANSITIONS: [SeedName; 1] = [SeedName::new(
    "tfo_ebpf_tcp_state_transitions",
    &[
        PID,
        SeedLabel::new("old_state", "ebpf.tcp.state.from").spelled(STATES),
        SeedLabel::new("new_state", "ebpf.tcp.state.to").spelled(STATES),
    ],
)];

fn metric(name: &'static str, unit: &'static str, seeds: &'static [SeedName]) -> Descriptor {
    Descriptor { description: "".into(), seeds, ..descriptor(name, unit, NumberKind::Unsigned) }
}

fn texts(own: &[(&'static str, &'static str)]) -> Vec<StaticAttribute> {
    own.iter().map(|(key, value)| (*key, AttributeValue::Static(value))).collect()
}

fn of_sh(own: &[(&'static str, &'static str)], bits: u64) -> Point {
    of_process(7, "sh", texts(own), bits)
}

fn overflow(own: &[(&'static str, &'static str)], bits: u64) -> Point {
    let mut own = texts(own);
    own.push((Attributes::OVERFLOW, AttributeValue::Bool(true)));
    Point { attributes: Arc::new(Attributes::new(own)), start: 1, time: 1, bits }
}

/// The samples of a page with one metric.
fn samples(naming: Naming, descriptor: Descriptor, points: Vec<Point>) -> Vec<String> {
    let mut latest = Latest::default();
    put(&mut latest, "test", descriptor, points);
    page(&latest, naming).into_iter().filter(|line| !line.starts_with('#')).collect()
}

const DIRECTION: &str = "network.io.direction";
const TRANSPORT: &str = "network.transport";
const VERSION: &str = "network.type";

fn network_io() -> Vec<Point> {
    let io = |direction, transport, version| [(DIRECTION, direction), (TRANSPORT, transport), (VERSION, version)];
    vec![
        of_sh(&io("transmit", "tcp", "ipv4"), 1),
        of_sh(&io("transmit", "tcp", "ipv6"), 2),
        of_sh(&io("receive", "tcp", "ipv4"), 4),
        of_sh(&io("transmit", "udp", "ipv4"), 8),
        overflow(&io("receive", "tcp", "ipv4"), 16),
        overflow(&io("receive", "udp", "ipv4"), 32),
    ]
}

#[test]
fn points_go_by_their_attributes_and_those_that_no_name_takes_keep_the_metric_s_own() {
    assert_eq!(
        samples(Naming::Seed, metric("process.network.io", "By", &NETWORK_IO), network_io()),
        [
            r#"tfo_ebpf_tcp_bytes_sent{pid="7",comm="sh"} 3"#,
            r#"tfo_ebpf_tcp_bytes_recv{overflow="true"} 16"#,
            r#"tfo_ebpf_tcp_bytes_recv{pid="7",comm="sh"} 4"#,
            r#"tfo_process_network_io_bytes_total{network_io_direction="receive",network_transport="udp",network_type="ipv4",overflow="true"} 32"#,
            r#"tfo_process_network_io_bytes_total{pid="7",comm="sh",network_io_direction="transmit",network_transport="udp",network_type="ipv4"} 8"#,
        ]
    );
    let otel = samples(Naming::Otel, metric("process.network.io", "By", &NETWORK_IO), network_io());
    assert_eq!(otel.len(), 6);
    assert!(otel.iter().all(|line| line.starts_with("process_network_io_bytes_total{")), "{otel:?}");
}

#[test]
fn names_that_take_all_points_together_leave_no_family_of_the_metric_s_own() {
    let both = |point: fn(&[(&'static str, &'static str)], u64) -> Point| {
        vec![point(&[(DIRECTION, "transmit")], 1), point(&[(DIRECTION, "receive")], 2)]
    };
    let lines = samples(Naming::Seed, metric("ebpf.udp.datagrams", "{datagram}", &DATAGRAMS), both(of_sh));
    assert_eq!(
        lines,
        [r#"tfo_ebpf_udp_packets_sent{pid="7",comm="sh"} 1"#, r#"tfo_ebpf_udp_packets_recv{pid="7",comm="sh"} 2"#]
    );
    let mut latest = Latest::default();
    put(&mut latest, "test", metric("ebpf.udp.datagrams", "{datagram}", &DATAGRAMS), both(overflow));
    let page = page(&latest, Naming::Seed);
    assert_eq!(page[3], r#"tfo_ebpf_udp_packets_recv{overflow="true"} 2"#);
    assert_eq!(page.len(), 4, "no head without a sample: {page:?}");
}

#[test]
fn a_point_may_stand_under_several_names() {
    let fault = |kind, mode, bits| of_sh(&[("system.paging.fault.type", kind), ("ebpf.paging.mode", mode)], bits);
    let points = vec![fault("major", "user", 1), fault("minor", "user", 10), fault("minor", "kernel", 100)];
    assert_eq!(
        samples(Naming::Seed, metric("process.paging.faults", "{fault}", &FAULTS), points),
        [
            r#"tfo_ebpf_memory_page_faults{pid="7",comm="sh"} 111"#,
            r#"tfo_ebpf_memory_major_faults{pid="7",comm="sh"} 1"#,
            r#"tfo_ebpf_memory_minor_faults{pid="7",comm="sh"} 110"#,
        ]
    );
}

#[test]
fn values_are_spelled_the_guide_s_way_and_nobody_s_points_have_no_pid() {
    let own = texts(&[("ebpf.tcp.state.from", "syn_received"), ("ebpf.tcp.state.to", "ESTABLISHED")]);
    let nobody = Point { attributes: Arc::new(Attributes::new(own)), start: 1, time: 1, bits: 5 };
    let points = vec![nobody, of_sh(&[("ebpf.tcp.state.from", "fin_wait_1"), ("ebpf.tcp.state.to", "closed")], 6)];
    let transitions = || metric("ebpf.tcp.state.transitions", "{transition}", &TRANSITIONS);
    assert_eq!(
        samples(Naming::Seed, transitions(), points.clone()),
        [
            r#"tfo_ebpf_tcp_state_transitions{old_state="SYN_RECV",new_state="ESTABLISHED"} 5"#,
            r#"tfo_ebpf_tcp_state_transitions{pid="7",old_state="FIN_WAIT1",new_state="CLOSE"} 6"#,
        ]
    );
    let otel = samples(Naming::Otel, transitions(), points);
    assert!(otel[0].contains(r#"ebpf_tcp_state_from="syn_received""#), "{otel:?}");
}

#[test]
fn one_name_adds_up_what_it_has_no_label_for_and_keeps_nanoseconds_whole() {
    let roles = [("ebpf.tcp.role", "active"), ("ebpf.tcp.role", "passive")];
    let points = roles.map(|role| of_sh(&[role, (VERSION, "ipv4")], 2)).to_vec();
    let lines = samples(Naming::Seed, metric("ebpf.tcp.connections", "{connection}", &CONNECTIONS), points);
    assert_eq!(lines, [r#"tfo_ebpf_tcp_connections{pid="7",comm="sh"} 4"#]);

    let kinds = [("ebpf.file.type", "regular"), ("ebpf.file.type", "unknown")];
    let points = kinds.map(|kind| of_sh(&[("ebpf.file.operation", "read"), kind], 3)).to_vec();
    let lines = samples(Naming::Seed, metric("ebpf.file.io", "By", &FILE_IO), points);
    assert_eq!(lines, [r#"tfo_ebpf_fileio_bytes{pid="7",comm="sh",operation="read"} 6"#]);

    let mean =
        Descriptor { instrument: Instrument::Gauge, number: NumberKind::Nanoseconds, ..metric("rtt", "s", &RTT_MEAN) };
    assert_eq!(
        samples(Naming::Seed, mean, vec![of_sh(&[], 1_500)]),
        [r#"tfo_ebpf_tcp_rtt_ns{pid="7",comm="sh"} 1500"#]
    );
}
