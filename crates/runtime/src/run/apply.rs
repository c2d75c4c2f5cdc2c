//! Puts a plan into effect: what is new begins, what stays is wired anew, what goes ends in the order of the flow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use component::{ComponentId, Kind, Output, Receiver, Reporter, Shutdown};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::Phase;
use super::board::Board;
use super::demand::{self, Stated};
use super::exporter::{Controls, ExporterTask};
use super::live::{Live, LiveExporter, LivePipeline, LiveReceiver, LiveStep};
use super::pipeline::{Change, Next, PipelineTask, Step};
use super::receiver::{left, receive};
use super::stop::Stop;
use super::tasks::Tasks;
use super::totals::Counters;
use crate::config::Pipeline;
use crate::graph::{Part, Parts, Plan};

/// Batches on an edge: a tick of six receivers fits, and a slow consumer is felt by its producer soon after.
const EDGE_CAPACITY: usize = 8;

/// Changes that a pipeline that is busy may have before it.
const CHANGES: usize = 8;

/// The service while it runs.
pub(super) struct Running {
    pub(super) live: Live,
    pub(super) tasks: Tasks,
    pub(super) board: Arc<Board>,
    pub(super) deadline: Duration,
    /// Of every exporter that there was.
    pub(super) counters: BTreeMap<ComponentId, Arc<Counters>>,
    /// Whether the process has given up its rights.
    pub(super) without_rights: bool,
    /// Told of every phase that begins.
    pub(super) phases: Box<dyn Fn(Phase) + Send>,
}

impl Running {
    /// Takes over a plan whose extensions and exporters have been started.
    pub(super) fn apply(&mut self, plan: Plan) {
        let Plan { pipelines, trees, parts, .. } = plan;
        let Parts { receivers, processors, exporters, .. } = parts;
        self.live.pipelines = pipelines;
        self.live.trees = trees;
        for (_, part) in exporters {
            self.begin_exporter(part);
        }
        self.chain_up(processors);
        self.begin_receivers(receivers);
        self.end_exporters();
        self.push_down();
        self.live.forget_ways();
        self.live.leaving.retain(|_, gone| matches!(gone.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
        self.board.show(self.live.layout());
    }

    fn begin_exporter(&mut self, Part { id, component, reporter, uses }: Part<component::BuiltExporter>) {
        let (input, edge) = mpsc::channel(EDGE_CAPACITY);
        let (stop, stopped) = watch::channel(None);
        let (replacements, replaced) = mpsc::channel(1);
        let (here, gone) = oneshot::channel::<()>();
        let counters = self.counters.entry(id.clone()).or_default().clone();
        let controls = Controls { stop: Stop::new(stopped), replacements: replaced, reporter: reporter.clone() };
        let task = ExporterTask::new(&id, component, edge, controls, counters.clone());
        reporter.report_started();
        self.tasks.spawn(Kind::Exporter, &id, &reporter, async move {
            let ended = task.run().await;
            drop(here);
            ended
        });
        self.live.exporters.insert(id, LiveExporter { input, replacements, stop, counters, reporter, uses, gone });
    }

    /// Pipelines that are new begin, all are told what they consist of and where they lead, and the others end.
    fn chain_up(&mut self, mut processors: BTreeMap<(ComponentId, ComponentId), Part<Box<dyn component::Processor>>>) {
        let pipelines = self.live.pipelines.clone();
        for pipeline in
            pipelines.iter().filter(|pipeline| !self.live.chains.contains_key(&pipeline.id)).collect::<Vec<_>>()
        {
            self.begin_pipeline(&pipeline.id);
        }
        for pipeline in &pipelines {
            let edges = self.live.edges_of_pipeline(pipeline);
            let Some(chain) = self.live.chains.get_mut(&pipeline.id) else { continue };
            let (mut steps, mut next) = (Vec::new(), Vec::new());
            for id in &pipeline.processors {
                if let Some(part) = processors.remove(&(pipeline.id.clone(), id.clone())) {
                    let (step, first) = begin_step(part, chain.steps.iter().find(|step| step.id == *id));
                    steps.push(step);
                    next.push(Next::New(first));
                } else if let Some(step) = chain.steps.iter().find(|step| step.id == *id) {
                    steps.push(step.clone());
                    next.push(Next::Kept(id.clone()));
                }
            }
            chain.steps = steps;
            // There is room, or this would not have begun.
            let _ = chain.changes.try_send(Change { steps: next, edges });
        }
        let gone: Vec<ComponentId> = self
            .live
            .chains
            .keys()
            .filter(|id| !pipelines.iter().any(|pipeline| pipeline.id == **id))
            .cloned()
            .collect();
        for id in gone {
            if let Some(LivePipeline { gone, .. }) = self.live.chains.remove(&id) {
                self.live.leaving.insert((Kind::Pipeline, id), gone);
            }
        }
    }

    fn begin_pipeline(&mut self, id: &ComponentId) {
        let (input, edge) = mpsc::channel(EDGE_CAPACITY);
        let (changes, changed) = mpsc::channel(CHANGES);
        let (here, gone) = oneshot::channel::<()>();
        let reporter = Reporter::default();
        reporter.report_started();
        let before = self.live.leaving.remove(&(Kind::Pipeline, id.clone()));
        let task = PipelineTask::new(edge, changed);
        self.tasks.spawn(Kind::Pipeline, id, &reporter, async move {
            left(before).await;
            let ended = task.run().await;
            drop(here);
            ended
        });
        self.live.chains.insert(id.clone(), LivePipeline { input, changes, steps: Vec::new(), reporter, gone });
    }

    /// Receivers that are no more end, those that stay get their pipelines, new ones begin: after the one in
    /// whose place they come, if there is one.
    fn begin_receivers(&mut self, mut new: BTreeMap<ComponentId, Part<Box<dyn Receiver>>>) {
        let wanted =
            |pipelines: &[Pipeline], id: &ComponentId| pipelines.iter().any(|pipeline| pipeline.receivers.contains(id));
        let going: Vec<ComponentId> = self
            .live
            .receivers
            .keys()
            .filter(|id| new.contains_key(id) || !wanted(&self.live.pipelines, id))
            .cloned()
            .collect();
        let mut flows = BTreeMap::new();
        for id in going {
            let Some(LiveReceiver { stop, gone, output, .. }) = self.live.receivers.remove(&id) else { continue };
            stop.send_replace(true);
            flows.insert(id.clone(), output.flow());
            self.live.leaving.insert((Kind::Receiver, id), gone);
        }
        let staying: Vec<ComponentId> = self.live.receivers.keys().cloned().collect();
        for id in staying {
            let edges = self.live.edges_of_receiver(&id);
            if let Some(receiver) = self.live.receivers.get(&id) {
                receiver.output.redirect(edges);
            }
        }
        while let Some((id, part)) = new.pop_first() {
            let output = Output::counting(self.live.edges_of_receiver(&id), flows.remove(&id).unwrap_or_default());
            self.begin_receiver(part, output);
        }
    }

    fn begin_receiver(&mut self, Part { id, component, reporter, uses }: Part<Box<dyn Receiver>>, output: Output) {
        let (stop, stopped) = watch::channel(false);
        let (here, gone) = oneshot::channel::<()>();
        let push_down = component.push_down();
        let before = self.live.leaving.remove(&(Kind::Receiver, id.clone()));
        // So that what is held downstream still has the other half.
        let patience = self.deadline / 2;
        let (way_out, says) = (output.clone(), reporter.clone());
        self.tasks.spawn(Kind::Receiver, &id, &reporter, async move {
            left(before).await;
            says.report_started();
            let ended = receive(component, way_out, Shutdown::new(stopped), patience).await;
            drop(here);
            ended
        });
        let receiver = LiveReceiver { output, stop, push_down, pushed: false, reporter, uses, gone };
        self.live.receivers.insert(id, receiver);
    }

    /// Exporters that are no more drain their queues, within the deadline of a stop.
    fn end_exporters(&mut self) {
        let used = |id: &ComponentId| self.live.pipelines.iter().any(|pipeline| pipeline.exporters.contains(id));
        let going: Vec<ComponentId> = self.live.exporters.keys().filter(|id| !used(id)).cloned().collect();
        for id in going {
            let Some(LiveExporter { stop, gone, .. }) = self.live.exporters.remove(&id) else { continue };
            stop.send_replace(Some(Instant::now() + self.deadline));
            // Its task must be told of no other end.
            self.live.leaving.insert((Kind::Exporter, id), gone);
        }
    }

    /// Tells every receiver what is wanted of it, unless it is everything and was before.
    pub(super) fn push_down(&mut self) {
        let stated = self.live.stated();
        for (id, receiver) in &mut self.live.receivers {
            let wanted = demand::of_receiver(id, &self.live.pipelines, &stated);
            if let Some(push_down) = receiver.push_down.as_ref().filter(|_| wanted.is_some() || receiver.pushed) {
                receiver.pushed = wanted.is_some();
                push_down(wanted);
            }
        }
    }
}

impl Live {
    /// What the processors that run state.
    pub(super) fn stated(&self) -> Stated {
        let of = |chain: &LivePipeline| chain.steps.iter().filter_map(|step| step.predicate.clone()).collect();
        self.chains.iter().map(|(id, chain)| (id.clone(), of(chain))).collect()
    }
}

/// A processor for its place; counts go on where it follows another of its id.
fn begin_step(
    Part { id, component, reporter, uses }: Part<Box<dyn component::Processor>>,
    before: Option<&LiveStep>,
) -> (LiveStep, Step) {
    let counters = before.map(|step| step.counters.clone()).unwrap_or_default();
    reporter.report_started();
    let predicate = component.predicate();
    let step = Step::new(id.clone(), component, counters.clone());
    (LiveStep { id, counters, predicate, reporter, uses }, step)
}

/// Tells the receivers of a plan what its processors state; nothing of it runs yet, but for `live`.
pub(crate) fn push_down_first(plan: &Plan, live: Option<&Live>) {
    let stated: Stated = plan
        .pipelines
        .iter()
        .map(|pipeline| {
            let of = |id: &ComponentId| {
                if let Some(part) = plan.parts.processors.get(&(pipeline.id.clone(), id.clone())) {
                    return part.component.predicate();
                }
                let steps = &live?.chains.get(&pipeline.id)?.steps;
                steps.iter().find(|step| step.id == *id)?.predicate.clone()
            };
            (pipeline.id.clone(), pipeline.processors.iter().filter_map(of).collect())
        })
        .collect();
    for (id, part) in &plan.parts.receivers {
        let wanted = demand::of_receiver(id, &plan.pipelines, &stated);
        if let (Some(push_down), Some(wanted)) = (part.component.push_down(), wanted) {
            push_down(Some(wanted));
        }
    }
}
