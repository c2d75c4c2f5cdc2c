//! What the guide's form comes to: receivers, a filter, the page, and one pipeline through them.

use component::config::{Entry, Node, Section, Value};
use component::{ComponentId, Components};

use super::keys::{Guide, default_excluded};
use super::tree::{map, text, texts};

/// The tree to lay under the file's own sections.
pub(super) fn of(guide: &Guide, root: &Node, components: &Components) -> Node {
    let at = &guide.position;
    let own = own_exporters(root);
    let page_of_its_own = own.iter().any(|id| component_type(id) == "prometheus");
    let mut page: Vec<String> = own.iter().filter(|id| component_type(id) == "prometheus").cloned().collect();
    let push: Vec<String> = own.iter().filter(|id| component_type(id) != "prometheus").cloned().collect();
    if !page_of_its_own {
        page.push("prometheus".to_owned());
    }
    // The page takes labels itself: under the guide's names it has no attributes but the guide's.
    let labels_on_page = guide.labels.is_some() && has_const_labels(components);
    let exporter = map(
        at,
        vec![
            ("endpoint", Some(text(at, "localhost:8888"))),
            ("const_labels", guide.labels.clone().filter(|_| labels_on_page)),
        ],
    );
    let exporters = page.iter().map(|id| (id.as_str(), Some(exporter.clone()))).collect();
    let receivers: Vec<&str> = guide.receivers.iter().map(|(receiver, _)| *receiver).collect();
    let chain = |labelled: bool| {
        let labels = guide.labels.as_ref().filter(|_| labelled).map(|_| "attributes/labels");
        ["process_filter"].into_iter().chain(labels).collect::<Vec<_>>()
    };
    let pipeline = |chain: &[&str], exporters: &[String]| {
        map(
            at,
            vec![
                ("receivers", Some(texts(at, &receivers))),
                ("processors", Some(texts(at, chain))),
                ("exporters", Some(texts(at, exporters))),
            ],
        )
    };
    let pushed = (!push.is_empty()).then(|| pipeline(&chain(true), &push));
    let pipelines = vec![("metrics", Some(pipeline(&chain(!labels_on_page), &page))), ("metrics/push", pushed)];
    map(
        at,
        vec![
            ("extensions", Some(map(at, vec![("ebpf", Some(extension(guide)))]))),
            ("receivers", Some(all_receivers(guide))),
            (
                "processors",
                Some(processors(guide, guide.labels.as_ref().filter(|_| !labels_on_page || !push.is_empty()))),
            ),
            ("exporters", Some(map(at, exporters))),
            (
                "service",
                Some(map(
                    at,
                    vec![("extensions", Some(texts(at, &["ebpf"]))), ("pipelines", Some(map(at, pipelines)))],
                )),
            ),
        ],
    )
}

fn extension(guide: &Guide) -> Node {
    let keys = vec![
        ("btf_path", guide.btf_path.clone()),
        ("pin_path", guide.pin_path.clone()),
        ("sample_rate", guide.sample_rate.clone()),
    ];
    map(&guide.position, keys)
}

fn all_receivers(guide: &Guide) -> Node {
    let receivers = guide.receivers.iter();
    let body = |position| map(position, vec![("collection_interval", guide.interval.clone())]);
    map(&guide.position, receivers.map(|(receiver, position)| (*receiver, Some(body(position)))).collect())
}

fn processors(guide: &Guide, labels: Option<&Node>) -> Node {
    let at = &guide.position;
    let exclude = guide.exclude.clone().unwrap_or_else(|| texts(at, &default_excluded()));
    // Whoever takes the agent out of the list wants to see it.
    let with_itself = (!guide.excludes_agent).then(|| Node::new(exclude.position.clone(), Value::Bool(false)));
    let filter =
        map(at, vec![("include", guide.include.clone()), ("exclude", Some(exclude)), ("exclude_self", with_itself)]);
    let labels = labels.map(|labels| map(&labels.position, vec![("actions", Some(actions(labels)))]));
    map(at, vec![("process_filter", Some(filter)), ("attributes/labels", labels)])
}

/// One action for every label: it is added where there is no attribute of that name.
fn actions(labels: &Node) -> Node {
    let Value::Map(entries) = &labels.value else { return labels.clone() };
    let action = |entry: &Entry| {
        let at = &entry.position;
        // A label is text, whatever it looks like.
        let value = entry.node.text().map_or_else(|| entry.node.clone(), |label| text(&entry.node.position, label));
        let key = text(at, &entry.key);
        map(at, vec![("key", Some(key)), ("value", Some(value)), ("action", Some(text(at, "insert")))])
    };
    Node::new(labels.position.clone(), Value::List(entries.iter().map(action).collect()))
}

/// Ids of the exporters that the file itself has.
fn own_exporters(root: &Node) -> Vec<String> {
    match root.get("exporters").map(|entry| &entry.node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.clone()).collect(),
        _ => Vec::new(),
    }
}

fn component_type(id: &str) -> String {
    id.parse().map_or_else(|_| id.to_owned(), |id: ComponentId| id.component_type().to_owned())
}

fn has_const_labels(components: &Components) -> bool {
    let page = components.exporters.iter().find(|factory| factory.component_type == "prometheus");
    page.is_some_and(|page| Section::describe(page.configure).iter().any(|key| key.path == "const_labels"))
}
