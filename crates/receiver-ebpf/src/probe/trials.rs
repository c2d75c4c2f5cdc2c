//! What is done to see a sub-collector count: little, harmless, and in this process.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use pdata::{AttributeValue, Metrics};

use crate::catalog::{
    CONTEXT_SWITCHES, FILE_OPERATION, FILE_OPERATIONS, NETWORK_DIRECTION, NETWORK_IO, NETWORK_TRANSPORT, PAGING_FAULTS,
    STATE_TO, SYSCALL_NAME, SYSCALLS, Shared, TCP_CONNECTIONS, TCP_TRANSITIONS,
};

/// How a sub-collector is tried.
pub(super) struct Trial {
    pub(super) sub_collector: &'static str,
    pub(super) made: Made,
    /// Where another figure is all that there is.
    pub(super) without_btf: Option<Made>,
    /// What to do where the event cannot be made.
    pub(super) mend: &'static str,
}

/// An event, and the figure that has it.
pub(super) struct Made {
    /// In words.
    pub(super) event: &'static str,
    /// At least so many of it.
    pub(super) number: u64,
    pub(super) make: fn() -> io::Result<()>,
    metric: &'static Shared,
    /// Attributes of the points that count.
    attributes: &'static [(&'static str, &'static str)],
}

impl Made {
    /// What the figure says of this process.
    pub(super) fn sum(&self, metrics: &Metrics) -> u64 {
        let name = &self.metric.name;
        let points =
            metrics.numbers.iter().filter(|metric| metric.descriptor.name == *name).flat_map(|one| &one.points);
        let ours = points.filter(|point| {
            let has =
                |(key, value): &(&str, &'static str)| point.attributes.get(key) == Some(AttributeValue::Static(value));
            point.attributes.process().is_some_and(|process| process.is_agent) && self.attributes.iter().all(has)
        });
        ours.map(|point| point.bits).sum()
    }
}

const LOOPBACK: &str = "run: sudo ip link set lo up";

/// In the order of the sub-collectors.
pub(super) static TRIALS: [Trial; 6] = [
    Trial {
        sub_collector: "syscalls",
        made: Made {
            event: "100 calls of getppid",
            number: 100,
            make: call,
            metric: &SYSCALLS,
            attributes: &[(SYSCALL_NAME, "getppid")],
        },
        without_btf: None,
        mend: "",
    },
    Trial {
        sub_collector: "network",
        made: Made {
            event: "1000 bytes over TCP",
            number: 1000,
            make: connect,
            metric: &NETWORK_IO,
            attributes: &[(NETWORK_TRANSPORT, "tcp"), (NETWORK_DIRECTION, "transmit")],
        },
        without_btf: Some(CONNECTION),
        mend: LOOPBACK,
    },
    Trial {
        sub_collector: "fileio",
        made: Made {
            event: "100 reads of a file",
            number: 100,
            make: read,
            metric: &FILE_OPERATIONS,
            attributes: &[(FILE_OPERATION, "read")],
        },
        without_btf: None,
        mend: "",
    },
    Trial {
        sub_collector: "scheduler",
        made: Made {
            event: "10 context switches",
            number: 10,
            make: sleep,
            metric: &CONTEXT_SWITCHES,
            attributes: &[],
        },
        without_btf: None,
        mend: "",
    },
    Trial {
        sub_collector: "memory",
        made: Made { event: "a page fault", number: 1, make: touch, metric: &PAGING_FAULTS, attributes: &[] },
        without_btf: None,
        mend: "",
    },
    Trial {
        sub_collector: "tcpstate",
        made: Made {
            event: "a connection that gets ESTABLISHED",
            number: 1,
            make: connect,
            metric: &TCP_TRANSITIONS,
            attributes: &[(STATE_TO, "established")],
        },
        without_btf: None,
        mend: LOOPBACK,
    },
];

const CONNECTION: Made =
    Made { event: "a TCP connection", number: 1, make: connect, metric: &TCP_CONNECTIONS, attributes: &[] };

fn call() -> io::Result<()> {
    for _ in 0..100 {
        black_box(std::os::unix::process::parent_id());
    }
    Ok(())
}

fn connect() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.write_all(&[0; 1000])?;
    server.read_exact(&mut [0; 1000])
}

/// Of a file that is there and that this process may read: its own program.
fn read() -> io::Result<()> {
    let mut file = File::open("/proc/self/exe").or_else(|_| File::open("/etc/passwd"))?;
    for _ in 0..100 {
        file.read_exact(&mut [0; 1])?;
    }
    Ok(())
}

fn sleep() -> io::Result<()> {
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Pages that nobody has written to yet; there are 2 MiB and more where they come as one.
fn touch() -> io::Result<()> {
    let mut pages = vec![0u8; 8 << 20];
    for byte in pages.iter_mut().step_by(4096) {
        *byte = black_box(1);
    }
    black_box(&pages);
    Ok(())
}
