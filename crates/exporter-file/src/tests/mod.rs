//! What is in the file, and on a disk that is full.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use component::config::{Configuration, Entry, Faults, Node, Position, Section, Value};
use component::{Accepted, ExportError, Exporter};
use pdata::{AttributeValue, Attributes, Batch, Descriptor, Instrument, Metric, Point, Resource, Scope};

use crate::{Config, FileExporter, Format, Rotation};

mod full;

fn config(path: &Path) -> Config {
    let config = Section::read_node(None, &mut Faults::default(), Config::read);
    Config { path: path.to_owned(), ..config }
}

/// One counter with a stream of `value`, and so many bytes in its description.
fn batch(value: u64, padding: usize) -> Arc<Batch> {
    let descriptor = Descriptor {
        name: "things".into(),
        description: "x".repeat(padding).into(),
        instrument: Instrument::Counter,
        ..Default::default()
    };
    let attributes = Arc::new(Attributes::new(vec![("ok", AttributeValue::Bool(true))]));
    let metric = Metric {
        descriptor: Arc::new(descriptor),
        points: vec![Point { attributes, start: 1, time: 2, bits: value }].into(),
    };
    Arc::new(Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "")), vec![metric]))
}

async fn started(config: &Config) -> FileExporter {
    let mut exporter = FileExporter::new(config);
    exporter.start().await.unwrap();
    exporter
}

async fn put(exporter: &mut FileExporter, value: u64) {
    assert_eq!(exporter.export(batch(value, 0)).await, Ok(Accepted::default()));
}

/// The values in a file, each line of which has to be one of OTLP/JSON.
fn values(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let value = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let point = &line["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["sum"]["dataPoints"][0];
        point["asInt"].as_str().unwrap().parse().unwrap()
    };
    text.lines().map(value).collect()
}

#[tokio::test]
async fn each_batch_is_a_line_and_append_keeps_those_of_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/points.json");
    let config = Config { create_directory: true, ..config(&path) };
    let mut exporter = started(&config).await;
    put(&mut exporter, 1).await;
    put(&mut exporter, 2).await;
    assert_eq!(values(&path), [1, 2]);
    let mut exporter = started(&Config { append: true, ..config.clone() }).await;
    put(&mut exporter, 3).await;
    assert_eq!(values(&path), [1, 2, 3]);
    put(&mut started(&config).await, 4).await;
    assert_eq!(values(&path), [4]);
}

#[tokio::test]
async fn what_is_written_stays_when_another_could_not_take_the_place_of_who_wrote_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("points.json");
    let mut exporter = started(&config(&path)).await;
    put(&mut exporter, 1).await;
    // A reload that failed later: the other has begun, has written nothing, and the one before starts again.
    drop(started(&config(&path)).await);
    exporter.start().await.unwrap();
    assert_eq!(values(&path), [1]);
    put(&mut exporter, 2).await;
    assert_eq!(values(&path), [1, 2]);
    // One that has not written yet begins the file anew, whenever its first batch comes.
    let mut exporter = started(&config(&path)).await;
    exporter.start().await.unwrap();
    put(&mut exporter, 3).await;
    put(&mut exporter, 4).await;
    assert_eq!(values(&path), [3, 4]);
}

#[tokio::test]
async fn a_file_that_is_moved_away_is_opened_again_and_one_that_is_cut_short_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (path, old) = (directory.path().join("points.json"), directory.path().join("points.json.1"));
    let mut exporter = started(&config(&path)).await;
    put(&mut exporter, 1).await;
    fs::rename(&path, &old).unwrap();
    put(&mut exporter, 2).await;
    assert_eq!((values(&old), values(&path)), (vec![1], vec![2]));
    fs::remove_file(&path).unwrap();
    put(&mut exporter, 3).await;
    assert_eq!(values(&path), [3]);
    fs::write(&path, "").unwrap();
    put(&mut exporter, 4).await;
    assert_eq!(values(&path), [4]);
}

#[tokio::test]
async fn a_large_file_is_put_aside_and_the_oldest_of_those_goes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("points.json");
    fs::write(directory.path().join("points-other.json"), "").unwrap();
    let rotation = |max_age| Some(Rotation { max_bytes: 1000, max_age, max_backups: 3 });
    let mut exporter = started(&Config { rotation: rotation(Duration::ZERO), ..config(&path) }).await;
    let backups = || {
        let entries = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut backups: Vec<_> = entries.filter(|path| path.to_str().unwrap().contains("points-1")).collect();
        backups.sort();
        backups
    };
    let size = {
        put(&mut exporter, 100).await;
        fs::metadata(&path).unwrap().len()
    };
    let a_file = usize::try_from(1000 / size).unwrap();
    for value in 1..u64::try_from(5 * a_file).unwrap() {
        put(&mut exporter, 100 + value).await;
        assert!(fs::metadata(&path).unwrap().len() <= 1000);
    }
    assert_eq!(backups().len(), 3);
    let kept: Vec<u64> = backups().iter().chain([&path]).flat_map(|path| values(path)).collect();
    let from = 100 + u64::try_from(a_file).unwrap();
    assert_eq!(kept, (from..100 + u64::try_from(5 * a_file).unwrap()).collect::<Vec<_>>(), "in order, none missing");
    // What is there at the start is gone on with.
    let mut exporter = started(&Config { rotation: rotation(Duration::from_millis(1)), ..config(&path) }).await;
    assert_eq!(values(&path).len(), a_file);
    std::thread::sleep(Duration::from_millis(5));
    put(&mut exporter, 1).await;
    assert!(backups().len() < 3, "those that are too old are removed");
}

#[tokio::test]
async fn messages_stand_behind_their_length() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("points");
    for (format, zstd) in [(Format::Proto, false), (Format::Proto, true), (Format::Json, true)] {
        let mut exporter = started(&Config { format, zstd, ..config(&path) }).await;
        put(&mut exporter, 7).await;
        put(&mut exporter, 8).await;
        let bytes = fs::read(&path).unwrap();
        let mut rest = bytes.as_slice();
        for value in [7, 8] {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let message = &rest[4..4 + length];
            let message = if zstd { zstd::bulk::decompress(message, 10_000).unwrap() } else { message.to_vec() };
            let encode = if format == Format::Json { otlp::encode_json } else { otlp::encode };
            assert_eq!(message, encode(&batch(value, 0)));
            rest = &rest[4 + length..];
        }
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let error = FileExporter::new(&config(&directory.path().join("none/points"))).start().await.unwrap_err();
    assert!(error.contains("none/points: No such file") && error.contains("create_directory"), "{error}");
    let error = FileExporter::new(&config(directory.path())).start().await.unwrap_err();
    assert!(error.contains("Is a directory"), "{error}");
}

#[test]
fn faults_of_the_configuration() {
    let at = || Position { file: "f".into(), line: 1, column: 1 };
    let node = |value| Node::new(at(), value);
    let map = |entries: Vec<(&str, Value)>| {
        let entry = |(key, value): (&str, Value)| Entry { key: key.to_owned(), position: at(), node: node(value) };
        Value::Map(entries.into_iter().map(entry).collect())
    };
    let read = |entries| {
        let mut faults = Faults::default();
        let config = Section::read_node(Some(&node(map(entries))), &mut faults, Config::read);
        (config, faults.into_sorted().into_iter().map(|fault| fault.text).collect::<Vec<_>>())
    };
    assert_eq!(read(vec![]).1, ["path: must be set to a string"]);
    let path = || ("path", Value::Text("/x".to_owned()));
    let rotation = || ("rotation", map(vec![("max_megabytes", Value::Int(2)), ("max_days", Value::Int(1))]));
    let (config, faults) = read(vec![path(), rotation()]);
    let expected = Rotation { max_bytes: 2 << 20, max_age: Duration::from_secs(86_400), max_backups: 100 };
    assert_eq!((config.rotation, faults.len()), (Some(expected), 0));
    let (config, _) = read(vec![path(), ("rotation", map(vec![]))]);
    assert_eq!(config.rotation.map(|rotation| rotation.max_bytes), Some(100 << 20));
    assert_eq!(read(vec![path(), ("rotation", Value::Null)]).0.rotation, None);
    let (_, faults) = read(vec![path(), rotation(), ("append", Value::Bool(true))]);
    assert_eq!(faults, ["append and rotation enabled at the same time is not supported"]);
    assert_eq!(read(vec![path(), ("group_by", Value::Null)]).1, ["\"group_by\" is not supported"]);
}
