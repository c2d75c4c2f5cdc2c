//! Batches to bytes, and bytes to the file on a thread that may wait for the disk.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use component::config::Configuration;
use component::{
    Accepted, BoxFuture, BuiltExporter, Delivery, ExportError, Exporter, ExporterFactory, Need, Stability,
};
use pdata::Batch;
use tokio::task::spawn_blocking;

use crate::config::{Config, Format};
use crate::log::Log;

/// The `file` exporter type.
pub static FACTORY: ExporterFactory = ExporterFactory {
    component_type: "file",
    alias: None,
    stability: Stability::Alpha,
    summary: "writes batches to a file, as lines of OTLP/JSON or as protobuf",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |context| {
            let delivery = Delivery::queued(&config.queue, &config.retry, config.temporality, context)?;
            Ok(BuiltExporter { exporter: Box::new(FileExporter::new(&config)), delivery })
        })
    },
};

/// A file that is opened at the start.
#[derive(Debug)]
pub struct FileExporter {
    format: Format,
    zstd: bool,
    log: Arc<Mutex<Log>>,
}

impl FileExporter {
    /// Does not open the file yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { format: config.format, zstd: config.zstd, log: Arc::new(Mutex::new(Log::new(config))) }
    }

    fn encode(&self, batch: &Batch) -> io::Result<Vec<u8>> {
        let body: Bytes = match self.format {
            Format::Json => otlp::encode_json(batch),
            Format::Proto => otlp::encode(batch),
        };
        if self.format == Format::Json && !self.zstd {
            return Ok([&body, &b"\n"[..]].concat());
        }
        let body = if self.zstd { zstd::bulk::compress(&body, zstd::DEFAULT_COMPRESSION_LEVEL)? } else { body.into() };
        let length = u32::try_from(body.len()).map_err(|_| io::Error::other("a batch of more than 4 GiB"))?;
        Ok([&length.to_be_bytes()[..], &body].concat())
    }

    /// Does `what` with the file where it may take its time.
    async fn on_file<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Log) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let log = self.log.clone();
        let done = spawn_blocking(move || what(&mut log.lock().unwrap_or_else(PoisonError::into_inner))).await;
        done.unwrap_or_else(|error| Err(error.to_string()))
    }
}

impl Exporter for FileExporter {
    fn start(&mut self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.on_file(Log::open))
    }

    fn needs(&self) -> Vec<Need> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.directories().into_iter().map(Need::Write).collect()
    }

    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        Box::pin(async move {
            let message = self.encode(&batch).map_err(|error| ExportError::Permanent(error.to_string()))?;
            // Whatever is wrong with a disk, somebody may put it right.
            let again = |reason| ExportError::Retryable { reason, after: None };
            self.on_file(move |log| log.write(&message)).await.map_err(again)?;
            Ok(Accepted::default())
        })
    }
}
