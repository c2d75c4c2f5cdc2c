//! What a change makes of an attribute set, done once for each set.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use pdata::{Attribute, AttributeValue, Attributes, OwnAttributes, Process};

use crate::action::Action;
use crate::container::{CONTAINER_ID, container_id};

/// What is done to each set.
#[derive(Debug)]
pub(crate) enum Change {
    /// These, one after the other.
    Actions(Vec<Action>),
    /// The container of the set's process is told, where it is in one.
    Container,
}

impl Change {
    fn apply(&self, process: Option<&Arc<Process>>, attributes: &mut Vec<Attribute>) {
        match self {
            Self::Actions(actions) => actions.iter().for_each(|action| action.apply(attributes)),
            Self::Container => {
                let cgroup = process.and_then(|process| process.cgroup.as_deref());
                if let Some(id) = cgroup.and_then(container_id) {
                    attributes.retain(|(key, _)| *key != CONTAINER_ID);
                    attributes.push((CONTAINER_ID.into(), AttributeValue::Text(id.into())));
                }
            }
        }
    }
}

/// The change, and what it made of the sets that are known.
#[derive(Debug)]
pub(crate) struct Sets {
    change: Change,
    /// By address of the set that came, which its `Weak` keeps from being used again.
    made: HashMap<usize, (Weak<Attributes>, Arc<Attributes>)>,
    /// Parts beside the process, which the sets of all processes share.
    own: HashSet<OwnAttributes>,
    /// Number of sets at which those whose streams are gone are looked for.
    sweep_at: usize,
}

const SWEEP_MIN: usize = 1024;
const MOST_OWN: usize = 8192;

impl Sets {
    pub(crate) fn new(change: Change) -> Self {
        Self { change, made: HashMap::new(), own: HashSet::new(), sweep_at: SWEEP_MIN }
    }

    /// The set that the change makes of `set`.
    pub(crate) fn of(&mut self, set: &Arc<Attributes>) -> Arc<Attributes> {
        let address = Arc::as_ptr(set).addr();
        if let Some((_, made)) = self.made.get(&address) {
            return made.clone();
        }
        let made = self.make(set);
        self.made.insert(address, (Arc::downgrade(set), made.clone()));
        made
    }

    fn make(&mut self, set: &Arc<Attributes>) -> Arc<Attributes> {
        let before = set.to_vec();
        let mut after = before.clone();
        self.change.apply(set.process(), &mut after);
        if after == before {
            return set.clone();
        }
        // With both of its attributes it is still the process's, for filters to judge by.
        let identity = before.iter().take(if set.process().is_some() { 2 } else { 0 });
        let process = set.process().filter(|_| identity.into_iter().all(|attribute| after.contains(attribute)));
        if let Some(process) = process {
            after.retain(|(key, _)| *key != Attributes::PID && *key != Attributes::COMM);
            return Arc::new(Attributes::of_process(process.clone(), self.shared(OwnAttributes::of(after))));
        }
        Arc::new(Attributes::of(after))
    }

    fn shared(&mut self, own: OwnAttributes) -> OwnAttributes {
        if let Some(known) = self.own.get(&own) {
            return known.clone();
        }
        if self.own.len() == MOST_OWN {
            // Who has one keeps it; they are few where it matters.
            self.own.clear();
        }
        self.own.insert(own.clone());
        own
    }

    /// Drops what was made of sets that nobody has any more.
    ///
    /// Sweeping at twice the size that the last sweep left keeps the cost per set constant and the memory
    /// within twice the sets known.
    pub(crate) fn sweep(&mut self) {
        if self.made.len() >= self.sweep_at {
            // One that was left as it is holds itself.
            self.made.retain(|address, (set, made)| {
                let own = usize::from(Arc::as_ptr(made).addr() == *address);
                set.strong_count() > own
            });
            self.sweep_at = SWEEP_MIN.max(2 * self.made.len());
            self.made.shrink_to(self.sweep_at);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.made.len()
    }
}
