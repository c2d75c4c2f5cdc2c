//! What fuzzing has found worth keeping, once more: see `make fuzz`.

#[path = "../../../fuzz/checks/otlp.rs"]
mod check;

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
