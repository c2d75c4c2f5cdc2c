//! What connectors join: both ends are in use, ids are clear, and nothing runs in a circle.

use std::collections::BTreeSet;

use component::ComponentId;
use component::config::{Entry, Faults, Position};

use super::document::{Entries, component_id};
use super::pipelines::Pipeline;
use crate::Kind;

/// The ids that `entries` declare, with their places; what is no id has been noted elsewhere.
fn declared<'e>(entries: &'e Entries) -> Vec<(ComponentId, &'e Position)> {
    let read =
        |Entry { key, position, .. }: &'e Entry| Some((component_id(key, position, &mut Faults::default())?, position));
    entries.0.iter().filter_map(read).collect()
}

/// Notes every connector whose id is a receiver's or an exporter's too.
pub(super) fn check_ids(connectors: &Entries, others: [(Kind, &BTreeSet<ComponentId>); 2], faults: &mut Faults) {
    for (id, position) in declared(connectors) {
        for (kind, _) in others.iter().filter(|(_, declared)| declared.contains(&id)) {
            let text = format!(
                "connectors::{id}: ambiguous ID: Found both \"{id}\" {kind} and \"{id}\" connector. Change one of the \
                 components' IDs to eliminate ambiguity (e.g. rename \"{id}\" connector to \"{id}/connector\")"
            );
            faults.add(position, text);
        }
    }
}

/// Notes every connector of which one end only is in use, and the first circle.
pub(super) fn check_use(connectors: &Entries, pipelines: &[Pipeline], faults: &mut Faults) {
    let declared = declared(connectors);
    for (id, position) in &declared {
        let users = |ids: fn(&Pipeline) -> &Vec<ComponentId>| {
            let users = pipelines.iter().filter(|pipeline| ids(pipeline).contains(id));
            users.map(|pipeline| pipeline.id.to_string()).collect::<Vec<_>>().join(" ")
        };
        let (to, from) = (users(|pipeline| &pipeline.joined_to), users(|pipeline| &pipeline.joined_from));
        let unused = |used: &str, pipelines: &str, other: &str| {
            let text = format!(
                "connector \"{id}\" used as {used} in [{pipelines}] pipeline but not used in any supported {other} pipeline"
            );
            Some(text)
        };
        let fault = match (to.is_empty(), from.is_empty()) {
            (false, true) => unused("exporter", &to, "receiver"),
            (true, false) => unused("receiver", &from, "exporter"),
            _ => None,
        };
        if let Some(text) = fault {
            faults.add(position, text);
        }
    }
    if let Some(circle) = circle(pipelines) {
        let place = declared.iter().find(|(id, _)| *id == circle.connector);
        if let Some((_, position)) = place {
            faults.add(position, circle.text);
        }
    }
}

struct Circle {
    connector: ComponentId,
    text: String,
}

/// The first circle that is met, from a connector on, in the Collector's words.
fn circle(pipelines: &[Pipeline]) -> Option<Circle> {
    let mut done = BTreeSet::new();
    (0..pipelines.len()).find_map(|start| search(pipelines, start, &mut Vec::new(), &mut done))
}

/// `path` are the pipelines on the way to `at`, each with the connector by which it is left.
fn search<'p>(
    pipelines: &'p [Pipeline],
    at: usize,
    path: &mut Vec<(usize, &'p ComponentId)>,
    done: &mut BTreeSet<usize>,
) -> Option<Circle> {
    if let Some(begin) = path.iter().position(|(pipeline, _)| *pipeline == at) {
        return Some(describe(pipelines, &path[begin..]));
    }
    if !done.insert(at) {
        return None;
    }
    for connector in &pipelines[at].joined_to {
        path.push((at, connector));
        let next = (0..pipelines.len()).filter(|next| pipelines[*next].joined_from.contains(connector));
        let found = next.collect::<Vec<_>>().into_iter().find_map(|next| search(pipelines, next, path, done));
        if found.is_some() {
            return found;
        }
        path.pop();
    }
    None
}

/// Begins with a connector, as the Collector does: the one by which the last pipeline is left.
fn describe(pipelines: &[Pipeline], path: &[(usize, &ComponentId)]) -> Circle {
    let name = |connector| format!("connector \"{connector}\" (metrics to metrics)");
    let connector = path.last().map_or(path[0].1, |(_, connector)| *connector);
    let mut words = vec![name(connector)];
    for (place, connector) in path {
        let Pipeline { id, processors, .. } = &pipelines[*place];
        words.extend(processors.iter().map(|processor| format!("processor \"{processor}\" in pipeline \"{id}\"")));
        words.push(name(connector));
    }
    Circle { connector: connector.clone(), text: format!("cycle detected: {}", words.join(" -> ")) }
}
