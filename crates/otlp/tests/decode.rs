//! What we read is what opentelemetry-proto reads, and nothing harms the reader.

mod random;
mod reference;

use std::sync::Arc;

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use otlp::Decoder;
use pdata::{Batch, NumberKind};
use proptest::prelude::*;
use prost::Message;

/// The request in the form that our decoder leaves it in: attributes by key, nothing empty, metrics of numbers first,
/// and each of one kind of value.
fn normal(mut request: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest {
    for resource in &mut request.resource_metrics {
        by_key(&mut resource.resource.get_or_insert_default().attributes);
        for scope in &mut resource.scope_metrics {
            by_key(&mut scope.scope.get_or_insert_default().attributes);
            scope.metrics = std::mem::take(&mut scope.metrics).into_iter().flat_map(split).collect();
            scope
                .metrics
                .sort_by_key(|metric| !matches!(metric.data, Some(metric::Data::Gauge(_) | metric::Data::Sum(_))));
        }
        resource.scope_metrics.retain(|scope| !scope.metrics.is_empty());
    }
    request.resource_metrics.retain(|resource| !resource.scope_metrics.is_empty());
    request
}

fn by_key(attributes: &mut [KeyValue]) {
    attributes.sort_by(|a, b| a.key.cmp(&b.key));
}

fn split(mut metric: Metric) -> Vec<Metric> {
    match &mut metric.data {
        Some(metric::Data::Histogram(data)) => {
            data.data_points.iter_mut().for_each(|point| by_key(&mut point.attributes))
        }
        Some(metric::Data::Summary(data)) => {
            data.data_points.iter_mut().for_each(|point| by_key(&mut point.attributes))
        }
        Some(metric::Data::ExponentialHistogram(data)) => {
            data.data_points.iter_mut().for_each(|point| by_key(&mut point.attributes));
        }
        _ => {}
    }
    let kinds = [
        |value: &Option<number_data_point::Value>| matches!(value, Some(number_data_point::Value::AsInt(_))),
        |value: &Option<number_data_point::Value>| matches!(value, Some(number_data_point::Value::AsDouble(_))),
        |value: &Option<number_data_point::Value>| value.is_none(),
    ];
    let of_kind = |kind: fn(&Option<number_data_point::Value>) -> bool| {
        let mut metric = metric.clone();
        let points = match metric.data.as_mut()? {
            metric::Data::Gauge(data) => &mut data.data_points,
            metric::Data::Sum(data) => &mut data.data_points,
            _ => return None,
        };
        points.retain(|point| kind(&point.value));
        points.iter_mut().for_each(|point| by_key(&mut point.attributes));
        (!points.is_empty()).then_some(metric)
    };
    match &metric.data {
        Some(metric::Data::Gauge(_) | metric::Data::Sum(_)) => kinds.into_iter().filter_map(of_kind).collect(),
        Some(metric::Data::Histogram(data)) if data.data_points.is_empty() => vec![],
        Some(metric::Data::Summary(data)) if data.data_points.is_empty() => vec![],
        Some(metric::Data::ExponentialHistogram(data)) if data.data_points.is_empty() => vec![],
        _ => vec![metric],
    }
}

/// Edges that rise, which others do not.
fn with_rising_edges(request: &mut ExportMetricsServiceRequest) {
    let scopes = request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
    for metric in scopes.flat_map(|scope| &mut scope.metrics) {
        if let Some(metric::Data::Histogram(data)) = &mut metric.data {
            for point in &mut data.data_points {
                point.explicit_bounds.sort_by(f64::total_cmp);
            }
        }
    }
}

fn decode(bytes: &[u8]) -> Batch {
    let decoded = read(bytes).expect("it is a request");
    assert_eq!((decoded.rejected, decoded.reason), (0, None));
    decoded.batch
}

fn read(bytes: &[u8]) -> Result<otlp::Decoded, pdata::wire::Malformed> {
    Decoder::default().decode(&bytes.to_vec().into())
}

#[test]
fn random_requests_are_read_as_opentelemetry_proto_reads_them() {
    let mut rng = Rng::with_seed(2);
    let mut decoder = Decoder::default();
    for round in 0..150 {
        let mut request = reference::request(&random::batch(&mut rng));
        with_rising_edges(&mut request);
        // Values of other kinds within one metric, too.
        let scopes = request.resource_metrics.iter_mut().flat_map(|resource| &mut resource.scope_metrics);
        for metric in scopes.flat_map(|scope| &mut scope.metrics) {
            if let Some(metric::Data::Sum(data)) = &mut metric.data {
                for value in data.data_points.iter_mut().filter_map(|point| point.value.as_mut()) {
                    if rng.u8(..4) == 0 {
                        *value = number_data_point::Value::AsDouble(rng.f64());
                    }
                }
            }
        }
        let bytes = request.encode_to_vec();
        let decoded = decoder.decode(&bytes.clone().into()).unwrap();
        assert_eq!(decoded.rejected, 0, "round {round}: {:?}", decoded.reason);
        let expected = normal(request.clone());
        assert_eq!(reference::request(&decoded.batch), expected, "round {round}");
        // And it goes on as it came.
        assert_eq!(normal(ExportMetricsServiceRequest::decode(otlp::encode(&decoded.batch)).unwrap()), expected);

        let json = serde_json::to_vec(&request).unwrap();
        let transcoded = otlp::transcode_json(&json).unwrap();
        assert_eq!(reference::request(&decode(&transcoded)), expected, "round {round}, JSON of opentelemetry-proto");
        let ours = otlp::transcode_json(&otlp::encode_json(&decoded.batch)).unwrap();
        assert_eq!(reference::request(&decode(&ours)), expected, "round {round}, our JSON");
    }
}

#[test]
fn points_that_nobody_looks_at_go_on_byte_by_byte() {
    let mut rng = Rng::with_seed(5);
    let mut kept = 0;
    for _ in 0..100 {
        let mut request = reference::request(&random::batch(&mut rng));
        with_rising_edges(&mut request);
        let first = otlp::encode(&decode(&request.encode_to_vec()));
        let batch = decode(&first);
        kept += batch.metrics().filter(|metric| metric.points.encoded().is_some()).count();
        let items = batch.items();
        assert_eq!(otlp::encode(&batch), first);
        // In parts, too, and read in the end.
        let parts: Vec<Batch> = (0..items).step_by(3).map(|from| batch.slice(from..from + 3)).collect();
        assert_eq!(parts.iter().map(Batch::items).sum::<usize>(), items);
        let sum = |batch: &Batch| batch.metrics().flat_map(|m| &m.points).map(|p| u128::from(p.bits)).sum::<u128>();
        let sent: u128 = parts.iter().map(|part| sum(&decode(&otlp::encode(part)))).sum();
        assert_eq!(sent, sum(&batch));
    }
    assert!(kept > 100, "{kept}");
}

#[test]
fn a_set_that_came_equals_the_set_that_was_sent() {
    let mut rng = Rng::with_seed(3);
    for _ in 0..300 {
        let (sent, other) = (random::stream(&mut rng), random::stream(&mut rng));
        let batch = |sets: &[&Arc<pdata::Attributes>]| {
            let point =
                |set: &&Arc<pdata::Attributes>| pdata::Point { attributes: (*set).clone(), start: 1, time: 2, bits: 3 };
            let descriptor = random::descriptor("m".into(), pdata::Instrument::Gauge, NumberKind::Unsigned);
            let metric = pdata::Metric { descriptor: Arc::new(descriptor), points: sets.iter().map(point).collect() };
            Batch::of(Arc::default(), Arc::default(), vec![metric.clone(), metric])
        };
        let decoded = decode(&otlp::encode(&batch(&[&sent, &other])));
        let points: Vec<_> = decoded.metrics().flat_map(|metric| &metric.points).collect();
        if sent.process().is_none() {
            assert_eq!((&points[0].attributes, points[0].attributes.stored_hash()), (&sent, sent.stored_hash()));
            assert_eq!(points[0].attributes.to_vec(), sent.to_vec());
        }
        assert_eq!(
            points[0].attributes == points[1].attributes,
            points[0].attributes.to_vec() == points[1].attributes.to_vec()
        );
        assert!(Arc::ptr_eq(&points[0].attributes, &points[2].attributes), "metrics with the same streams share them");
    }
}

#[test]
fn what_describes_is_shared_between_requests() {
    let mut rng = Rng::with_seed(4);
    let batch =
        std::iter::repeat_with(|| random::batch(&mut rng)).find(|batch| batch.metrics().any(|m| !m.points.is_empty()));
    let bytes = otlp::encode(&batch.unwrap());
    let mut decoder = Decoder::default();
    let [a, b] = [decoder.decode(&bytes).unwrap().batch, decoder.decode(&bytes).unwrap().batch];
    let shared = |of: &Batch| Arc::as_ptr(&of.metrics().next().unwrap().descriptor);
    assert_eq!(shared(&a), shared(&b));
    assert!(Arc::ptr_eq(&a.resources[0].resource, &b.resources[0].resource));
    assert!(Arc::ptr_eq(&a.resources[0].scopes[0].scope, &b.resources[0].scopes[0].scope));
}

#[test]
fn points_that_are_no_good_are_counted_and_the_others_stay() {
    let request = |json: &str| {
        let metrics = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{json}]}}]}}]}}"#);
        let decoded = read(&otlp::transcode_json(metrics.as_bytes()).unwrap()).unwrap();
        (decoded.batch.items(), decoded.rejected, decoded.reason.unwrap_or_default())
    };
    let good = r#"{"asInt":"1"}"#;
    assert_eq!(request(&format!(r#"{{"gauge":{{"dataPoints":[{good},{{}}]}}}}"#)), (1, 1, "a point has no value"));
    assert_eq!(
        request(&format!(r#"{{"sum":{{"dataPoints":[{good},{good}]}}}},{{"gauge":{{"dataPoints":[{good}]}}}}"#)),
        (1, 2, "a sum or histogram is neither cumulative nor delta")
    );
    let histogram =
        |point: &str| request(&format!(r#"{{"histogram":{{"aggregationTemporality":1,"dataPoints":[{point}]}}}}"#));
    assert_eq!(histogram(r#"{"count":"2","bucketCounts":["1","1"],"explicitBounds":[1]}"#), (1, 0, ""));
    assert_eq!(histogram(r#"{"count":"2"}"#), (1, 0, ""));
    let wrong = "a histogram has not one bucket more than edges";
    assert_eq!(histogram(r#"{"bucketCounts":["1"],"explicitBounds":[1]}"#), (0, 1, wrong));
    let wrong = "the edges of a histogram do not rise";
    assert_eq!(histogram(r#"{"bucketCounts":["1","0","0"],"explicitBounds":[1,1]}"#), (0, 1, wrong));
    assert_eq!(histogram(r#"{"bucketCounts":["1","0"],"explicitBounds":["NaN"]}"#), (0, 1, wrong));
    let wrong = "the count of an exponential histogram is not that of its buckets";
    let point = r#"{"count":"3","positive":{"bucketCounts":["1"]}}"#;
    assert_eq!(
        request(&format!(r#"{{"exponentialHistogram":{{"aggregationTemporality":2,"dataPoints":[{point}]}}}}"#)),
        (0, 1, wrong)
    );
}

#[test]
fn fields_in_an_order_and_a_length_that_nobody_writes_are_read_as_opentelemetry_proto_reads_them() {
    let attribute = |key: u8, value: u8| [0x0a, 1, key, 0x12, 2, 0x18, value];
    let fields = [
        [&[0x3a, 7][..], &attribute(b'b', 1)].concat(),
        // Tags and lengths of more bytes than they need.
        [&[0xba, 0, 7][..], &attribute(b'c', 2)].concat(),
        [&[0x3a, 0x87, 0][..], &attribute(b'd', 3)].concat(),
        [&[0x3a, 7][..], &attribute(b'a', 4)].concat(),
        [&[0x11][..], &7_u64.to_le_bytes()].concat(),
        [&[0x19][..], &8_u64.to_le_bytes()].concat(),
        [&[0x31][..], &9_u64.to_le_bytes()].concat(),
        [&[0xb1, 0][..], &10_u64.to_le_bytes()].concat(),
        [&[0x11][..], &11_u64.to_le_bytes()].concat(),
        vec![0x78, 1],
        vec![0x40, 0],
    ];
    let message = |tag: u8, bytes: &[u8]| {
        let [low, high] = [bytes.len() & 0x7f, bytes.len() >> 7].map(|part| u8::try_from(part).unwrap());
        [&[tag, 0x80 | low, high], bytes].concat()
    };
    let mut rng = Rng::with_seed(3);
    for round in 0..200 {
        let point = |rng: &mut Rng| {
            let mut fields = fields.clone();
            rng.shuffle(&mut fields);
            message(0x0a, &fields.concat())
        };
        // The second point is checked against what the first has.
        let gauge = message(0x2a, &[point(&mut rng), point(&mut rng)].concat());
        let metric = [&[0x0a, 1, b'm'][..], &gauge].concat();
        let bytes = message(0x0a, &message(0x12, &message(0x12, &metric)));
        let expected = normal(ExportMetricsServiceRequest::decode(&bytes[..]).unwrap());
        assert_eq!(normal(reference::request(&decode(&bytes))), expected, "round {round}");
    }
}

#[test]
fn of_a_key_that_comes_twice_the_later_value_stays_and_keys_are_put_in_order() {
    let set = r#"[{"key":"b","value":{"intValue":1}},{"key":"a","value":{"intValue":"2"}},{"key":"b","value":{"intValue":3}}]"#;
    let json = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":{set}}},"scopeMetrics":[{{"metrics":[
        {{"gauge":{{"dataPoints":[{{"asDouble":1,"attributes":{set}}}]}}}}]}}]}}]}}"#
    );
    let batch = decode(&otlp::transcode_json(json.as_bytes()).unwrap());
    let shown = |attributes: Vec<pdata::Attribute>| {
        attributes.iter().map(|(key, value)| format!("{key}={value} ")).collect::<String>()
    };
    assert_eq!(shown(batch.resources[0].resource.attributes.clone()), "a=2 b=3 ");
    let point = &batch.metrics().next().unwrap().points[0];
    assert_eq!(shown(point.attributes.to_vec()), "a=2 b=3 ");
}

#[test]
fn json_that_is_no_request_says_where() {
    let fault = |json: &str| otlp::transcode_json(json.as_bytes()).unwrap_err().to_string();
    assert!(fault("{").starts_with("EOF"), "{}", fault("{"));
    assert_eq!(fault("[]"), "\"a message\" is not an object");
    assert_eq!(fault(r#"{"resourceMetrics":{}}"#), "\"resourceMetrics\" is not a list");
    let deep = format!(r#"{{"resourceMetrics":{}"#, "[".repeat(100_000));
    assert!(fault(&deep).contains("recursion limit"), "{}", fault(&deep));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever we take, opentelemetry-proto takes too.
    #[test]
    fn any_bytes_are_a_request_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if read(&bytes).is_ok() {
            prop_assert!(ExportMetricsServiceRequest::decode(&*bytes).is_ok());
        }
    }

    #[test]
    fn a_request_with_bytes_changed_is_a_request_or_an_error(seed: u64, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = otlp::encode(&random::batch(&mut Rng::with_seed(seed))).to_vec();
        if !bytes.is_empty() {
            for (index, byte) in changes {
                let place = index.index(bytes.len());
                bytes[place] = byte;
            }
        }
        if let Ok(decoded) = read(&bytes) {
            // prost looks into what is left out here, too, so that it may refuse more.
            // What was taken can be sent on.
            let again = otlp::encode(&decoded.batch);
            prop_assert!(ExportMetricsServiceRequest::decode(&*again).is_ok());
            prop_assert_eq!(read(&again).unwrap().batch.items(), decoded.batch.items());
            // As many points are there as were counted while nobody read them.
            for metric in decoded.batch.metrics() {
                prop_assert_eq!(metric.points.len(), metric.points.iter().count());
            }
        }
    }

    #[test]
    fn any_text_is_json_or_an_error(text in ".{0,200}") {
        let _ = otlp::transcode_json(text.as_bytes());
    }
}
