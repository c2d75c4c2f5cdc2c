//! Batches into parts, each of which is one request: servers refuse a message beyond their limit.

use std::sync::Arc;

use component::config::{ByteSize, Section};
use pdata::Batch;

/// Reads `max_request_size`.
///
/// The Collector's `sending_queue.batch.max_size` counts items unless a `sizer` says otherwise and comes with
/// the joining of batches, which is not done here; under its name a copied `8192` would mean something else.
pub(crate) fn read_max_request_size(section: &mut Section<'_>) -> usize {
    let ByteSize(size) = section.field("max_request_size", "most bytes of a request before compression", DEFAULT);
    if size < LEAST.0 {
        section.fault_at("max_request_size", format!("must be at least {LEAST}"));
    }
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// `batch`, or as few parts of it as are within `max` bytes; one point alone may be more.
///
/// A part shares everything but the points themselves, and these are copied only where the batch is too large.
pub(crate) fn split(batch: Arc<Batch>, max: usize, size_of: impl Fn(&Batch) -> usize) -> Vec<Arc<Batch>> {
    let (mut parts, mut rest) = (Vec::new(), vec![batch]);
    while let Some(batch) = rest.pop() {
        let (size, items) = (size_of(&batch), batch.items());
        if size <= max || items < 2 {
            parts.push(batch);
            continue;
        }
        // What every part repeats (resource, names) and points of different sizes take a little of the room.
        let pieces = size.div_ceil((max - max / 16).max(1)).max(2);
        let most = items.div_ceil(pieces);
        let slices = (0..items).step_by(most).map(|from| Arc::new(batch.slice(from..from + most)));
        // A slice that is still too large is cut again, where it stands.
        let slices: Vec<_> = slices.collect();
        rest.extend(slices.into_iter().rev());
    }
    parts
}

/// gRPC servers take 4 MiB unless they are told otherwise; below it, because a proxy may add something.
const DEFAULT: ByteSize = ByteSize(4000 << 10);
/// A slip such as `4` would make a request of every point.
const LEAST: ByteSize = ByteSize(64 << 10);
