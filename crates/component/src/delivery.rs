//! How the runtime delivers to an exporter, and the keys by which users say so.

use std::time::{SystemTime, UNIX_EPOCH};

use pdata::{Temporality, UnixNanos};

use crate::config::{ByteSize, Configuration, Section};
use crate::{BuildContext, BuildError, RetryConfig, SharedStorage};

/// How the runtime delivers to an exporter.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// Handed over at once, in the order of arrival, one attempt.
    Direct,
    /// Through a bounded queue, with retries; what is given up goes with the next batch.
    Queued {
        /// Bounds of the queue, and of what is known of streams.
        queue: QueueConfig,
        /// When to try again, and for how long.
        retry: RetryConfig,
        /// What sums and histograms leave as.
        temporality: Temporality,
        /// Where it is kept what the far side has, for a next start; with deltas only.
        storage: Option<SharedStorage>,
        /// When the exporter was made. What began before may have been sent by an earlier agent.
        built: UnixNanos,
    },
}

impl Delivery {
    /// Delivery as configuration says, with the storage that it names.
    ///
    /// # Errors
    /// Where that storage does not run.
    pub fn queued(
        queue: &QueueConfig,
        retry: &RetryConfig,
        temporality: Temporality,
        context: &BuildContext<'_>,
    ) -> Result<Self, BuildError> {
        let storage = match &*queue.storage {
            "" => None,
            id => {
                let shared = context.extensions.get::<SharedStorage>(id);
                Some(shared.ok_or_else(|| {
                    format!("sending_queue.storage: {id:?} is no extension that stores and runs; list it under service.extensions")
                })?)
            }
        };
        let storage = storage.map(|shared| (*shared).clone());
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let built = UnixNanos::try_from(since_epoch.as_nanos()).unwrap_or(UnixNanos::MAX);
        Ok(Self::Queued { queue: queue.clone(), retry: retry.clone(), temporality, storage, built })
    }
}

/// Key `temporality` of an exporter: what sums and histograms leave as.
pub fn read_temporality(section: &mut Section<'_>) -> Temporality {
    section.choice(
        "temporality",
        "what sums and histograms say: the total since their start, or what came since the last request",
        &[("cumulative", Temporality::Cumulative), ("delta", Temporality::Delta)],
    )
}

/// `sending_queue`: what waits for a slow or absent far side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    /// Without it what comes waits in the pipeline.
    pub enabled: bool,
    /// What `queue_size` counts.
    pub sizer: Sizer,
    /// Most that waits; beyond it the two oldest become one, which loses times, never totals.
    pub queue_size: u64,
    /// Most bytes that wait, whatever `queue_size` counts; an estimate.
    pub max_memory: u64,
    /// Most streams of which something is kept.
    pub max_streams: u64,
    /// Id of the extension that keeps what the far side has; empty for none.
    pub storage: String,
}

/// What is counted where something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizer {
    /// Batches.
    Requests,
    /// Points.
    Items,
    /// Bytes in memory.
    Bytes,
}

impl Configuration for QueueConfig {
    fn read(section: &mut Section<'_>) -> Self {
        let enabled =
            section.field("enabled", "whether there is a queue; without it what comes waits in the pipeline", true);
        let sizers = [("requests", Sizer::Requests), ("items", Sizer::Items), ("bytes", Sizer::Bytes)];
        let sizer = section.choice("sizer", "what queue_size counts: batches, points, bytes in memory", &sizers);
        let queue_size = section.field(
            "queue_size",
            "most that waits; beyond it the two oldest batches are merged per stream",
            1000,
        );
        let ByteSize(max_memory) = section.field(
            "max_memory",
            "most bytes that wait, whatever queue_size counts; beyond it the same is done",
            ByteSize(64 << 20),
        );
        let max_streams = section.field(
            "max_streams",
            "most streams that are kept for an absent far side, or known with temporality delta; the others are folded",
            200_000,
        );
        let storage = section.field(
            "storage",
            "extension that keeps what the far side has acknowledged over a restart; needs temporality delta",
            String::new(),
        );
        for (key, number) in [("queue_size", queue_size), ("max_memory", max_memory), ("max_streams", max_streams)] {
            if number == 0 {
                section.fault_at(key, "must be greater than 0");
            }
        }
        Self { enabled, sizer, queue_size, max_memory, max_streams, storage }
    }
}

impl QueueConfig {
    /// Notes in `section`, which is the exporter's, that a storage has nothing to keep.
    pub fn check(&self, temporality: Temporality, section: &mut Section<'_>) {
        if !self.storage.is_empty() && temporality == Temporality::Cumulative {
            section.fault_at(
                "sending_queue",
                "storage needs temporality: delta; the queue itself is not kept on disk, and cumulative totals need not be",
            );
        }
    }
}
