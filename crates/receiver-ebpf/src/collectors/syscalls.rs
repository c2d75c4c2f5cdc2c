//! Syscalls per process: calls, time, errors. Kernel side: `ebpf/collectors/syscalls.h`.

use std::sync::Arc;

use component::{ReceiverFactory, Stability};
use pdata::{AttributeValue, Attributes, Metric, OwnAttributes, Point, UnixNanos};

use super::{Collector, Reader};
use crate::catalog;
use crate::extension::EXTENSION;
use crate::host::{Admission, Cells, Source, sum};
use crate::kernel::{CELL_INDICES, Cell, Hook, Kernel, OTHER_SYSCALL};
use crate::receiver::configure;

pub(crate) static COLLECTOR: Collector = Collector {
    name: "syscalls",
    factory: ReceiverFactory {
        component_type: "ebpf_syscalls",
        alias: None,
        stability: Stability::Beta,
        summary: "syscalls per process and name: calls, time, errors",
        requires: &[EXTENSION],
        configure: |section| configure(&COLLECTOR, section),
    },
    setting: "collect_syscalls",
    // A call between the two attachments returns without an entry, which counts; the other way round it would be lost.
    hooks: &[
        Hook { program: "tfo_sys_exit", tracepoint: "sys_exit" },
        Hook { program: "tfo_sys_enter", tracepoint: "sys_enter" },
    ],
    reader: |admission| Box::new(Syscalls { admission, ..Syscalls::default() }),
};

#[derive(Default)]
struct Syscalls {
    admission: Admission,
    cells: Cells,
    names: Names,
    /// Overflow streams by number, made when first needed.
    overflow: Vec<Option<Arc<Attributes>>>,
    /// Points of the last read: how much room the next one needs.
    expected: [usize; 3],
}

impl Reader for Syscalls {
    fn read(&mut self, source: &mut Source<'_>) -> Vec<Metric> {
        let mut points = Points::with_room(self.expected, source.time);
        let Source { kernel, processes, stripes, reader, .. } = source;
        let (kernel, reader): (&Kernel, u64) = (kernel, *reader);
        let (admission, names) = (&mut self.admission, &mut self.names);
        let every = 0..CELL_INDICES;
        self.cells.for_each(kernel, *stripes, &every, |(slot, generation), number, total, stream| {
            let Some(entry) = processes.present(&kernel.processes, slot, generation) else { return };
            if entry.delivered & reader != 0 {
                return;
            }
            let total = stream.ledger.advance(entry.epoch, total);
            if total.count == 0 || !admission.admits(slot, entry) {
                return;
            }
            let Some(process) = &entry.process else { return };
            let stale =
                stream.attributes.as_ref().and_then(|set| set.process()).is_none_or(|of| !Arc::ptr_eq(of, process));
            if stale {
                stream.attributes = Some(Arc::new(Attributes::of_process(process.clone(), names.of(number))));
            }
            if let Some(attributes) = &stream.attributes {
                points.push(attributes, entry.start, total);
            }
            if entry.exited != 0 {
                // These were the final values.
                stream.attributes = None;
            }
        });
        self.read_overflow(source, &mut points);
        self.expected = [points.calls.len(), points.time.len(), points.errors.len()];
        points.into_metrics()
    }
}

impl Syscalls {
    fn read_overflow(&mut self, source: &Source<'_>, points: &mut Points) {
        self.overflow.resize(CELL_INDICES as usize, None);
        for (number, attributes) in (0u32..).zip(&mut self.overflow) {
            let total = sum(source.kernel, source.stripes, number as usize);
            if total.count > 0 {
                let attributes = attributes.get_or_insert_with(|| {
                    let overflow = (Attributes::OVERFLOW, AttributeValue::Bool(true));
                    Arc::new(Attributes::new(vec![overflow, named(number)]))
                });
                points.push(attributes, source.started, total);
            }
        }
    }
}

/// The attribute that names a syscall, made once per number and shared by all processes.
#[derive(Default)]
struct Names(Vec<Option<OwnAttributes>>);

impl Names {
    fn of(&mut self, number: u32) -> OwnAttributes {
        self.0.resize(CELL_INDICES as usize, None);
        let index = (number as usize).min(self.0.len() - 1);
        self.0[index].get_or_insert_with(|| OwnAttributes::new(vec![named(number)])).clone()
    }
}

/// The points of one read.
struct Points {
    calls: Vec<Point>,
    time: Vec<Point>,
    errors: Vec<Point>,
    now: UnixNanos,
}

impl Points {
    fn with_room([calls, time, errors]: [usize; 3], now: UnixNanos) -> Self {
        Self {
            calls: Vec::with_capacity(calls),
            time: Vec::with_capacity(time),
            errors: Vec::with_capacity(errors),
            now,
        }
    }

    fn push(&mut self, attributes: &Arc<Attributes>, start: UnixNanos, total: Cell) {
        let point = |bits| Point { attributes: attributes.clone(), start, time: self.now, bits };
        self.calls.push(point(total.count));
        self.time.push(point(total.nanoseconds));
        // Most syscalls of most processes never fail: a stream begins with its first error.
        if total.errors > 0 {
            self.errors.push(point(total.errors));
        }
    }

    fn into_metrics(self) -> Vec<Metric> {
        vec![
            Metric { descriptor: catalog::SYSCALLS.clone(), points: self.calls },
            Metric { descriptor: catalog::SYSCALL_TIME.clone(), points: self.time },
            Metric { descriptor: catalog::SYSCALL_ERRORS.clone(), points: self.errors },
        ]
    }
}

/// The attribute that names syscall `number`.
fn named(number: u32) -> (&'static str, AttributeValue) {
    let known = syscalls::Sysno::new(number as usize).filter(|_| number != OTHER_SYSCALL);
    let name = match known {
        Some(known) => AttributeValue::Static(known.name()),
        None if number == OTHER_SYSCALL => AttributeValue::Static("other"),
        None => AttributeValue::Text(format!("syscall_{number}").into()),
    };
    (catalog::SYSCALL_NAME, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_kernel_s_names() {
        let number = |name: libc::c_long| u32::try_from(name).unwrap();
        assert_eq!(named(number(libc::SYS_getppid)).1.as_str(), Some("getppid"));
        assert_eq!(named(number(libc::SYS_openat)).1.as_str(), Some("openat"));
        assert_eq!(named(OTHER_SYSCALL).1.as_str(), Some("other"));
        assert_eq!(named(510).1.as_str(), Some("syscall_510"));
    }
}
