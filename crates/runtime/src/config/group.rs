//! The configured components of one kind: `receivers:`, `processors:` and so on.

use std::collections::{BTreeMap, BTreeSet};

use component::config::{Entry, Faults, Node, Section};
use component::{Builder, ComponentId, Factory};

use super::collector::{self, Answer};
use super::document::{Entries, component_id};
use crate::Kind;

/// The components of one kind that the configuration has.
pub(super) struct Group<T: 'static> {
    pub(super) kind: Kind,
    /// Also those that cannot be built: who refers to one is not told that it is missing.
    pub(super) declared: BTreeSet<ComponentId>,
    pub(super) builders: BTreeMap<ComponentId, Builder<T>>,
    /// Those that are accepted and left out: nothing is built of them.
    pub(super) left_out: BTreeSet<ComponentId>,
    /// What each says, by which a change is known.
    pub(super) nodes: BTreeMap<ComponentId, Node>,
    known: &'static [&'static Factory<T>],
}

impl<T> Group<T> {
    /// Reads every component of `entries`, which may have the types of `known`.
    pub(super) fn read(
        kind: Kind,
        known: &'static [&'static Factory<T>],
        entries: &Entries,
        faults: &mut Faults,
    ) -> Self {
        let mut group = Self {
            kind,
            declared: BTreeSet::new(),
            builders: BTreeMap::new(),
            left_out: BTreeSet::new(),
            nodes: BTreeMap::new(),
            known,
        };
        for entry in &entries.0 {
            let Some(id) = component_id(&entry.key, &entry.position, faults) else { continue };
            if !group.declared.insert(id.clone()) {
                faults.add(&entry.position, format!("duplicate name \"{id}\" after trimming spaces"));
            } else if let Some(factory) = group.find(&id, entry, faults) {
                let foreign = collector::keys(kind, factory.component_type);
                let builder = Section::read_beside(&foreign, Some(&entry.node), faults, factory.configure);
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

    /// The factory of the type of `id`; an older word for a type is a notice.
    fn find(&mut self, id: &ComponentId, entry: &Entry, faults: &mut Faults) -> Option<&'static Factory<T>> {
        let (kind, word) = (self.kind, id.component_type());
        if let Some(known) = self.known.iter().find(|known| known.component_type == word) {
            return Some(known);
        }
        if let Some(known) = self.known.iter().find(|known| known.alias == Some(word)) {
            let text = format!("{kind} type {word:?} is the older word for {:?}, use that", known.component_type);
            faults.notice(&entry.position, text);
            return Some(known);
        }
        let types: Vec<&str> = self.known.iter().map(|known| known.component_type).collect();
        match collector::answer(kind, word, &types) {
            Answer::LeftOut(text) => {
                faults.notice(&entry.position, text);
                self.left_out.insert(id.clone());
            }
            Answer::Refused(text) => faults.add(&entry.position, text),
        }
        None
    }
}
