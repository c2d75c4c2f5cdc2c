//! What runs at the moment, and how it is reached to be wired anew.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use component::{ComponentId, Edge, Extension, Extensions, Kind, Output, Predicate, PushDown, Reporter};
use pdata::Batch;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::exporter::Replacement;
use super::pipeline::Change;
use super::receiver::Gone;
use super::totals::{Counters, ProcessorCounters};
use crate::config::{Pipeline, Trees};
use crate::graph::Runs;

/// Everything that runs.
#[derive(Default)]
pub(crate) struct Live {
    /// How it is wired.
    pub(super) pipelines: Vec<Pipeline>,
    /// What the components that run say of themselves.
    pub(super) trees: Trees,
    pub(super) shared: Extensions,
    pub(super) extensions: Vec<LiveExtension>,
    pub(super) receivers: BTreeMap<ComponentId, LiveReceiver>,
    pub(super) chains: BTreeMap<ComponentId, LivePipeline>,
    pub(super) exporters: BTreeMap<ComponentId, LiveExporter>,
    /// What went every way, by its ends.
    pub(super) ways: BTreeMap<Way, Arc<AtomicU64>>,
    /// Those that have been told to end, and may not have yet.
    pub(super) leaving: HashMap<(Kind, ComponentId), Gone>,
}

pub(super) struct LiveExtension {
    pub(super) id: ComponentId,
    pub(super) extension: Box<dyn Extension>,
    pub(super) reporter: Reporter,
}

pub(super) struct LiveReceiver {
    pub(super) output: Output,
    pub(super) stop: watch::Sender<bool>,
    pub(super) push_down: Option<PushDown>,
    pub(super) pushed: bool,
    pub(super) reporter: Reporter,
    pub(super) uses: BTreeSet<String>,
    pub(super) gone: Gone,
}

pub(super) struct LivePipeline {
    pub(super) input: mpsc::Sender<Arc<Batch>>,
    pub(super) changes: mpsc::Sender<Change>,
    pub(super) steps: Vec<LiveStep>,
    pub(super) reporter: Reporter,
    pub(super) gone: Gone,
}

/// A processor; it lives in its pipeline's task.
#[derive(Clone)]
pub(super) struct LiveStep {
    pub(super) id: ComponentId,
    pub(super) counters: Arc<ProcessorCounters>,
    pub(super) predicate: Option<Arc<Predicate>>,
    pub(super) reporter: Reporter,
    pub(super) uses: BTreeSet<String>,
}

pub(super) struct LiveExporter {
    pub(super) input: mpsc::Sender<Arc<Batch>>,
    pub(super) replacements: mpsc::Sender<Replacement>,
    pub(super) stop: watch::Sender<Option<Instant>>,
    pub(super) counters: Arc<Counters>,
    pub(super) reporter: Reporter,
    pub(super) uses: BTreeSet<String>,
    pub(super) gone: Gone,
}

/// From where, through which connector, to where.
pub(super) type Way = (ComponentId, Option<ComponentId>, (Kind, ComponentId));

impl Live {
    /// The ways into the pipelines that `receiver` feeds.
    pub(super) fn edges_of_receiver(&mut self, receiver: &ComponentId) -> Vec<Edge> {
        let fed = self.pipelines.iter().filter(|pipeline| pipeline.receivers.contains(receiver));
        let ways: Vec<Way> =
            fed.map(|pipeline| (receiver.clone(), None, (Kind::Pipeline, pipeline.id.clone()))).collect();
        self.edges(ways)
    }

    /// The ways out of `pipeline`: to its exporters, and through its connectors into others.
    pub(super) fn edges_of_pipeline(&mut self, pipeline: &Pipeline) -> Vec<Edge> {
        let from = &pipeline.id;
        let mut ways: Vec<Way> =
            pipeline.exporters.iter().map(|to| (from.clone(), None, (Kind::Exporter, to.clone()))).collect();
        for connector in &pipeline.joined_to {
            let next = self.pipelines.iter().filter(|next| next.joined_from.contains(connector));
            ways.extend(next.map(|next| (from.clone(), Some(connector.clone()), (Kind::Pipeline, next.id.clone()))));
        }
        self.edges(ways)
    }

    fn edges(&mut self, ways: Vec<Way>) -> Vec<Edge> {
        let edge = |way: Way| {
            let (kind, to) = &way.2;
            let input = match kind {
                Kind::Exporter => self.exporters.get(to)?.input.clone(),
                _ => self.chains.get(to)?.input.clone(),
            };
            Some(Edge::new(input, self.ways.entry(way).or_default().clone()))
        };
        ways.into_iter().filter_map(edge).collect()
    }

    /// Forgets the counts of ways that are no more.
    pub(super) fn forget_ways(&mut self) {
        let Self { pipelines, ways, .. } = self;
        ways.retain(|(from, connector, (kind, to)), _| {
            pipelines.iter().any(|pipeline| match (connector, kind) {
                (None, Kind::Exporter) => pipeline.id == *from && pipeline.exporters.contains(to),
                (None, _) => pipeline.id == *to && pipeline.receivers.contains(from),
                (Some(connector), _) => {
                    pipeline.id == *from
                        && pipeline.joined_to.contains(connector)
                        && pipelines.iter().any(|next| next.id == *to && next.joined_from.contains(connector))
                }
            })
        });
    }
}

/// What of the running service stays when a configuration that says `trees` takes its place.
pub(super) struct Unchanged<'a> {
    pub(super) live: &'a Live,
    pub(super) trees: &'a Trees,
    /// Types of extensions that are to be others, or are to go.
    pub(super) renewed: BTreeSet<String>,
}

impl Unchanged<'_> {
    /// Whether the component says the same in both configurations.
    pub(super) fn says_the_same(&self, kind: Kind, id: &ComponentId) -> bool {
        use component::config::Value::Null;
        let key = (kind, id.clone());
        let (old, new) = (self.live.trees.get(&key), self.trees.get(&key));
        old.unwrap_or(&Null).says_as(new.unwrap_or(&Null))
    }
}

impl Runs for Unchanged<'_> {
    fn runs(&self, kind: Kind, id: &ComponentId, pipeline: Option<&ComponentId>) -> bool {
        let Live { receivers, chains, exporters, extensions, .. } = self.live;
        let uses = match kind {
            Kind::Receiver => receivers.get(id).map(|receiver| &receiver.uses),
            Kind::Exporter => exporters.get(id).map(|exporter| &exporter.uses),
            Kind::Processor => pipeline
                .and_then(|pipeline| chains.get(pipeline)?.steps.iter().find(|step| step.id == *id))
                .map(|step| &step.uses),
            Kind::Extension => {
                return extensions.iter().any(|extension| extension.id == *id) && self.says_the_same(kind, id);
            }
            Kind::Connector | Kind::Pipeline => None,
        };
        uses.is_some_and(|uses| uses.is_disjoint(&self.renewed)) && self.says_the_same(kind, id)
    }
}
