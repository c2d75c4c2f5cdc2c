//! The configured components of one kind: `receivers:`, `processors:` and so on.

use std::collections::{BTreeMap, BTreeSet};

use component::config::{Entry, Faults, Node, Section, suggestion};
use component::{Builder, ComponentId, Factory};

use super::document::{Entries, component_id};
use crate::Kind;

type Configure<T> = fn(&mut Section<'_>) -> Builder<T>;

/// The components of one kind that the configuration has.
pub(super) struct Group<T: 'static> {
    pub(super) kind: Kind,
    /// Also those that cannot be built: who refers to one is not told that it is missing.
    pub(super) declared: BTreeSet<ComponentId>,
    pub(super) builders: BTreeMap<ComponentId, Builder<T>>,
    /// What each says, by which a change is known.
    pub(super) nodes: BTreeMap<ComponentId, Node>,
    known: &'static [&'static Factory<T>],
}

/// What reading components brings to light.
pub(super) struct Findings<'a> {
    pub(super) faults: &'a mut Faults,
    /// What is accepted but should be written another way.
    pub(super) notices: Faults,
}

impl<T> Group<T> {
    /// Reads every component of `entries`, which may have the types of `known`.
    pub(super) fn read(
        kind: Kind,
        known: &'static [&'static Factory<T>],
        entries: &Entries,
        findings: &mut Findings<'_>,
    ) -> Self {
        let mut group =
            Self { kind, declared: BTreeSet::new(), builders: BTreeMap::new(), nodes: BTreeMap::new(), known };
        for entry in &entries.0 {
            let Some(id) = component_id(&entry.key, &entry.position, findings.faults) else { continue };
            if !group.declared.insert(id.clone()) {
                findings.faults.add(&entry.position, format!("duplicate name \"{id}\" after trimming spaces"));
            } else if let Some(configure) = group.find(&id, entry, findings) {
                let builder = Section::read_node(Some(&entry.node), findings.faults, configure);
                group.nodes.insert(id.clone(), entry.node.clone());
                group.builders.insert(id, builder);
            }
        }
        group
    }

    /// Adds what each component says to `trees`.
    pub(super) fn trees(&self, trees: &mut super::Trees) {
        let nodes = self.nodes.iter();
        trees.extend(nodes.map(|(id, node)| ((self.kind, id.clone()), node.value.clone())));
    }

    /// The builder of the type `component_type` with its defaults.
    pub(super) fn default_of(&self, component_type: &str, faults: &mut Faults) -> Option<Builder<T>> {
        let known = self.known.iter().find(|known| known.component_type == component_type)?;
        Some(Section::read_node(None, faults, known.configure))
    }

    /// How components of the type of `id` are configured; an older word for a type is a notice.
    fn find(&self, id: &ComponentId, entry: &Entry, findings: &mut Findings<'_>) -> Option<Configure<T>> {
        let (kind, word) = (self.kind, id.component_type());
        if let Some(known) = self.known.iter().find(|known| known.component_type == word) {
            return Some(known.configure);
        }
        if let Some(known) = self.known.iter().find(|known| known.alias == Some(word)) {
            let text = format!("{kind} type {word:?} is the older word for {:?}, use that", known.component_type);
            findings.notices.add(&entry.position, text);
            return Some(known.configure);
        }
        let types: Vec<&str> = self.known.iter().map(|known| known.component_type).collect();
        findings.faults.add(&entry.position, format!("unknown {kind} type {word:?}{}", suggestion(word, &types)));
        None
    }
}
