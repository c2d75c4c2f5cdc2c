//! Processors: what happens to a batch between receiver and exporter.

use std::sync::Arc;
use std::time::Duration;

use pdata::Batch;

use crate::Predicate;

/// A step of a pipeline. Synchronous, so that a test needs no runtime.
pub trait Processor: Send {
    /// Takes `batch` and appends what goes on to `output`.
    fn process(&mut self, batch: Batch, output: &mut Vec<Batch>);

    /// How often [`flush`](Self::flush) is to be called, if at all.
    fn period(&self) -> Option<Duration> {
        None
    }

    /// Appends what is held back to `output`; also called once at shutdown, after the last batch.
    fn flush(&mut self, _output: &mut Vec<Batch>) {}

    /// What this processor lets through, where that is a matter of processes only.
    ///
    /// The runtime carries it upstream, see [`Receiver::push_down`](crate::Receiver::push_down).
    fn predicate(&self) -> Option<Arc<Predicate>> {
        None
    }
}
