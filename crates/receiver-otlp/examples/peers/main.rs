//! The load and the sink of `make bench-peers`: what an agent passes on, and what it costs it.
//!
//!     peers flow PID ENDPOINT SINK_PORT SECONDS none|gzip|zstd
//!     peers page PID ENDPOINT PAGE_PORT SCRAPES
//!
//! What is sent is made, compressed and framed once, and what arrives is counted and not read, so that the agent is the one
//! who has no time left: `busy` says how near it came to that.
#![expect(clippy::print_stdout, reason = "the figures are the product")]
#![expect(clippy::unwrap_used, reason = "what goes wrong ends the measurement")]

mod load;
mod requests;
mod sink;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::load::Sender;
use crate::requests::{POINTS, packed};
use crate::sink::Sink;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, pid, endpoint, rest @ ..] = &*arguments else { return println!("see the head of peers/main.rs") };
    match (mode.as_str(), rest) {
        ("flow", [port, seconds, compression]) => {
            flow(pid, endpoint, port.parse().unwrap(), seconds.parse().unwrap(), compression).await;
        }
        ("page", [port, scrapes]) => page(pid, endpoint, port.parse().unwrap(), scrapes.parse().unwrap()).await,
        _ => println!("see the head of peers/main.rs"),
    }
}

/// Each has one request under way.
const CONNECTIONS: usize = 4;

async fn flow(pid: &str, endpoint: &str, port: u16, seconds: u64, compression: &str) {
    let sink = Arc::new(Sink::new());
    tokio::spawn(sink::serve(TcpListener::bind(("127.0.0.1", port)).await.unwrap(), sink.clone()));
    let requests = Arc::new(packed(compression));
    for connection in 0..CONNECTIONS {
        let (requests, mut sender) = (requests.clone(), Sender::connect(endpoint, compression).await);
        tokio::spawn(async move {
            for request in requests.iter().cycle().skip(connection * requests.len() / CONNECTIONS) {
                sender.deliver(request).await;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let read = || (sink.points.load(Ordering::Relaxed), sink.bytes.load(Ordering::Relaxed));
    let (before, own, theirs, begin) = (read(), cpu_seconds("self"), cpu_seconds(pid), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (after, elapsed) = (read(), begin.elapsed().as_secs_f64());
    let (own, theirs) = (cpu_seconds("self") - own, cpu_seconds(pid) - theirs);
    // Points that came in: nine of ten come out.
    let out = (after.0 - before.0) as f64;
    println!(
        "points_per_cpu_second={:.0} points_per_second={:.0} busy={:.2} load_busy={:.2} bytes_per_point={:.1} peak_kib={}",
        out / 0.9 / theirs,
        out / 0.9 / elapsed,
        theirs / elapsed,
        own / elapsed,
        (after.1 - before.1) as f64 / out,
        peak_kib(pid)
    );
}

async fn page(pid: &str, endpoint: &str, port: u16, scrapes: usize) {
    let mut sender = Sender::connect(endpoint, "none").await;
    for request in packed("none") {
        sender.deliver(&request).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut times, mut cpus, mut series, mut bytes) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..scrapes {
        let (begin, cpu) = (Instant::now(), cpu_seconds(pid));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        // Of 1.0, whose answer is in one piece: lengths of chunks would stand in the middle of names.
        stream.write_all(b"GET /metrics HTTP/1.0\r\nhost: x\r\n\r\n").await.unwrap();
        let mut body = Vec::new();
        stream.read_to_end(&mut body).await.unwrap();
        times.push(begin.elapsed());
        cpus.push(cpu_seconds(pid) - cpu);
        bytes = body.len();
        series = body.windows(9).filter(|window| window == b"\nbench_me").count();
    }
    assert_eq!(series, 9 * POINTS / 10, "series on the page");
    times.sort();
    cpus.sort_by(f64::total_cmp);
    let (time, cpu) = (times[scrapes / 2], cpus[scrapes / 2]);
    println!(
        "scrape={:.3} scrape_cpu={cpu:.3} series={series} bytes={bytes} peak_kib={}",
        time.as_secs_f64(),
        peak_kib(pid)
    );
}

/// User and system time of the process, from its own books.
fn cpu_seconds(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn peak_kib(pid: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
