//! The one handle by which the running service is seen: its layout, and the counters and states behind it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use component::{ComponentId, Counts, Flow, Kind, Link, Node, Observe, Reloads, Reporter, Snapshot};
use pdata::Batch;

use super::own_metrics::OwnMetrics;
use super::totals::{Counters, ProcessorCounters};

/// What runs, as it is seen from outside.
pub(crate) struct Board {
    started: SystemTime,
    stopping: AtomicBool,
    layout: Mutex<Layout>,
    reloads: Mutex<Reloads>,
    own_metrics: OwnMetrics,
}

/// What is wired to what, at the moment.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) nodes: Vec<Placed>,
    pub(super) links: Vec<Wired>,
}

/// A node with what it counts by.
pub(super) struct Placed {
    pub(super) kind: Kind,
    pub(super) id: ComponentId,
    pub(super) pipeline: Option<ComponentId>,
    pub(super) reporter: Reporter,
    pub(super) meter: Meter,
}

/// What a node counts by.
pub(super) enum Meter {
    None,
    Receiver(Arc<Flow>),
    Processor(Arc<ProcessorCounters>),
    Exporter(Arc<Counters>),
}

/// A way between two nodes, given by their places.
pub(super) struct Wired {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) points: Passed,
}

/// How it is known what went a way.
pub(super) enum Passed {
    /// Counted on the way itself, which may have several strands.
    Counted(Vec<Arc<AtomicU64>>),
    /// All that went into this processor.
    Into(Arc<ProcessorCounters>),
}

impl Default for Board {
    fn default() -> Self {
        Self {
            started: SystemTime::now(),
            stopping: AtomicBool::new(false),
            layout: Mutex::default(),
            reloads: Mutex::default(),
            own_metrics: OwnMetrics::default(),
        }
    }
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").field("started", &self.started).finish_non_exhaustive()
    }
}

impl Board {
    pub(super) fn show(&self, layout: Layout) {
        *self.layout() = layout;
    }

    /// Says of everything that it is to end.
    pub(super) fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        for node in &self.layout().nodes {
            node.reporter.report(component::Status::Stopping);
        }
    }

    pub(super) fn reloaded(&self, outcome: Result<(), String>) {
        let mut reloads = self.reloads.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => reloads.succeeded += 1,
            Err(_) => reloads.failed += 1,
        }
        reloads.last = Some((SystemTime::now(), outcome));
    }

    /// Whether the service shows figures of its own on its pages.
    pub(crate) fn set_own_metrics(&self, wanted: bool) {
        self.own_metrics.set_wanted(wanted);
    }

    fn layout(&self) -> MutexGuard<'_, Layout> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observe for Board {
    fn snapshot(&self) -> Snapshot {
        let layout = self.layout();
        let nodes = layout.nodes.iter().map(|node| {
            let (status, since) = node.reporter.reported();
            let counts = match &node.meter {
                Meter::None => Counts::None,
                Meter::Receiver(flow) => Counts::Receiver { accepted: flow.accepted(), refused: flow.refused() },
                Meter::Processor(counters) => counters.read(),
                Meter::Exporter(counters) => Counts::Exporter(counters.counts()),
            };
            Node { kind: node.kind, id: node.id.clone(), pipeline: node.pipeline.clone(), status, since, counts }
        });
        let links = layout.links.iter().map(|link| {
            let points = match &link.points {
                Passed::Counted(strands) => strands.iter().map(|points| points.load(Ordering::Relaxed)).sum(),
                Passed::Into(counters) => counters.incoming.load(Ordering::Relaxed),
            };
            Link { from: link.from, to: link.to, points }
        });
        Snapshot {
            started: self.started,
            stopping: self.stopping.load(Ordering::Relaxed),
            nodes: nodes.collect(),
            edges: links.collect(),
            reloads: self.reloads.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    fn own_metrics(&self) -> Option<Arc<Batch>> {
        self.own_metrics.read(|| self.snapshot())
    }
}
