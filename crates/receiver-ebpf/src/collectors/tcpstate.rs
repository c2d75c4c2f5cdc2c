//! TCP states: transitions, connections that ended, what is open. Kernel side: `ebpf/collectors/tcpstate.h`.

use std::ops::Range;
use std::sync::Arc;

use component::{ReceiverFactory, Stability};
use pdata::{AttributeValue, Attributes, Metric, Metrics, Point, StaticAttribute};

use super::streams::{Figures, Streams};
use super::{Collector, Reader, STATE_EVENTS};
use crate::catalog::{self, CONNECTION_STATE, NETWORK_TRANSPORT, STATE_FROM, STATE_TO, Shared, TCP_STATES};
use crate::extension::EXTENSION;
use crate::host::Source;
use crate::kernel::{Cell, Hook, INDEX_CONNECTION_END, INDEX_END, INDEX_OOM_KILL, INDEX_TRANSITION, Ladder, Rung};
use crate::receiver::configure;

pub(crate) static COLLECTOR: Collector = Collector {
    name: "tcpstate",
    number: 5,
    factory: ReceiverFactory {
        component_type: "ebpf_tcpstate",
        alias: None,
        stability: Stability::Beta,
        summary: "TCP state transitions and connection durations per process, open connections by state",
        requires: &[EXTENSION],
        configure: |section| configure(&COLLECTOR, section),
    },
    setting: "collect_tcpstate",
    histograms: Some("tcpstate_histograms"),
    ladder: Ladder {
        btf: &[Rung {
            name: "tp_btf",
            hooks: &[
                Hook::tp_btf("tfo_tcp_state", "inet_sock_set_state"),
                Hook::tp_btf("tfo_tcp_again", "inet_sock_set_state"),
                // Who accepts a connection is seen where the call returns.
                Hook::tp_btf("tfo_sys_exit", "sys_exit"),
            ],
        }],
        tracepoint: &[
            Rung { name: "tcp_set_state", hooks: &[STATE_EVENTS[0]] },
            Rung { name: "tracepoint", hooks: &[STATE_EVENTS[1]] },
        ],
    },
    reader: |_| Box::new(|| Box::new(TcpState { transitions: Streams::new(Transitions), states: Vec::new() })),
};

struct TcpState {
    transitions: Streams<Transitions>,
    /// Attributes by state, made once.
    states: Vec<Arc<Attributes>>,
}

impl Reader for TcpState {
    fn read(&mut self, source: &mut Source<'_>) -> Metrics {
        let mut metrics = self.transitions.read(source);
        match source.kernel.connections() {
            Ok(connections) => metrics.numbers.push(self.open_connections(&connections, source.time)),
            Err(error) => tracing::debug!(%error, "ebpf: open connections not read"),
        }
        metrics
    }
}

impl TcpState {
    fn open_connections(&mut self, connections: &[u64; 16], time: u64) -> Metric {
        if self.states.is_empty() {
            let set = |state: &'static str| {
                let state = (CONNECTION_STATE, AttributeValue::Static(state));
                Arc::new(Attributes::new(vec![state, (NETWORK_TRANSPORT, AttributeValue::Static("tcp"))]))
            };
            self.states = TCP_STATES.iter().map(|state| set(state)).collect();
        }
        let mut counts = *connections;
        // A request that waits for the last packet of its handshake, in a structure of its own; it is in that state.
        counts[SYN_RECEIVED] += std::mem::take(&mut counts[NEW_SYN_RECEIVED]);
        let point = |(state, attributes): (usize, &Arc<Attributes>)| {
            (state != 0 && state != NEW_SYN_RECEIVED).then(|| Point {
                attributes: attributes.clone(),
                start: time,
                time,
                bits: counts[state],
            })
        };
        let points = self.states.iter().enumerate().filter_map(point).collect();
        Metric { descriptor: catalog::OPEN_CONNECTIONS.clone(), points }
    }
}

const SYN_RECEIVED: usize = 3;
const NEW_SYN_RECEIVED: usize = 12;

struct Transitions;

impl Figures for Transitions {
    fn indices(&self) -> Vec<Range<u32>> {
        vec![INDEX_CONNECTION_END..INDEX_OOM_KILL, INDEX_TRANSITION..INDEX_END]
    }

    fn metrics(&self) -> Vec<&'static Shared> {
        vec![&catalog::TCP_TRANSITIONS, &catalog::TCP_CONNECTIONS_CLOSED, &catalog::TCP_CONNECTION_TIME]
    }

    fn histograms(&self) -> Vec<&'static Shared> {
        vec![&catalog::TCP_CONNECTION_DURATION]
    }

    fn attributes(&self, plain: u32) -> Option<Vec<StaticAttribute>> {
        if plain == INDEX_CONNECTION_END {
            return Some(vec![]);
        }
        let pair = plain - INDEX_TRANSITION;
        let state = |number: u32| TCP_STATES.get(number as usize).map(|state| AttributeValue::Static(state));
        Some(vec![(STATE_FROM, state(pair >> 4)?), (STATE_TO, state(pair & 15)?)])
    }

    fn put(&self, plain: u32, total: &Cell, _interval: &Cell, put: &mut dyn FnMut(usize, u64)) {
        if plain == INDEX_CONNECTION_END {
            put(1, total.count);
            put(2, total.nanoseconds);
        } else {
            put(0, total.count);
        }
    }

    fn histogram(&self, plain: u32) -> Option<usize> {
        (plain == INDEX_CONNECTION_END).then_some(0)
    }
}
