//! What an exporter's way of delivery comes to.

use component::{ComponentId, Delivery, RetryConfig, Sizer};
use pdata::{Acknowledged, Differences, Known, Limits, Temporality};

use super::backlog::Bounds;
use super::backoff::STOPPING;
use super::keeper::Keeper;

/// How one exporter is delivered to.
pub(super) struct Plan {
    pub(super) retry: RetryConfig,
    pub(super) bounds: Bounds,
    pub(super) known: Known,
    /// Whether batches wait in the backlog, rather than on the edge.
    pub(super) queued: bool,
    /// Whether what is given up goes with the next batch.
    pub(super) keeps: bool,
    pub(super) keeper: Option<Keeper>,
}

impl Plan {
    pub(super) fn new(id: &ComponentId, delivery: &Delivery) -> Self {
        let Delivery::Queued { queue, retry, temporality, storage, built } = delivery else {
            return Self {
                retry: RetryConfig { enabled: false, ..STOPPING },
                bounds: Bounds { size: 0, sizer: Sizer::Requests, bytes: 0, streams: 0 },
                known: Known::new(Acknowledged::Until(0)),
                queued: false,
                keeps: false,
                keeper: None,
            };
        };
        let bounds = Bounds::new(queue);
        let delta = *temporality == Temporality::Delta;
        let limits = Limits { streams: bounds.streams, fresh: *built, saved: storage.is_some() };
        let known =
            if delta { Acknowledged::Exactly(Box::new(Differences::new(limits))) } else { Acknowledged::Until(0) };
        let keeper = storage.as_ref().filter(|_| delta).map(|storage| Keeper::new(storage.clone(), id));
        Self { retry: retry.clone(), bounds, known: Known::new(known), queued: queue.enabled, keeps: true, keeper }
    }
}
