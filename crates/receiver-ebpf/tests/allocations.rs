//! From the kernel's counters to OTLP bytes nothing is allocated per point, once the streams are known.

use std::cell::Cell;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use component::config::{Entry, Faults, Node, Position, Section, Value};
use component::{BuildContext, Extensions, Observe, Output, Reporter, Shutdown, Snapshot};
use pdata::Batch;
use tokio::sync::{mpsc, watch};

#[derive(Debug)]
struct Nobody;

impl Observe for Nobody {
    fn snapshot(&self) -> Snapshot {
        unreachable!("nobody looks")
    }

    fn own_metrics(&self) -> Option<Arc<Batch>> {
        None
    }
}

fn configuration(key: &str, value: &str) -> Node {
    let position = Position { file: "test".into(), line: 1, column: 1 };
    let node = Node::new(position.clone(), Value::Text(value.into()));
    let entry = Entry { key: key.into(), position: position.clone(), node };
    Node::new(position, Value::Map(vec![entry]))
}

/// Ends what it was given.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A process that has done a few dozen system calls and then sleeps.
fn sleeper() -> Child {
    Command::new("sleep").arg("600").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sleep runs")
}

#[test]
fn a_tick_allocates_far_less_often_than_it_has_points() {
    let pins = format!("/sys/fs/bpf/tfo-allocations-{}", std::process::id());
    let mut faults = Faults::default();
    let node = configuration("pin_path", &pins);
    let build = Section::read_node(Some(&node), &mut faults, receiver_ebpf::EXTENSION_FACTORY.configure);
    let (id, status, nobody) = ("x".parse().unwrap(), Reporter::default(), Arc::new(Nobody) as Arc<dyn Observe>);
    let mut extensions = Extensions::default();
    let context = BuildContext { id: &id, extensions: &extensions, status: &status, service: &nobody };
    let mut extension = build(&context).unwrap();
    extensions.insert("ebpf", extension.shared());
    let factory = receiver_ebpf::RECEIVERS.iter().find(|factory| factory.component_type == "ebpf_syscalls").unwrap();
    let node = configuration("collection_interval", "300ms");
    let build = Section::read_node(Some(&node), &mut faults, factory.configure);
    let context = BuildContext { id: &id, extensions: &extensions, status: &status, service: &nobody };
    let receiver = build(&context).unwrap();
    assert!(faults.into_sorted().is_empty());
    extension.prepare().unwrap();
    let _sleepers = Children((0..200).map(|_| sleeper()).collect());

    let (edge, mut batches) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.spawn(receiver.run(Output::new(vec![edge]), Shutdown::new(stopped)));
    // Everything happens on this thread: a batch is read when the one before has been taken.
    let points = Cell::new(0);
    let mut tick = || {
        let batch = runtime.block_on(batches.recv()).unwrap();
        points.set(batch.items() as u64);
        drop(otlp::encode(&batch));
    };
    (0..10).for_each(|_| tick());
    // A stream that is new in a tick takes some; in the quietest tick there is hardly one.
    let counted = (0..10).map(|_| (allocation_counter::measure(&mut tick).count_total, points.get()));
    let (allocations, points) = counted.min_by_key(|(allocations, _)| *allocations).unwrap();
    stop.send_replace(true);
    drop(runtime);
    extension.shutdown();
    assert!(points > 3000, "{points} points are too few to tell");
    assert!(allocations * 20 < points, "{allocations} allocations for {points} points");
}
