//! What pipelines let through, carried upstream to the receivers, through connectors too.

use std::collections::BTreeMap;
use std::sync::Arc;

use component::{ComponentId, Predicate};

use crate::config::Pipeline;

/// By pipeline: what its processors state, in their order.
pub(super) type Stated = BTreeMap<ComponentId, Vec<Arc<Predicate>>>;

/// The union of what the pipelines of `receiver` let through; `None` means every process.
pub(super) fn of_receiver(receiver: &ComponentId, pipelines: &[Pipeline], stated: &Stated) -> Option<Arc<Predicate>> {
    let fed = pipelines.iter().filter(|pipeline| pipeline.receivers.contains(receiver));
    any(fed.map(|pipeline| let_through(pipeline, pipelines, stated)))
}

/// What a pipeline and all that follows it let through. There is no circle, so this ends.
fn let_through(pipeline: &Pipeline, pipelines: &[Pipeline], stated: &Stated) -> Option<Arc<Predicate>> {
    let own = stated.get(&pipeline.id).into_iter().flatten();
    let mut every: Vec<_> = own.filter(|predicate| !matches!(***predicate, Predicate::All)).cloned().collect();
    if pipeline.exporters.is_empty() {
        let joined = |next: &&Pipeline| next.joined_from.iter().any(|connector| pipeline.joined_to.contains(connector));
        let following = pipelines.iter().filter(joined);
        every.extend(any(following.map(|next| let_through(next, pipelines, stated))));
    }
    (!every.is_empty()).then(|| Arc::new(Predicate::Every(every)))
}

fn any(wanted: impl Iterator<Item = Option<Arc<Predicate>>>) -> Option<Arc<Predicate>> {
    let wanted: Option<Vec<Arc<Predicate>>> = wanted.collect();
    wanted.map(|wanted| Arc::new(Predicate::Any(wanted)))
}
