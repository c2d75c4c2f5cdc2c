//! What is sent: 100 resources x 100 metrics x 10 points with 6 attributes, all streams different, in 20 requests.

use std::io::Write;
use std::sync::Arc;

use bytes::{BufMut, Bytes};
use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, NumberKind, Point, Resource, ResourceMetrics,
    Scope, ScopeMetrics,
};

/// In all requests together.
pub(crate) const POINTS: usize = RESOURCES * METRICS * STREAMS;
const RESOURCES: usize = 100;
const METRICS: usize = 100;
const STREAMS: usize = 10;
const REQUESTS: usize = 20;

/// All requests as gRPC frames them.
pub(crate) fn packed(compression: &str) -> Vec<Bytes> {
    let each = RESOURCES / REQUESTS;
    let batch = |request: usize| Batch { resources: (request * each..(request + 1) * each).map(resource).collect() };
    (0..REQUESTS).map(|request| framed(&otlp::encode(&batch(request)), compression)).collect()
}

fn framed(request: &[u8], compression: &str) -> Bytes {
    let message = match compression {
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            writer.write_all(request).unwrap();
            writer.finish().unwrap()
        }
        "zstd" => zstd::encode_all(request, zstd::DEFAULT_COMPRESSION_LEVEL).unwrap(),
        _ => request.to_vec(),
    };
    let mut frame = Vec::with_capacity(5 + message.len());
    frame.put_u8(u8::from(compression != "none"));
    frame.put_u32(u32::try_from(message.len()).unwrap());
    frame.put_slice(&message);
    frame.into()
}

fn text(text: String) -> AttributeValue {
    AttributeValue::Text(text.into())
}

fn resource(resource: usize) -> ResourceMetrics {
    let metrics = (0..METRICS).map(|metric| {
        // Every tenth is dropped.
        let name = if metric % 10 == 9 { format!("bench_drop.{metric}") } else { format!("bench_metric.{metric}") };
        let descriptor = Descriptor {
            name: name.into(),
            unit: "By".into(),
            description: "What the load of bench-peers says.".into(),
            instrument: Instrument::UpDownCounter,
            number: NumberKind::Signed,
            ..Default::default()
        };
        let points = (0..STREAMS).map(|stream| point(stream, (resource * METRICS + metric) * STREAMS + stream));
        Metric { descriptor: Arc::new(descriptor), points: points.collect() }
    });
    let scope = Arc::new(Scope::new("bench", "1"));
    let scopes = vec![ScopeMetrics { scope, metrics: metrics.collect(), histograms: vec![] }];
    let attributes = vec![
        ("host.name", text(format!("node-{resource}"))),
        ("service.instance.id", text(format!("instance-{resource}"))),
        ("service.name", text("bench".into())),
    ];
    ResourceMetrics { resource: Arc::new(Resource::new(attributes)), scopes }
}

fn point(stream: usize, id: usize) -> Point {
    let attributes = Attributes::new(vec![
        ("http.request.method", AttributeValue::Static("GET")),
        ("http.response.status_code", AttributeValue::Int(200)),
        ("http.route", text(format!("/api/v1/orders/{stream}"))),
        ("network.protocol.version", AttributeValue::Static("1.1")),
        ("server.address", text(format!("host-{id:06}.example.org"))),
        ("url.scheme", AttributeValue::Static("https")),
    ]);
    let (start, time) = (1_700_000_000_000_000_000, 1_800_000_000_000_000_000);
    Point { attributes: Arc::new(attributes), start, time, bits: id as u64 }
}
