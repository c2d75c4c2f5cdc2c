//! Network per process: bytes, datagrams, connections, round trips, retransmits. Kernel side:
//! `ebpf/collectors/network.h`.

use std::ops::Range;

use component::{ReceiverFactory, Stability};
use pdata::{AttributeValue, StaticAttribute};

use super::streams::{Figures, Streams, only};
use super::{Collector, STATE_EVENTS};
use crate::catalog::{self, NETWORK_DIRECTION, NETWORK_TRANSPORT, NETWORK_TYPE, Shared, TCP_ROLE};
use crate::extension::EXTENSION;
use crate::kernel::{
    Cell, Hook, INDEX_CONNECT_FAILURE, INDEX_CONNECTION, INDEX_CONNECTION_END, INDEX_NETWORK, INDEX_RETRANSMIT,
    INDEX_RTT, Kernel, Ladder, Rung,
};
use crate::receiver::configure;

pub(crate) static COLLECTOR: Collector = Collector {
    name: "network",
    number: 1,
    factory: ReceiverFactory {
        component_type: "ebpf_network",
        alias: None,
        stability: Stability::Beta,
        summary: "TCP and UDP per process: bytes, datagrams, connections, round-trip time, retransmits",
        requires: &[EXTENSION],
        configure: |section| configure(&COLLECTOR, section),
    },
    setting: "collect_network",
    histograms: Some("network_histograms"),
    ladder: Ladder {
        btf: &[
            Rung {
                name: "tp_btf",
                hooks: &[
                    STATE,
                    AGAIN,
                    RETRANSMIT,
                    SYNACK,
                    SEND,
                    Hook::tp_btf("tfo_sock_recv", "sock_recv_length"),
                    CALLS,
                ],
            },
            // Before 6.3 there are no such tracepoints, before 6.5 there is a way past sendmsg.
            Rung {
                name: "fexit",
                hooks: &[STATE, AGAIN, RETRANSMIT, SYNACK, SEND4, SEND6, SEND_PAGE, RECEIVE4, RECEIVE6, CALLS],
            },
            Rung { name: "fexit", hooks: &[STATE, AGAIN, RETRANSMIT, SYNACK, SEND4, SEND6, RECEIVE4, RECEIVE6, CALLS] },
            Rung {
                name: "sys_exit",
                hooks: &[STATE, AGAIN, RETRANSMIT, SYNACK, CALLS, Hook::tp_btf("tfo_sock_call", "sys_exit")],
            },
        ],
        // No bytes: what a descriptor is cannot be told there.
        tracepoint: &[
            Rung { name: "tcp_set_state", hooks: &[STATE_EVENTS[0], RESENT, ANSWERED] },
            Rung { name: "connections", hooks: &[STATE_EVENTS[1], RESENT, ANSWERED] },
        ],
    },
    reader: |_| Box::new(|| Box::new(Streams::new(Network::default()))),
};

const STATE: Hook = Hook::tp_btf("tfo_tcp_state", "inet_sock_set_state");
const AGAIN: Hook = Hook::tp_btf("tfo_tcp_again", "inet_sock_set_state");
const RETRANSMIT: Hook = Hook::tp_btf("tfo_tcp_retrans", "tcp_retransmit_skb");
const SYNACK: Hook = Hook::tp_btf("tfo_tcp_synack", "tcp_retransmit_synack");
const SEND: Hook = Hook::tp_btf("tfo_sock_send", "sock_send_length");
/// Who accepts a connection, and splices out of one, is seen where the call returns.
const CALLS: Hook = Hook::tp_btf("tfo_sys_exit", "sys_exit");
const SEND4: Hook = Hook::fexit("tfo_inet_send", "inet_sendmsg");
const SEND6: Hook = Hook::fexit("tfo_inet6_send", "inet6_sendmsg");
const SEND_PAGE: Hook = Hook::fexit("tfo_inet_page", "inet_sendpage");
const RECEIVE4: Hook = Hook::fexit("tfo_inet_recv", "inet_recvmsg");
const RECEIVE6: Hook = Hook::fexit("tfo_inet6_recv", "inet6_recvmsg");

const RESENT: Hook = Hook::tracepoint("tfo_tcp_retrans", "tcp", "tcp_retransmit_skb");
const ANSWERED: Hook = Hook::tracepoint("tfo_tcp_synack", "tcp", "tcp_retransmit_synack");

#[derive(Default)]
struct Network {
    /// Whether it has been said what is missing.
    warned: bool,
}

const UDP: u32 = 4;
const RECEIVE: u32 = 2;
const PASSIVE: u32 = 2;
const IPV6: u32 = 1;

fn pick(key: &'static str, bit: bool, yes: &'static str, no: &'static str) -> StaticAttribute {
    (key, AttributeValue::Static(if bit { yes } else { no }))
}

impl Figures for Network {
    fn prepare(&mut self, kernel: &Kernel) {
        if !kernel.tier.btf && !self.warned {
            self.warned = true;
            tracing::warn!(
                "ebpf: without BTF no descriptor's socket is known: connections, failures and retransmits are counted, \
                 no bytes, datagrams or round trips"
            );
        }
    }

    fn indices(&self) -> Vec<Range<u32>> {
        only(INDEX_NETWORK..INDEX_CONNECTION_END)
    }

    fn metrics(&self) -> Vec<&'static Shared> {
        vec![
            &catalog::NETWORK_IO,
            &catalog::UDP_DATAGRAMS,
            &catalog::TCP_CONNECTIONS,
            &catalog::TCP_CONNECTION_FAILURES,
            &catalog::TCP_RTT_OBSERVATIONS,
            &catalog::TCP_RTT_TIME,
            &catalog::TCP_RTT_MEAN,
            &catalog::TCP_RETRANSMITS,
        ]
    }

    fn histograms(&self) -> Vec<&'static Shared> {
        vec![&catalog::TCP_RTT]
    }

    fn attributes(&self, plain: u32) -> Option<Vec<StaticAttribute>> {
        let family = |bits: u32| pick(NETWORK_TYPE, bits & IPV6 != 0, "ipv6", "ipv4");
        Some(match plain {
            INDEX_NETWORK..INDEX_CONNECTION => {
                let bits = plain - INDEX_NETWORK;
                let direction = pick(NETWORK_DIRECTION, bits & RECEIVE != 0, "receive", "transmit");
                vec![direction, pick(NETWORK_TRANSPORT, bits & UDP != 0, "udp", "tcp"), family(bits)]
            }
            INDEX_CONNECTION..INDEX_CONNECT_FAILURE => {
                let bits = plain - INDEX_CONNECTION;
                vec![pick(TCP_ROLE, bits & PASSIVE != 0, "passive", "active"), family(bits)]
            }
            _ => vec![],
        })
    }

    fn put(&self, plain: u32, total: &Cell, interval: &Cell, put: &mut dyn FnMut(usize, u64)) {
        match plain {
            INDEX_NETWORK..INDEX_CONNECTION => {
                put(0, total.bytes);
                if (plain - INDEX_NETWORK) & UDP != 0 {
                    put(1, total.count);
                }
            }
            INDEX_CONNECTION..INDEX_CONNECT_FAILURE => put(2, total.count),
            INDEX_CONNECT_FAILURE => {}
            INDEX_RETRANSMIT => put(7, total.count),
            INDEX_RTT => {
                put(4, total.count);
                put(5, total.nanoseconds);
                put(6, interval.nanoseconds / interval.count.max(1));
            }
            _ => {}
        }
    }

    fn errors(&self, plain: u32) -> Option<usize> {
        (plain == INDEX_CONNECT_FAILURE).then_some(3)
    }

    fn histogram(&self, plain: u32) -> Option<usize> {
        (plain == INDEX_RTT).then_some(0)
    }
}
