//! `service::pipelines`: which components are wired to which.

use std::collections::BTreeSet;

use component::config::{Entry, Faults, Section};
use component::{BuiltExporter, ComponentId, Connector, Processor, Receiver};

use super::document::{Entries, References, component_id};
use super::group::Group;

/// A checked pipeline: everything that it names is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pipeline {
    /// `signal[/name]`, which is spelt like a component's id.
    pub(crate) id: ComponentId,
    pub(crate) receivers: Vec<ComponentId>,
    pub(crate) processors: Vec<ComponentId>,
    pub(crate) exporters: Vec<ComponentId>,
    /// Connectors among its receivers.
    pub(crate) joined_from: Vec<ComponentId>,
    /// Connectors among its exporters.
    pub(crate) joined_to: Vec<ComponentId>,
}

/// What a pipeline may name.
pub(super) struct Configured<'a> {
    pub(super) receivers: &'a Group<Box<dyn Receiver>>,
    pub(super) processors: &'a Group<Box<dyn Processor>>,
    pub(super) exporters: &'a Group<BuiltExporter>,
    pub(super) connectors: &'a Group<Connector>,
}

/// All pipelines of `entries`, without the faulty ones.
pub(super) fn read(entries: &Entries, configured: &Configured<'_>, faults: &mut Faults) -> Vec<Pipeline> {
    let mut seen = BTreeSet::new();
    let mut pipelines = Vec::new();
    for entry in &entries.0 {
        let Some(id) = component_id(&entry.key, &entry.position, faults) else { continue };
        if id.component_type() != "metrics" {
            faults.add(&entry.position, refusal(&id));
        } else if seen.insert(id.clone()) {
            pipelines.push(pipeline(id, entry, configured, faults));
        } else {
            faults.add(&entry.position, format!("duplicate name \"{id}\" after trimming spaces"));
        }
    }
    pipelines
}

fn refusal(id: &ComponentId) -> String {
    match id.component_type() {
        signal @ ("traces" | "logs" | "profiles") => {
            format!("service::pipelines::{id}: this agent makes metrics only, remove this pipeline of {signal}")
        }
        signal => format!("service::pipelines::{id}: unknown signal {signal:?}, write metrics or metrics/NAME"),
    }
}

fn pipeline(id: ComponentId, entry: &Entry, configured: &Configured<'_>, faults: &mut Faults) -> Pipeline {
    let place = format!("service::pipelines::{id}");
    let [receivers, processors, exporters] = Section::read_node(Some(&entry.node), faults, |section| {
        let mut list = |key, doc| section.field(key, doc, References::default());
        let lists = [
            list("receivers", "ids of its receivers"),
            list("processors", "ids of its processors, in order"),
            list("exporters", "ids of its exporters"),
        ];
        if lists[0].0.is_empty() {
            section.fault_at("receivers", format!("{place}: must have at least one receiver"));
        }
        if lists[2].0.is_empty() {
            section.fault_at("exporters", format!("{place}: must have at least one exporter"));
        }
        lists
    });
    let connectors = &configured.connectors.declared;
    let (joined_from, receivers) = resolve_also(&place, &receivers, configured.receivers, connectors, faults);
    let (joined_to, exporters) = resolve_also(&place, &exporters, configured.exporters, connectors, faults);
    let processors = resolve(&place, &processors, configured.processors, faults);
    Pipeline { receivers, processors, exporters, joined_from, joined_to, id }
}

/// The ids in `references`, each of which must be in `group` and there once.
pub(super) fn resolve<T>(
    place: &str,
    references: &References,
    group: &Group<T>,
    faults: &mut Faults,
) -> Vec<ComponentId> {
    resolve_also(place, references, group, &BTreeSet::new(), faults).1
}

/// The ids in `references` that are among `connectors`, and the others, which must be in `group`; each once.
fn resolve_also<T>(
    place: &str,
    references: &References,
    group: &Group<T>,
    connectors: &BTreeSet<ComponentId>,
    faults: &mut Faults,
) -> (Vec<ComponentId>, Vec<ComponentId>) {
    let kind = group.kind;
    let mut ids: Vec<ComponentId> = Vec::new();
    for reference in &references.0 {
        let Some(id) = &reference.id else { continue };
        if ids.contains(id) {
            faults.add(&reference.position, format!("{place}: references {kind} \"{id}\" multiple times"));
        } else if group.declared.contains(id) || connectors.contains(id) {
            ids.push(id.clone());
        } else {
            let text = format!("{place}: references {kind} \"{id}\" which is not configured");
            faults.add(&reference.position, text);
        }
    }
    ids.into_iter().partition(|id| connectors.contains(id))
}
