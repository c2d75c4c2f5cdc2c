//! Which extensions run: the listed ones, and those that a receiver cannot do without.

use std::collections::BTreeSet;

use component::config::{Faults, Position};
use component::{Builder, ComponentId, Extension, ReceiverFactory};

use super::group::Group;
use super::pipelines::Pipeline;

/// Extension types that the receivers in use require.
pub(super) struct Required<'a> {
    types: BTreeSet<&'static str>,
    /// Where a fault is put: `service`, which lists extensions.
    place: &'a Position,
}

impl<'a> Required<'a> {
    pub(super) fn new(pipelines: &[Pipeline], factories: &[&'static ReceiverFactory], place: &'a Position) -> Self {
        let used: BTreeSet<&str> =
            pipelines.iter().flat_map(|pipeline| &pipeline.receivers).map(ComponentId::component_type).collect();
        let factories = factories.iter().filter(|factory| used.contains(factory.component_type));
        Self { types: factories.flat_map(|factory| factory.requires.iter().copied()).collect(), place }
    }

    /// The listed extensions, then the required ones: as they are configured, else with their defaults.
    pub(super) fn join(
        self,
        mut listed: Vec<ComponentId>,
        mut group: Group<Box<dyn Extension>>,
        faults: &mut Faults,
    ) -> Vec<(ComponentId, Builder<Box<dyn Extension>>)> {
        for required in self.types {
            let of_type = |id: &&ComponentId| id.component_type() == required;
            let mut candidates: Vec<ComponentId> = listed.iter().filter(of_type).cloned().collect();
            if candidates.is_empty() {
                candidates = group.declared.iter().filter(of_type).cloned().collect();
            }
            match candidates.as_slice() {
                [] => match (required.parse::<ComponentId>(), group.default_of(required, faults)) {
                    (Ok(id), Some(builder)) => {
                        group.builders.insert(id.clone(), builder);
                        listed.push(id);
                    }
                    _ => faults.add(self.place, format!("a receiver requires {required:?}, which is not built in")),
                },
                [one] if listed.contains(one) => {}
                [one] => listed.push(one.clone()),
                // Components find an extension by its type.
                _ => {
                    let text = format!("service::extensions: must list exactly one {required:?} extension");
                    faults.add(self.place, text);
                }
            }
        }
        listed.into_iter().filter_map(|id| group.builders.remove_entry(&id)).collect()
    }
}
