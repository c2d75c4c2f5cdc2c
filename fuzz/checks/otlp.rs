//! What must hold of any bytes that come to the `otlp` receiver.

use otlp::Decoder;
use pdata::Batch;

/// A request is refused or taken, and what is taken goes on and is taken again as the same number of points.
pub(crate) fn protobuf(bytes: &[u8]) {
    let Ok(decoded) = Decoder::default().decode(&bytes.to_vec().into()) else { return };
    let points = decoded.batch.items();
    assert_eq!(read(&decoded.batch), points, "as many as were counted while nobody read them");
    let encoded = otlp::encode(&decoded.batch);
    assert_eq!(encoded.len(), otlp::encoded_len(&decoded.batch));
    let again = Decoder::default().decode(&encoded).expect("what was taken is taken again");
    assert_eq!((again.batch.items(), again.rejected), (points, 0));
    // By the other encoding, too: it is longer, never different.
    let json = otlp::encode_json(&decoded.batch);
    let transcoded = otlp::transcode_json(&json).expect("our JSON is JSON");
    let again = Decoder::default().decode(&transcoded.into()).expect("our JSON is a request");
    assert_eq!((again.batch.items(), again.rejected), (points, 0));
}

fn read(batch: &Batch) -> usize {
    let numbers: usize = batch.metrics().map(|metric| metric.points.iter().count()).sum();
    numbers + batch.histograms().map(|metric| metric.points.iter().count()).sum::<usize>()
}

/// A text is refused, or is a request in protobuf.
pub(crate) fn json(bytes: &[u8]) {
    if let Ok(transcoded) = otlp::transcode_json(bytes) {
        protobuf(&transcoded);
    }
}
