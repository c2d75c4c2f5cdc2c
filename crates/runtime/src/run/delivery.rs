//! What an exporter's way of delivery comes to.

use std::sync::Arc;

use component::{ComponentId, Delivery, RetryConfig, Sizer};
use pdata::{Acknowledged, Differences, Known, Limits, Temporality};

use super::backlog::{Backlog, Bounds};
use super::backoff::STOPPING;
use super::keeper::Keeper;
use super::totals::Counters;

/// How one exporter is delivered to.
pub(super) struct Plan {
    pub(super) retry: RetryConfig,
    pub(super) backlog: Backlog,
    /// Whether batches wait in the backlog, rather than on the edge.
    pub(super) queued: bool,
    /// Whether what is given up goes with the next batch.
    pub(super) keeps: bool,
    pub(super) keeper: Option<Keeper>,
}

impl Plan {
    pub(super) fn new(id: &ComponentId, delivery: Delivery, counters: Arc<Counters>) -> Self {
        let Delivery::Queued { queue, retry, temporality, storage, built } = delivery else {
            let bounds = Bounds { size: 0, sizer: Sizer::Requests, bytes: 0, streams: 0 };
            return Self {
                retry: RetryConfig { enabled: false, ..STOPPING },
                backlog: Backlog::new(bounds, Known::new(Acknowledged::Until(0)), counters),
                queued: false,
                keeps: false,
                keeper: None,
            };
        };
        let bounds = Bounds::new(&queue);
        let known = match temporality {
            Temporality::Cumulative => Acknowledged::Until(0),
            Temporality::Delta => {
                let limits = Limits { streams: bounds.streams, fresh: built, saved: storage.is_some() };
                Acknowledged::Exactly(Box::new(Differences::new(limits)))
            }
        };
        let delta = temporality == Temporality::Delta;
        let keeper = storage.filter(|_| delta).map(|storage| Keeper::new(storage, id));
        Self {
            retry,
            backlog: Backlog::new(bounds, Known::new(known), counters),
            queued: queue.enabled,
            keeps: true,
            keeper,
        }
    }
}
