//! Syscalls per process: calls, time, errors. Kernel side: `ebpf/collectors/syscalls.h`.

use std::ops::Range;

use component::{ReceiverFactory, Stability};
use pdata::{AttributeValue, StaticAttribute};

use super::streams::{Figures, Streams, only};
use super::{CALLS, Collector, RAW_CALLS};
use crate::calls;
use crate::catalog::{self, SYSCALL_ABI, SYSCALL_NAME, Shared};
use crate::extension::EXTENSION;
use crate::kernel::{Cell, INDEX_FILE, INDEX_SYSCALL, Ladder, Rung};
use crate::receiver::configure;

pub(crate) static COLLECTOR: Collector = Collector {
    name: "syscalls",
    number: 0,
    factory: ReceiverFactory {
        component_type: "ebpf_syscalls",
        alias: None,
        stability: Stability::Beta,
        summary: "syscalls per process and name: calls, time, errors",
        requires: &[EXTENSION],
        configure: |section| configure(&COLLECTOR, section),
    },
    setting: "collect_syscalls",
    histograms: Some("syscall_histograms"),
    ladder: Ladder {
        btf: &[Rung { name: "tp_btf", hooks: CALLS }],
        tracepoint: &[Rung { name: "tracepoint", hooks: RAW_CALLS }],
    },
    reader: |_| Box::new(|| Box::new(Streams::new(Syscalls))),
};

struct Syscalls;

impl Figures for Syscalls {
    fn indices(&self) -> Vec<Range<u32>> {
        only(INDEX_SYSCALL..INDEX_FILE)
    }

    fn metrics(&self) -> Vec<&'static Shared> {
        vec![&catalog::SYSCALLS, &catalog::SYSCALL_TIME, &catalog::SYSCALL_ERRORS]
    }

    fn histograms(&self) -> Vec<&'static Shared> {
        vec![&catalog::SYSCALL_DURATION]
    }

    fn attributes(&self, call: u32) -> Option<Vec<StaticAttribute>> {
        let abi = calls::is_compat(call).then_some((SYSCALL_ABI, AttributeValue::Static("compat")));
        Some(std::iter::once((SYSCALL_NAME, calls::name(call))).chain(abi).collect())
    }

    fn put(&self, _call: u32, total: &Cell, _interval: &Cell, put: &mut dyn FnMut(usize, u64)) {
        put(0, total.count);
        put(1, total.nanoseconds);
    }

    fn errors(&self, _call: u32) -> Option<usize> {
        Some(2)
    }

    fn histogram(&self, _call: u32) -> Option<usize> {
        Some(0)
    }
}
