//! Our bytes, read back by prost, are the batch.

mod random;
mod reference;

use std::sync::Arc;

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use pdata::{
    AttributeValue, Attributes, Batch, ExponentialHistogram, HistogramMetric, HistogramPoint, Instrument, Metric,
    Metrics, NumberKind, Point, Resource,
};
use prost::Message;
use random::{descriptor, scope};

#[test]
fn random_batches_read_back_as_they_were() {
    let mut rng = Rng::with_seed(1);
    for round in 0..500 {
        let batch = random::batch(&mut rng);
        let expected = reference::request(&batch);
        // The second time finds the attributes encoded already.
        for _ in 0..2 {
            let decoded = ExportMetricsServiceRequest::decode(otlp::encode(&batch)).unwrap();
            assert_eq!(decoded, expected, "round {round}");
        }
        let (mut pieces, mut written) = (otlp::Pieces::new(Arc::new(batch.clone())), Vec::new());
        let length = pieces.encoded_len();
        while pieces.write(&mut written) {}
        assert_eq!((written.len(), &written), (length, &otlp::encode(&batch).to_vec()), "round {round}");
        let json = otlp::encode_json(&batch);
        assert_eq!(json.len(), otlp::encoded_json_len(&batch));
        let decoded: ExportMetricsServiceRequest = serde_json::from_slice(&json).unwrap();
        assert_eq!(decoded, expected, "round {round}");
    }
}

#[test]
fn an_empty_batch_is_an_empty_request() {
    assert!(otlp::encode(&Batch::default()).is_empty());
}

#[test]
fn whole_numbers_beyond_the_wire_are_clamped_and_nanoseconds_become_seconds() {
    let one = |number, bits| {
        let point = Point { attributes: Arc::new(Attributes::new(vec![])), start: 1, time: 2, bits };
        let descriptor = descriptor("m".into(), Instrument::Counter, number);
        let metric = Metric { descriptor: Arc::new(descriptor), points: vec![point].into() };
        let batch = Batch::of(Arc::new(Resource::default()), Arc::new(scope()), vec![metric]);
        format!("{:?}", ExportMetricsServiceRequest::decode(otlp::encode(&batch)).unwrap())
    };
    assert!(one(NumberKind::Unsigned, u64::MAX).contains("AsInt(9223372036854775807)"));
    assert!(one(NumberKind::Nanoseconds, 1_500_000_000).contains("AsDouble(1.5)"));
}

#[test]
fn a_distribution_and_a_number_share_one_encoded_set() {
    let attributes = Arc::new(Attributes::new(vec![
        ("a", AttributeValue::Text("x".repeat(300).into())),
        ("b", AttributeValue::Int(-1)),
    ]));
    let histogram =
        ExponentialHistogram { scale: 0, zero_count: 1, offset: -30, counts: [0, 2].into(), sum: 1, extras: None };
    let histograms = vec![HistogramMetric {
        descriptor: Arc::new(descriptor("d".into(), Instrument::ExponentialHistogram, NumberKind::Nanoseconds)),
        points: vec![HistogramPoint {
            attributes: attributes.clone(),
            start: 1,
            time: 2,
            histogram: Arc::new(histogram.into()),
        }]
        .into(),
    }];
    let numbers = vec![Metric {
        descriptor: Arc::new(descriptor("n".into(), Instrument::Counter, NumberKind::Unsigned)),
        points: vec![Point { attributes, start: 1, time: 2, bits: 3 }].into(),
    }];
    let resource = Arc::new(Resource::default());
    let batch = Batch::of(resource, Arc::new(scope()), Metrics { numbers, histograms });
    let bytes = otlp::encode(&batch);
    assert_eq!(ExportMetricsServiceRequest::decode(bytes.clone()).unwrap(), reference::request(&batch));
    assert_eq!((batch.items(), bytes.len()), (2, otlp::encode(&batch).len()));
    assert!(format!("{:?}", ExportMetricsServiceRequest::decode(bytes).unwrap()).contains("sum: Some(1e-9)"));
}
