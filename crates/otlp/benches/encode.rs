//! What one export of 100,000 points costs, and reading it back: ours against opentelemetry-proto's structs and prost.
#![expect(clippy::print_stdout, reason = "the figures are the product")]

#[path = "../tests/reference/mod.rs"]
mod reference;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use otlp::Decoder;
use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, NumberKind, OwnAttributes, Point, Process,
    Resource, Scope,
};
use prost::Message;

fn main() {
    let warm = batch();
    assert_eq!(otlp::encode(&warm).len(), reference::request(&warm).encoded_len(), "both say the same");

    let (mut ours, mut cold, mut prost) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(time(|| otlp::encode(&warm)));
        prost.push(time(|| reference::request(&warm).encode_to_vec()));
        let unseen = batch();
        cold.push(time(|| otlp::encode(&unseen)));
    }

    println!("{} points, {} bytes, {ROUNDS} rounds", warm.items(), otlp::encode(&warm).len());
    let ours = report("ours", ours);
    let cold = report("ours, first time", cold);
    let prost = report("structs and prost", prost);
    println!("ours takes {:.3} of prost's time, {:.3} the first time", ours / prost, cold / prost);

    let (request, mut decoder) = (otlp::encode(&warm), Decoder::default());
    let (mut ours, mut prost) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(time(|| decoder.decode(&request)));
        prost.push(time(|| ExportMetricsServiceRequest::decode(&request[..])));
    }
    let ours = report("read by ours", ours);
    let prost = report("read by prost", prost);
    println!("ours takes {:.3} of prost's time", ours / prost);
}

/// 1,000 processes x 20 syscalls x 5 metrics, the attribute sets shared between metrics.
fn batch() -> Batch {
    let mut sets = Vec::new();
    for pid in 0..1000 {
        let comm = format!("worker-{pid}").into();
        let process = Arc::new(Process { pid, start_boottime: 1, comm, uid: 0, cgroup: None, is_agent: false });
        for name in SYSCALLS {
            let own = OwnAttributes::new(vec![("ebpf.syscall.name", AttributeValue::Static(name))]);
            sets.push(Arc::new(Attributes::of_process(process.clone(), own)));
        }
    }
    let metrics = (0..5).map(|index| {
        let descriptor = Descriptor {
            name: format!("ebpf.syscall.metric{index}").into(),
            unit: "{call}".into(),
            description: "Calls that a process made.".into(),
            instrument: Instrument::Counter,
            number: if index == 0 { NumberKind::Nanoseconds } else { NumberKind::Unsigned },
            ..Default::default()
        };
        let points = (1 << 20..).zip(&sets).map(|(bits, attributes)| Point {
            attributes: attributes.clone(),
            start: 1_700_000_000_000_000_000,
            time: 1_700_000_015_000_000_000,
            bits,
        });
        Metric { descriptor: Arc::new(descriptor), points: points.collect() }
    });
    let resource = Resource::new(vec![("service.name", AttributeValue::Static("tfo-agent"))]);
    Batch::of(Arc::new(resource), Arc::new(Scope::new("ebpf_syscalls", "0")), metrics.collect::<Vec<_>>())
}

fn time<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = black_box(run());
    let elapsed = start.elapsed();
    drop(result);
    elapsed
}

/// Prints minimum and median, and returns the median in seconds.
fn report(name: &str, mut times: Vec<Duration>) -> f64 {
    times.sort();
    let (min, median) = (times[0], times[times.len() / 2]);
    println!("{name:>18}: min {min:>10.3?}  median {median:>10.3?}");
    median.as_secs_f64()
}

const ROUNDS: usize = 41;

const SYSCALLS: [&str; 20] = [
    "read",
    "write",
    "openat",
    "close",
    "fstat",
    "lseek",
    "mmap",
    "mprotect",
    "munmap",
    "brk",
    "ioctl",
    "pread64",
    "writev",
    "poll",
    "futex",
    "epoll_wait",
    "clock_nanosleep",
    "recvfrom",
    "sendto",
    "getppid",
];
