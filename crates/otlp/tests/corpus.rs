//! What fuzzing has found worth keeping, once more: see `make fuzz`.

#[path = "../../../fuzz/checks/otlp.rs"]
mod check;
mod random;

use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(&directory).unwrap_or_else(|error| unreachable!("{}: {error}", directory.display()))
    {
        check(&std::fs::read(entry.expect("it can be listed").path()).expect("it can be read"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", directory.display());
}

#[test]
fn the_corpus_of_requests_holds() {
    replay("otlp_protobuf", check::protobuf);
    replay("otlp_json", check::json);
}

/// Writes the first corpus: `cargo test -p otlp --test corpus -- --ignored`.
#[test]
#[ignore = "writes files"]
fn the_corpus_begins_with_one_request_of_each_kind() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for seed in 0..24 {
        let batch = random::batch(&mut fastrand::Rng::with_seed(seed));
        let (protobuf, json) = (otlp::encode(&batch), otlp::encode_json(&batch));
        if (1..8_000).contains(&protobuf.len()) {
            std::fs::write(corpus.join(format!("otlp_protobuf/seed-{seed}")), protobuf).expect("it can be written");
            std::fs::write(corpus.join(format!("otlp_json/seed-{seed}")), json).expect("it can be written");
        }
    }
}
