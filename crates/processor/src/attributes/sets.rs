//! What the actions make of an attribute set, done once for each set.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use pdata::{Attributes, OwnAttributes};

use crate::action::Action;

/// The actions, and what they made of the sets that are known.
#[derive(Debug)]
pub(super) struct Sets {
    actions: Vec<Action>,
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
    pub(super) fn new(actions: Vec<Action>) -> Self {
        Self { actions, made: HashMap::new(), own: HashSet::new(), sweep_at: SWEEP_MIN }
    }

    /// The set that the actions make of `set`.
    pub(super) fn of(&mut self, set: &Arc<Attributes>) -> Arc<Attributes> {
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
        for action in &self.actions {
            action.apply(&mut after);
        }
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
    pub(super) fn sweep(&mut self) {
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
    pub(super) fn len(&self) -> usize {
        self.made.len()
    }
}
