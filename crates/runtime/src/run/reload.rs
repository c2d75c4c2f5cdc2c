//! Another configuration in the place of the one that runs: only what says something else is made anew,
//! and where any of it fails, all stays as it is.

use std::collections::BTreeSet;

use component::{ComponentId, Kind, Reporter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::info;

use super::apply::{Running, push_down_first};
use super::exporter::Replacement;
use super::live::{LiveExtension, Unchanged};
use crate::config::Config;
use crate::graph::{Part, Plan};
use crate::{Failure, Kind as Of};

/// What has been put in the place of something else, and can be taken back.
#[derive(Default)]
struct Exchanged {
    exporters: Vec<NewExporter>,
    /// Places among the running extensions, and what was there.
    extensions: Vec<LiveExtension>,
}

/// An exporter in the place of another, which delivers nothing before it is told that it may stay.
struct NewExporter {
    id: ComponentId,
    reporter: Reporter,
    uses: BTreeSet<String>,
    answers: mpsc::Receiver<Result<(), String>>,
    taken: oneshot::Sender<()>,
}

impl Running {
    /// Takes `config` over, or says why not.
    pub(super) async fn reload(&mut self, config: Config) -> Result<(), Vec<Failure>> {
        self.room_for_changes()?;
        let renewed = self.renewed(&config)?;
        let mut shared = self.live.shared.clone();
        renewed.iter().for_each(|kind| shared.remove(kind));
        let trees = config.trees.clone();
        let wants_own_metrics = config.own_metrics();
        let unchanged = Unchanged { live: &self.live, trees: &trees, renewed };
        let mut plan = config.plan(&mut shared, &self.board, &unchanged)?;
        let summary = Summary::of(&plan, &self.live);
        let mut done = Exchanged::default();
        if let Err(failure) = self.exchange(&mut plan, &mut done).await {
            self.take_back(plan, done).await;
            return Err(vec![failure]);
        }
        for NewExporter { id, reporter, uses, taken, .. } in std::mem::take(&mut done.exporters) {
            self.settle(&id, reporter, uses);
            // Where its task has ended there is nobody to tell.
            let _ = taken.send(());
        }
        self.live.shared = shared;
        self.board.set_own_metrics(wants_own_metrics);
        self.end_extensions(&plan).await;
        self.apply(plan);
        // What was put aside has been stopped when something took its place.
        drop(done);
        summary.log();
        Ok(())
    }

    fn room_for_changes(&self) -> Result<(), Vec<Failure>> {
        let busy = self.live.chains.iter().filter(|(_, chain)| chain.changes.capacity() == 0);
        let busy = busy.map(|(id, _)| {
            let reason = "is still held up since earlier changes: its exporters take nothing; try again later";
            Failure::new(Of::Pipeline, id, reason.to_owned())
        });
        let busy: Vec<Failure> = busy.collect();
        if busy.is_empty() { Ok(()) } else { Err(busy) }
    }

    /// Types and ids of the extensions that go or say something else; each must be one that can.
    fn renewed(&self, config: &Config) -> Result<BTreeSet<String>, Vec<Failure>> {
        let none = BTreeSet::new();
        let unchanged = Unchanged { live: &self.live, trees: &config.trees, renewed: none };
        let stays = |id: &ComponentId| config.extensions.iter().any(|(other, _)| other == id);
        let going = |one: &&LiveExtension| !stays(&one.id) || !unchanged.says_the_same(Kind::Extension, &one.id);
        let going: Vec<&LiveExtension> = self.live.extensions.iter().filter(going).collect();
        let refused = going.iter().filter_map(|one| {
            let reason = one.extension.replaceable().err()?;
            Some(Failure::new(Of::Extension, &one.id, reason))
        });
        let refused: Vec<Failure> = refused.collect();
        if refused.is_empty() {
            // Whoever uses one asked for its type or for its id.
            return Ok(going.iter().flat_map(|one| [one.id.component_type().to_owned(), one.id.to_string()]).collect());
        }
        Err(refused)
    }

    /// Starts what is new in the plan, extensions and exporters; what takes the place of another is in it then.
    async fn exchange(&mut self, plan: &mut Plan, done: &mut Exchanged) -> Result<(), Failure> {
        if !plan.parts.extensions.is_empty() {
            push_down_first(plan, Some(&self.live));
        }
        for part in &mut plan.parts.extensions {
            let failed = |reason| Failure::new(Of::Extension, &part.id, reason);
            if self.without_rights {
                part.component.without_rights().map_err(failed)?;
            }
            part.component.prepare().map_err(failed)?;
        }
        while !plan.parts.extensions.is_empty() {
            let mut part = plan.parts.extensions.remove(0);
            let place = self.live.extensions.iter().position(|one| one.id == part.id);
            if let Some(place) = place {
                let mut old = self.live.extensions.remove(place);
                old.extension.stop().await;
                done.extensions.push(old);
            }
            if let Err(reason) = part.component.start().await {
                part.component.shutdown();
                return Err(Failure::new(Of::Extension, &part.id, reason));
            }
            part.reporter.report_started();
            let Part { id, component: extension, reporter, .. } = part;
            self.live.extensions.push(LiveExtension { id, extension, reporter });
        }
        self.exchange_exporters(plan, done).await
    }

    async fn exchange_exporters(&mut self, plan: &mut Plan, done: &mut Exchanged) -> Result<(), Failure> {
        let ids: Vec<ComponentId> = plan.parts.exporters.keys().cloned().collect();
        for id in &ids {
            let Some(exporter) = self.live.exporters.get(id) else { continue };
            let Some(Part { component: built, reporter, uses, .. }) = plan.parts.exporters.remove(id) else { continue };
            let (answers, mut answered) = mpsc::channel(2);
            let (taken, is_taken) = oneshot::channel();
            let replacement = Replacement { built, reporter: reporter.clone(), answers, taken: is_taken };
            let busy = || Failure::new(Of::Exporter, id, "is busy with one request for too long".to_owned());
            exporter.replacements.try_send(replacement).map_err(|_| busy())?;
            match timeout(self.deadline, answered.recv()).await {
                Ok(Some(Ok(()))) => {}
                Ok(Some(Err(reason))) => return Err(Failure::new(Of::Exporter, id, reason)),
                Ok(None) | Err(_) => return Err(busy()),
            }
            done.exporters.push(NewExporter { id: id.clone(), reporter, uses, answers: answered, taken });
        }
        let mut started = Vec::new();
        for (id, part) in &mut plan.parts.exporters {
            if let Some(gone) = self.live.leaving.remove(&(Kind::Exporter, id.clone())) {
                let _ = timeout(self.deadline, gone).await;
            }
            if let Err(reason) = part.component.exporter.start().await {
                let failure = Failure::new(Of::Exporter, id, reason);
                for id in started {
                    if let Some(part) = plan.parts.exporters.get_mut(&id) {
                        part.component.exporter.shutdown().await;
                    }
                }
                return Err(failure);
            }
            started.push(id.clone());
        }
        Ok(())
    }

    /// Everything as it was before [`exchange`](Self::exchange).
    async fn take_back(&mut self, mut plan: Plan, done: Exchanged) {
        for NewExporter { id, reporter, uses, mut answers, taken } in done.exporters {
            drop(taken);
            if let Ok(Some(Err(_))) = timeout(self.deadline, answers.recv()).await {
                self.settle(&id, reporter, uses);
            }
        }
        for mut old in done.extensions {
            if let Some(place) = self.live.extensions.iter().position(|one| one.id == old.id) {
                let mut new = self.live.extensions.remove(place);
                new.extension.stop().await;
                new.extension.shutdown();
            }
            match old.extension.start().await {
                Ok(()) => old.reporter.report(component::Status::Ok),
                Err(reason) => old.reporter.report(component::Status::PermanentError(reason)),
            }
            self.live.extensions.push(old);
        }
        for part in &mut plan.parts.extensions {
            part.component.shutdown();
        }
        drop(plan);
        self.push_down();
        self.board.show(self.live.layout());
    }

    /// Has an exporter that was put in the place of another of its id be the one that runs.
    fn settle(&mut self, id: &ComponentId, reporter: Reporter, uses: BTreeSet<String>) {
        if let Some(exporter) = self.live.exporters.get_mut(id) {
            (exporter.reporter, exporter.uses) = (reporter, uses);
        }
    }

    /// Ends extensions that are no more.
    async fn end_extensions(&mut self, plan: &Plan) {
        let (stay, go) = std::mem::take(&mut self.live.extensions)
            .into_iter()
            .partition(|one: &LiveExtension| plan.extensions.contains(&one.id));
        self.live.extensions = stay;
        for mut one in go {
            one.extension.stop().await;
            one.extension.shutdown();
        }
    }
}

/// What a reload does, for the log.
struct Summary {
    replaced: Vec<String>,
    added: Vec<String>,
}

impl Summary {
    fn of(plan: &Plan, live: &super::live::Live) -> Self {
        let mut summary = Self { replaced: Vec::new(), added: Vec::new() };
        let mut note = |known: bool, kind: Kind, id: &ComponentId| {
            if known { &mut summary.replaced } else { &mut summary.added }.push(format!("{kind} {id}"));
        };
        for part in &plan.parts.extensions {
            note(live.extensions.iter().any(|one| one.id == part.id), Kind::Extension, &part.id);
        }
        for id in plan.parts.exporters.keys() {
            note(live.exporters.contains_key(id), Kind::Exporter, id);
        }
        for (pipeline, id) in plan.parts.processors.keys() {
            let known = live.chains.get(pipeline).is_some_and(|chain| chain.steps.iter().any(|step| step.id == *id));
            note(known, Kind::Processor, id);
        }
        for id in plan.parts.receivers.keys() {
            note(live.receivers.contains_key(id), Kind::Receiver, id);
        }
        summary
    }

    fn log(&self) {
        info!(replaced = self.replaced.join(", "), added = self.added.join(", "), "configuration reloaded");
    }
}
