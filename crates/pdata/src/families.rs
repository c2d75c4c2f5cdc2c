//! Something about every metric of every source, found by what they are called.
//!
//! Receivers share their `Arc`s, so a pointer nearly always decides; what came over the wire is compared by content.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::{Descriptor, MetricKey, Resource, Scope};

/// A `F` for every metric that was asked for.
#[derive(Debug)]
pub(crate) struct Families<F> {
    list: Vec<Family<F>>,
    /// Positions in `list`.
    index: HashTable<u32>,
}

/// One metric of one source.
#[derive(Debug)]
pub(crate) struct Family<F> {
    pub(crate) resource: Arc<Resource>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) hash: u64,
    pub(crate) value: F,
}

/// Where metrics come from; the hash is made once for all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) resource: &'a Arc<Resource>,
    pub(crate) scope: &'a Arc<Scope>,
    hash: u64,
}

impl<'a> Origin<'a> {
    pub(crate) fn new(resource: &'a Arc<Resource>, scope: &'a Arc<Scope>) -> Self {
        let mut hasher = DefaultHasher::new();
        (resource, scope).hash(&mut hasher);
        Self { resource, scope, hash: hasher.finish() }
    }

    pub(crate) fn hash_of(&self, descriptor: &Descriptor) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.hash, &descriptor.name, &descriptor.unit).hash(&mut hasher);
        hasher.finish()
    }
}

impl<F> Default for Families<F> {
    fn default() -> Self {
        Self { list: Vec::new(), index: HashTable::new() }
    }
}

impl<F> Families<F> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Family<F>> {
        self.list.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Family<F>> {
        self.list.iter_mut()
    }

    pub(crate) fn get(&self, source: Origin<'_>, descriptor: &Arc<Descriptor>) -> Option<&Family<F>> {
        self.position(source, descriptor, source.hash_of(descriptor)).map(|position| &self.list[position])
    }

    pub(crate) fn get_mut(&mut self, source: Origin<'_>, descriptor: &Arc<Descriptor>) -> Option<&mut F> {
        let position = self.position(source, descriptor, source.hash_of(descriptor))?;
        Some(&mut self.list[position].value)
    }

    /// The one that had this key when it was made.
    pub(crate) fn find(&self, MetricKey { resource, scope, descriptor, hash }: &MetricKey) -> Option<&Family<F>> {
        // The hash of the origin is in that of the metric.
        let source = Origin { resource, scope, hash: 0 };
        self.position(source, descriptor, *hash).map(|position| &self.list[position])
    }

    /// Keeps those that `keep` says yes to.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Family<F>) -> bool) {
        let before = self.list.len();
        self.list.retain(keep);
        if self.list.len() < before {
            self.index.clear();
            for position in 0..self.list.len() {
                self.note(position);
            }
        }
    }

    fn position(&self, source: Origin<'_>, descriptor: &Arc<Descriptor>, hash: u64) -> Option<usize> {
        let is_it = |position: &u32| {
            let family = &self.list[*position as usize];
            family.hash == hash
                && same(&family.descriptor, descriptor)
                && same(&family.scope, source.scope)
                && same(&family.resource, source.resource)
        };
        self.index.find(hash, is_it).map(|position| *position as usize)
    }

    fn note(&mut self, position: usize) {
        let list = &self.list;
        // Four billion metrics would not fit in memory.
        let at = u32::try_from(position).unwrap_or(u32::MAX);
        self.index.insert_unique(list[position].hash, at, |position| list[*position as usize].hash);
    }
}

impl<F: Default> Families<F> {
    /// What is known of a metric, made anew where nothing is.
    pub(crate) fn of(&mut self, source: Origin<'_>, descriptor: &Arc<Descriptor>) -> &mut F {
        let hash = source.hash_of(descriptor);
        let position = self.position(source, descriptor, hash).unwrap_or_else(|| {
            let (resource, scope, descriptor) = (source.resource.clone(), source.scope.clone(), descriptor.clone());
            self.list.push(Family { resource, scope, descriptor, hash, value: F::default() });
            self.note(self.list.len() - 1);
            self.list.len() - 1
        });
        &mut self.list[position].value
    }
}

/// Equal content; sources share their `Arc`s, so the pointer nearly always decides.
pub(crate) fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(name: &str) -> Arc<Descriptor> {
        Arc::new(Descriptor { name: name.to_owned().into(), ..Descriptor::default() })
    }

    #[test]
    fn ten_thousand_metrics_are_found_by_content_and_those_that_stay_are_found_again() {
        let scope = Arc::new(Scope::new("s", "0"));
        let mut families = Families::<u32>::default();
        for round in 0..2 {
            for id in 0..10_000 {
                let resource = Arc::new(Resource::default());
                let value = families.of(Origin::new(&resource, &scope), &descriptor(&id.to_string()));
                assert_eq!(*value, round);
                *value += 1;
            }
        }
        assert_eq!(families.iter().count(), 10_000);
        families.retain(|family| family.descriptor.name.ends_with('7'));
        let resource = Arc::new(Resource::default());
        let source = Origin::new(&resource, &scope);
        assert_eq!(families.get(source, &descriptor("97")).map(|family| family.value), Some(2));
        assert!(families.get(source, &descriptor("98")).is_none());
        assert_eq!(families.iter().count(), 1000);
    }
}
