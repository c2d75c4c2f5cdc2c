//! A checked configuration to components: all of them for a start, what is new or changed for a reload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use component::{
    BuildContext, Builder, BuiltExporter, ComponentId, Extension, Extensions, Observe, Processor, Receiver, Reporter,
};

use crate::config::{Config, Pipeline, Trees};
use crate::run::{Board, Phase, SHUTDOWN_DEADLINE};
use crate::{Failure, Kind};

/// Everything that is to run, made but not started.
pub struct Service {
    /// Longest time from the request to stop until all has ended; what is not delivered then is lost.
    pub shutdown_deadline: Duration,
    /// The span of the start, which ends when everything runs.
    pub starting: tracing::Span,
    /// Told of every phase that begins.
    pub phases: Box<dyn Fn(Phase) + Send>,
    pub(crate) plan: Plan,
    pub(crate) shared: Extensions,
    pub(crate) board: Arc<Board>,
    /// Whether the process has given up its rights.
    pub(crate) without_rights: bool,
}

/// What is to run: how it is wired, and the components that do not run yet.
pub(crate) struct Plan {
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) trees: Trees,
    /// All extensions in their order; those that run already are not among `parts`.
    pub(crate) extensions: Vec<ComponentId>,
    pub(crate) parts: Parts,
}

/// Components that have been made and wait for their places.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) extensions: Vec<Part<Box<dyn Extension>>>,
    pub(crate) receivers: BTreeMap<ComponentId, Part<Box<dyn Receiver>>>,
    /// By pipeline and id.
    pub(crate) processors: BTreeMap<(ComponentId, ComponentId), Part<Box<dyn Processor>>>,
    pub(crate) exporters: BTreeMap<ComponentId, Part<BuiltExporter>>,
}

/// One of them.
pub(crate) struct Part<T> {
    pub(crate) id: ComponentId,
    pub(crate) component: T,
    pub(crate) reporter: Reporter,
    /// Types of the extensions that it was made with.
    pub(crate) uses: BTreeSet<String>,
}

/// Whether a component runs already just as the configuration has it; a processor with its pipeline.
pub(crate) trait Runs {
    /// Of the component `id`.
    fn runs(&self, kind: Kind, id: &ComponentId, pipeline: Option<&ComponentId>) -> bool;
}

impl Config {
    /// Makes every component that a pipeline uses, and tells receivers what is wanted of them.
    ///
    /// # Errors
    /// Every component that could not be made.
    pub fn build(self) -> Result<Service, Vec<Failure>> {
        let mut shared = Extensions::default();
        let board = Arc::new(Board::default());
        board.set_own_metrics(self.own_metrics());
        let plan = self.plan(&mut shared, &board, &Nothing)?;
        crate::run::push_down_first(&plan, None);
        let starting = tracing::Span::none();
        let phases = Box::new(|_| {});
        let deadline = SHUTDOWN_DEADLINE;
        Ok(Service { shutdown_deadline: deadline, starting, phases, plan, shared, board, without_rights: false })
    }

    /// Makes what a pipeline uses and what does not run yet.
    pub(crate) fn plan(
        self,
        shared: &mut Extensions,
        board: &Arc<Board>,
        live: &impl Runs,
    ) -> Result<Plan, Vec<Failure>> {
        let service: Arc<dyn Observe> = board.clone();
        let mut building = Building { extensions: shared, service, failures: Vec::new() };
        let mut parts = Parts { extensions: building.extensions(&self.extensions, live), ..Parts::default() };
        // Whoever needs an extension that failed would only fail in other words.
        if !building.failures.is_empty() {
            return Err(building.failures);
        }
        for pipeline in &self.pipelines {
            let new = pipeline.processors.iter().filter(|id| !live.runs(Kind::Processor, id, Some(&pipeline.id)));
            for (id, processor) in building.all(Kind::Processor, &self.processors, new) {
                parts.processors.insert((pipeline.id.clone(), id), processor);
            }
        }
        let used = used(&self.pipelines, |pipeline| &pipeline.exporters);
        let new = used.iter().filter(|id| !live.runs(Kind::Exporter, id, None));
        parts.exporters = building.all(Kind::Exporter, &self.exporters, new).collect();
        let used = self::used(&self.pipelines, |pipeline| &pipeline.receivers);
        let new = used.iter().filter(|id| !live.runs(Kind::Receiver, id, None));
        parts.receivers = building.all(Kind::Receiver, &self.receivers, new).collect();
        if !building.failures.is_empty() {
            return Err(building.failures);
        }
        let extensions = self.extensions.iter().map(|(id, _)| id.clone()).collect();
        Ok(Plan { pipelines: self.pipelines, trees: self.trees, extensions, parts })
    }
}

impl Service {
    /// By which it is seen from outside, before, while and after it runs.
    #[must_use]
    pub fn observe(&self) -> Arc<dyn Observe> {
        self.board.clone()
    }
}

/// Nothing runs before the start.
struct Nothing;

impl Runs for Nothing {
    fn runs(&self, _kind: Kind, _id: &ComponentId, _pipeline: Option<&ComponentId>) -> bool {
        false
    }
}

struct Building<'a> {
    extensions: &'a mut Extensions,
    service: Arc<dyn Observe>,
    failures: Vec<Failure>,
}

impl Building<'_> {
    fn extensions(
        &mut self,
        builders: &[(ComponentId, Builder<Box<dyn Extension>>)],
        live: &impl Runs,
    ) -> Vec<Part<Box<dyn Extension>>> {
        let mut built = Vec::new();
        for (id, builder) in builders.iter().filter(|(id, _)| !live.runs(Kind::Extension, id, None)) {
            if let Some(extension) = self.one(Kind::Extension, id, builder) {
                let shared = extension.component.shared();
                self.extensions.insert(&id.to_string(), shared.clone());
                self.extensions.insert(id.component_type(), shared);
                built.push(extension);
            }
        }
        built
    }

    fn all<'i, T>(
        &mut self,
        kind: Kind,
        builders: &BTreeMap<ComponentId, Builder<T>>,
        ids: impl Iterator<Item = &'i ComponentId>,
    ) -> impl Iterator<Item = (ComponentId, Part<T>)> {
        let found = ids.filter_map(|id| builders.get_key_value(id));
        let built: Vec<_> =
            found.filter_map(|(id, builder)| Some((id.clone(), self.one(kind, id, builder)?))).collect();
        built.into_iter()
    }

    fn one<T>(&mut self, kind: Kind, id: &ComponentId, builder: &Builder<T>) -> Option<Part<T>> {
        let reporter = Reporter::default();
        self.extensions.take_asked();
        let context = BuildContext { id, extensions: self.extensions, status: &reporter, service: &self.service };
        match builder(&context) {
            Ok(component) => Some(Part { id: id.clone(), component, reporter, uses: self.extensions.take_asked() }),
            Err(reason) => {
                self.failures.push(Failure::new(kind, id, reason));
                None
            }
        }
    }
}

/// The ids that at least one pipeline names, each once.
fn used(pipelines: &[Pipeline], ids: impl Fn(&Pipeline) -> &Vec<ComponentId>) -> BTreeSet<ComponentId> {
    pipelines.iter().flat_map(ids).cloned().collect()
}
