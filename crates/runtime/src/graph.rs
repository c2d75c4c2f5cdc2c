//! A checked configuration to components, each made once and wired by index.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use component::{
    BuildContext, Builder, BuiltExporter, ComponentId, Extension, Extensions, Predicate, Processor, Receiver,
};

use crate::config::{Config, Pipeline};
use crate::run::SHUTDOWN_DEADLINE;
use crate::{Failure, Kind};

/// Everything that runs, made and wired but not started.
pub struct Service {
    /// Longest time from the request to stop until all has ended; what is not delivered then is lost.
    pub shutdown_deadline: Duration,
    pub(crate) extensions: Vec<(ComponentId, Box<dyn Extension>)>,
    pub(crate) receivers: Vec<ReceiverNode>,
    pub(crate) pipelines: Vec<PipelineNode>,
    pub(crate) exporters: Vec<(ComponentId, BuiltExporter)>,
}

/// A receiver and the indices of the pipelines that it feeds.
pub(crate) struct ReceiverNode {
    pub(crate) id: ComponentId,
    pub(crate) receiver: Box<dyn Receiver>,
    pub(crate) pipelines: Vec<usize>,
}

/// A pipeline with its own processors, and the indices of its exporters.
pub(crate) struct PipelineNode {
    pub(crate) id: ComponentId,
    pub(crate) processors: Vec<Box<dyn Processor>>,
    pub(crate) exporters: Vec<usize>,
}

impl Config {
    /// Makes every component that a pipeline uses, and tells receivers what is wanted of them.
    ///
    /// # Errors
    /// Every component that could not be made.
    pub fn build(self) -> Result<Service, Vec<Failure>> {
        let mut building = Building { extensions: Extensions::default(), failures: Vec::new() };
        let extensions = building.extensions(&self.extensions);
        // Whoever needs an extension that failed would only fail in other words.
        if !building.failures.is_empty() {
            return Err(building.failures);
        }
        let exporter_ids = used(&self.pipelines, |pipeline| &pipeline.exporters);
        let mut pipelines = Vec::new();
        for pipeline in &self.pipelines {
            let processors = building.all(Kind::Processor, &self.processors, &pipeline.processors);
            pipelines.push(PipelineNode {
                id: pipeline.id.clone(),
                processors: processors.into_iter().map(|(_, processor)| processor).collect(),
                exporters: indices(&exporter_ids, |id| pipeline.exporters.contains(id)),
            });
        }
        let exporters = building.all(Kind::Exporter, &self.exporters, &exporter_ids);
        let mut receivers = Vec::new();
        let receiver_ids = used(&self.pipelines, |pipeline| &pipeline.receivers);
        for (id, receiver) in building.all(Kind::Receiver, &self.receivers, &receiver_ids) {
            let fed = indices(&self.pipelines, |pipeline| pipeline.receivers.contains(&id));
            receivers.push(ReceiverNode { id, receiver, pipelines: fed });
        }
        if !building.failures.is_empty() {
            return Err(building.failures);
        }
        push_down(&mut receivers, &pipelines);
        Ok(Service { shutdown_deadline: SHUTDOWN_DEADLINE, extensions, receivers, pipelines, exporters })
    }
}

struct Building {
    extensions: Extensions,
    failures: Vec<Failure>,
}

impl Building {
    fn extensions(
        &mut self,
        builders: &[(ComponentId, Builder<Box<dyn Extension>>)],
    ) -> Vec<(ComponentId, Box<dyn Extension>)> {
        let mut built = Vec::new();
        for (id, builder) in builders {
            if let Some(extension) = self.one(Kind::Extension, id, builder) {
                let shared = extension.shared();
                self.extensions.insert(&id.to_string(), shared.clone());
                self.extensions.insert(id.component_type(), shared);
                built.push((id.clone(), extension));
            }
        }
        built
    }

    fn all<T>(
        &mut self,
        kind: Kind,
        builders: &BTreeMap<ComponentId, Builder<T>>,
        ids: &[ComponentId],
    ) -> Vec<(ComponentId, T)> {
        let found = ids.iter().filter_map(|id| builders.get_key_value(id));
        found.filter_map(|(id, builder)| Some((id.clone(), self.one(kind, id, builder)?))).collect()
    }

    fn one<T>(&mut self, kind: Kind, id: &ComponentId, builder: &Builder<T>) -> Option<T> {
        let context = BuildContext { id, extensions: &self.extensions };
        builder(&context).map_err(|reason| self.failures.push(Failure::new(kind, id, reason))).ok()
    }
}

/// The ids that at least one pipeline names, each once.
fn used(pipelines: &[Pipeline], ids: impl Fn(&Pipeline) -> &Vec<ComponentId>) -> Vec<ComponentId> {
    let mut used: Vec<ComponentId> = pipelines.iter().flat_map(ids).cloned().collect();
    used.sort();
    used.dedup();
    used
}

fn indices<T>(list: &[T], is: impl Fn(&T) -> bool) -> Vec<usize> {
    list.iter().enumerate().filter(|(_, item)| is(item)).map(|(index, _)| index).collect()
}

/// Gives each receiver the union of what its pipelines let through, where that is less than all.
fn push_down(receivers: &mut [ReceiverNode], pipelines: &[PipelineNode]) {
    for node in receivers {
        let wanted: Option<Vec<Arc<Predicate>>> =
            node.pipelines.iter().map(|index| let_through(&pipelines[*index])).collect();
        if let Some(wanted) = wanted {
            node.receiver.push_down(Arc::new(Predicate::Any(wanted)));
        }
    }
}

/// What all processors of a pipeline let through; `None` means every process.
fn let_through(pipeline: &PipelineNode) -> Option<Arc<Predicate>> {
    let stated = pipeline.processors.iter().filter_map(|processor| processor.predicate());
    let every: Vec<_> = stated.filter(|predicate| !matches!(**predicate, Predicate::All)).collect();
    (!every.is_empty()).then(|| Arc::new(Predicate::Every(every)))
}
