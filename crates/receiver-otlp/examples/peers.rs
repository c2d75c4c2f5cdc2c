//! The load and the sink of `make bench-peers`: what an agent passes on, and what it costs it.
//!
//!     peers flow PID ENDPOINT SINK_PORT SECONDS none|gzip|zstd
//!     peers page PID ENDPOINT PAGE_PORT SCRAPES
//!
//! 100 resources x 100 metrics x 10 points with 6 attributes, all streams different, in 20 requests that are sent again and
//! again. No more is under way than the window, so that no queue has to drop or merge.
#![expect(clippy::print_stdout, reason = "the figures are the product")]
#![expect(clippy::unwrap_used, reason = "what goes wrong ends the measurement")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pdata::wire::{Field, Reader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::UnaryService;
use tonic::transport::Channel;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, pid, endpoint, rest @ ..] = &*arguments else { return println!("see the head of peers.rs") };
    match (mode.as_str(), rest) {
        ("flow", [port, seconds, compression]) => {
            flow(pid, endpoint, port.parse().unwrap(), seconds.parse().unwrap(), compression).await;
        }
        ("page", [port, scrapes]) => page(pid, endpoint, port.parse().unwrap(), scrapes.parse().unwrap()).await,
        _ => println!("see the head of peers.rs"),
    }
}

/// Most points that are sent and have not come out yet.
const WINDOW: u64 = 60_000;
const CONNECTIONS: usize = 4;

async fn flow(pid: &str, endpoint: &str, port: u16, seconds: u64, compression: &str) {
    let (sent, received) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    tokio::spawn(sink(TcpListener::bind(("127.0.0.1", port)).await.unwrap(), received.clone()));
    let requests: Arc<Vec<Bytes>> = Arc::new(requests(20));
    let encoding = match compression {
        "gzip" => Some(CompressionEncoding::Gzip),
        "zstd" => Some(CompressionEncoding::Zstd),
        _ => None,
    };
    for connection in 0..CONNECTIONS {
        let (requests, sent, received) = (requests.clone(), sent.clone(), received.clone());
        let mut client = client(endpoint, encoding).await;
        tokio::spawn(async move {
            for request in requests.iter().cycle().skip(connection * 5) {
                // A tenth of the points does not come out.
                while sent.load(Ordering::Relaxed) * 9 / 10 > received.load(Ordering::Relaxed) + WINDOW {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                sent.fetch_add(5_000, Ordering::Relaxed);
                while let Err(status) = export(&mut client, request.clone()).await {
                    println!("turned away: {status}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = (received.load(Ordering::Relaxed), cpu_seconds(pid), Instant::now());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (after, cpu, elapsed) = (received.load(Ordering::Relaxed), cpu_seconds(pid) - before.1, before.2.elapsed());
    // Points that came in: nine of ten come out.
    let points = (after - before.0) as f64 / 0.9;
    println!(
        "points_per_cpu_second={:.0} points_per_second={:.0} busy={:.2} peak_kib={}",
        points / cpu,
        points / elapsed.as_secs_f64(),
        cpu / elapsed.as_secs_f64(),
        peak_kib(pid)
    );
}

async fn page(pid: &str, endpoint: &str, port: u16, scrapes: usize) {
    let mut client = client(endpoint, None).await;
    for request in requests(20) {
        while export(&mut client, request.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (mut times, mut cpus, mut series, mut bytes) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..scrapes {
        let (begin, cpu) = (Instant::now(), cpu_seconds(pid));
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut body = Vec::new();
        stream.read_to_end(&mut body).await.unwrap();
        times.push(begin.elapsed());
        cpus.push(cpu_seconds(pid) - cpu);
        bytes = body.len();
        series = body.windows(9).filter(|window| window == b"\nbench_me").count();
    }
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

/// All streams, encoded; every tenth metric is called `bench_drop...`.
fn requests(count: usize) -> Vec<Bytes> {
    use pdata::{
        AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, NumberKind, Point, Resource,
        ResourceMetrics, Scope, ScopeMetrics,
    };
    let text = |text: String| AttributeValue::Text(text.into());
    let resource = |resource: usize| {
        let metrics = (0..100).map(|metric| {
            let name = if metric % 10 == 9 { format!("bench_drop.{metric}") } else { format!("bench_metric.{metric}") };
            let descriptor = Descriptor {
                name: name.into(),
                unit: "By".into(),
                description: "What the load of bench-peers says.".into(),
                instrument: Instrument::UpDownCounter,
                number: NumberKind::Signed,
                ..Default::default()
            };
            let point = |point: usize| {
                let id = (resource * 100 + metric) * 10 + point;
                let attributes = Attributes::new(vec![
                    ("http.request.method", AttributeValue::Static("GET")),
                    ("http.response.status_code", AttributeValue::Int(200)),
                    ("http.route", text(format!("/api/v1/orders/{point}"))),
                    ("network.protocol.version", AttributeValue::Static("1.1")),
                    ("server.address", text(format!("host-{id:06}.example.org"))),
                    ("url.scheme", AttributeValue::Static("https")),
                ]);
                let (start, time) = (1_700_000_000_000_000_000, 1_800_000_000_000_000_000);
                Point { attributes: Arc::new(attributes), start, time, bits: id as u64 }
            };
            Metric { descriptor: Arc::new(descriptor), points: (0..10).map(point).collect() }
        });
        let scope = Arc::new(Scope::new("bench", "1"));
        let scopes = vec![ScopeMetrics { scope, metrics: metrics.collect(), histograms: vec![] }];
        let attributes = vec![
            ("host.name", text(format!("node-{resource}"))),
            ("service.instance.id", text(format!("instance-{resource}"))),
            ("service.name", text("bench".into())),
        ];
        ResourceMetrics { resource: Arc::new(Resource::new(attributes)), scopes }
    };
    let each = 100 / count;
    let batch = |request: usize| Batch { resources: (request * each..(request + 1) * each).map(resource).collect() };
    (0..count).map(|request| otlp::encode(&batch(request))).collect()
}

async fn client(endpoint: &str, encoding: Option<CompressionEncoding>) -> tonic::client::Grpc<Channel> {
    let endpoint = Channel::from_shared(format!("http://{endpoint}")).unwrap();
    let channel = loop {
        match endpoint.connect().await {
            Ok(channel) => break channel,
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let client = tonic::client::Grpc::new(channel);
    encoding.map_or(client.clone(), |encoding| client.send_compressed(encoding))
}

async fn export(client: &mut tonic::client::Grpc<Channel>, request: Bytes) -> Result<(), tonic::Status> {
    client.ready().await.map_err(|error| tonic::Status::from_error(error.into()))?;
    let path = PathAndQuery::from_static("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
    client.unary(tonic::Request::new(request), path, BytesCodec).await.map(|_| ())
}

async fn sink(listener: TcpListener, received: Arc<AtomicU64>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let received = received.clone();
        let service = service_fn(move |request| {
            let received = received.clone();
            async move {
                let mut grpc = tonic::server::Grpc::new(BytesCodec)
                    .accept_compressed(CompressionEncoding::Gzip)
                    .accept_compressed(CompressionEncoding::Zstd)
                    .max_decoding_message_size(usize::MAX);
                Ok::<_, Infallible>(grpc.unary(Count(received), request).await)
            }
        });
        tokio::spawn(
            http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(4 << 20)
                .initial_connection_window_size(8 << 20)
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

struct Count(Arc<AtomicU64>);

impl UnaryService<Bytes> for Count {
    type Response = Bytes;
    type Future = std::future::Ready<Result<tonic::Response<Bytes>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        // Resources, scopes, metrics, data, points.
        let points = count(request.get_ref(), &[1, 2, 2, 7, 1]);
        self.0.fetch_add(points, Ordering::Relaxed);
        std::future::ready(Ok(tonic::Response::new(Bytes::new())))
    }
}

fn count(bytes: &[u8], path: &[u32]) -> u64 {
    let Some((number, deeper)) = path.split_first() else { return 1 };
    let (mut reader, mut sum) = (Reader::new(bytes), 0);
    while let Some((found, field)) = reader.field().unwrap() {
        if let Field::Bytes(bytes) = field
            && found == *number
        {
            sum += count(bytes, deeper);
        }
    }
    sum
}

#[derive(Debug, Clone, Copy)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), tonic::Status> {
        buffer.reserve(item.len());
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, tonic::Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
