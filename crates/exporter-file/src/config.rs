//! Keys of `file`.

use std::path::PathBuf;
use std::time::Duration;

use component::config::{Configuration, Section};
use component::{QueueConfig, RetryConfig, read_temporality};
use pdata::Temporality;

/// Keys of `file`.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file to write.
    pub path: PathBuf,
    /// How batches are written.
    pub format: Format,
    /// Whether each is compressed by zstd.
    pub zstd: bool,
    /// Whether what is in the file stays there at the start.
    pub append: bool,
    /// When the file is put aside; never without it.
    pub rotation: Option<Rotation>,
    /// Whether the directory is made where there is none.
    pub create_directory: bool,
    /// What sums and histograms are written as; the runtime's business.
    pub temporality: Temporality,
    /// When to try again; the runtime's business.
    pub retry: RetryConfig,
    /// What waits while the disk is full; the runtime's business.
    pub queue: QueueConfig,
}

/// How a batch is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OTLP/JSON on one line.
    Json,
    /// Protobuf behind its length.
    Proto,
}

/// When a file is put aside, and how many of those are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// A file does not become larger.
    pub max_bytes: u64,
    /// Files put aside longer ago than this are removed; zero keeps them.
    pub max_age: Duration,
    /// Most files put aside; zero keeps all.
    pub max_backups: u64,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let path: String = section.required("path", "file to write", String::new());
        let format = section.choice(
            "format",
            "a line of OTLP/JSON per batch, or protobuf behind its length",
            &[("json", Format::Json), ("proto", Format::Proto)],
        );
        let zstd = section.choice(
            "compression",
            "zstd: each batch by itself, behind its length in four bytes",
            &[("none", false), ("zstd", true)],
        );
        let append = section.field("append", "keep what is in the file at the start", false);
        let create_directory = section.field("create_directory", "make the directory where there is none", false);
        let flush_interval =
            section.field("flush_interval", "without effect: every batch is written at once", Duration::from_secs(1));
        let rotation = section.section("rotation", read_rotation);
        if append && rotation.is_some() {
            section.fault_at("append", "append and rotation enabled at the same time is not supported");
        }
        if flush_interval != Duration::from_secs(1) {
            tracing::info!("flush_interval of a file exporter has no effect: every batch is written at once");
        }
        for key in ["encoding", "group_by"] {
            section.refuse(key, &format!("{key:?} is not supported"));
        }
        let temporality = read_temporality(section);
        let (path, retry) = (PathBuf::from(path), section.section("retry_on_failure", RetryConfig::read));
        let queue = section.section("sending_queue", QueueConfig::read);
        queue.check(temporality, section);
        Self { path, format, zstd, append, rotation, create_directory, temporality, retry, queue }
    }
}

/// `None` where there is no section; in one, the Collector's defaults hold.
fn read_rotation(section: &mut Section<'_>) -> Option<Rotation> {
    let megabytes: u64 =
        section.field("max_megabytes", "where there is a rotation: size at which a file is put aside", 100);
    let days: u64 = section.field("max_days", "files put aside so long ago are removed; 0 keeps them", 0);
    let max_backups = section.field("max_backups", "most files put aside; 0 keeps all", 100);
    let max_age = Duration::from_secs(days.saturating_mul(24 * 60 * 60));
    if megabytes == 0 {
        section.fault_at("max_megabytes", "must be greater than 0");
    }
    let max_bytes = megabytes.saturating_mul(1 << 20);
    section.is_given().then_some(Rotation { max_bytes, max_age, max_backups })
}
