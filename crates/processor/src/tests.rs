//! Batches for the tests of the processors.

use std::sync::Arc;

use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, NumberKind, OwnAttributes, Point, Process,
    Resource, Scope, UnixNanos,
};

pub(crate) fn process(pid: u32, comm: &str) -> Arc<Process> {
    Arc::new(Process { pid, start_boottime: 1, comm: comm.into(), uid: 0, cgroup: None, is_agent: false })
}

/// A point of the stream `id` of `process`.
pub(crate) fn point(process: Option<&Arc<Process>>, id: i64, time: UnixNanos) -> Point {
    let own = vec![("id", AttributeValue::Int(id))];
    let attributes = match process {
        Some(process) => Attributes::of_process(process.clone(), OwnAttributes::new(own)),
        None => Attributes::new(own),
    };
    Point { attributes: Arc::new(attributes), start: 1, time, bits: 1 }
}

pub(crate) fn batch(points: Vec<Point>) -> Batch {
    let descriptor = Descriptor {
        name: "calls".into(),
        unit: "{call}".into(),
        description: "".into(),
        instrument: Instrument::Counter,
        number: NumberKind::Unsigned,
        seed: None,
    };
    let (resource, scope) = (Resource { attributes: vec![] }, Scope { name: "test", version: "0" });
    Batch::of(Arc::new(resource), Arc::new(scope), vec![Metric { descriptor: Arc::new(descriptor), points }])
}
