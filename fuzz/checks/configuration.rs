//! What must hold of any text that is to be a configuration.

use std::io;
use std::path::Path;

use component::config::Configuration as _;
use component::config::{Fault, Node, Section, Value};
use component::{
    BoxFuture, Builder, Components, Output, QueueConfig, Receiver, ReceiverFactory, RetryConfig, Shutdown, Stability,
    read_temporality,
};
use runtime::{Config, Environment, Loading, Source};

/// Components that read nothing but their keys, as many kinds of these as there are.
static COMPONENTS: Components = Components {
    receivers: &[&NOTHING],
    processors: &[
        &processor::process_filter::FACTORY,
        &processor::filter::FACTORY,
        &processor::interval::FACTORY,
        &processor::resource::FACTORY,
        &processor::attributes::FACTORY,
        &processor::cardinality::FACTORY,
        &processor::memory_limiter::FACTORY,
    ],
    exporters: &[&exporter_debug::FACTORY],
    connectors: &[&processor::forward::FACTORY],
    extensions: &[],
};

static NOTHING: ReceiverFactory = ReceiverFactory {
    component_type: "nothing",
    alias: Some("nought"),
    stability: Stability::Stable,
    summary: "reads keys of every kind, and nothing else",
    requires: &[],
    configure: |section: &mut Section<'_>| -> Builder<Box<dyn Receiver>> {
        let temporality = read_temporality(section);
        let queue = section.section("sending_queue", QueueConfig::read);
        queue.check(temporality, section);
        section.section("retry_on_failure", RetryConfig::read);
        Box::new(|_| Ok(Box::new(Nothing)))
    },
};

struct Nothing;

impl Receiver for Nothing {
    fn run(self: Box<Self>, _: Output, _: Shutdown) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A text as the one file, and as every other; names and values of variables in turn.
struct Made<'t> {
    file: &'t str,
    variables: Vec<(&'t str, &'t str)>,
}

impl Environment for Made<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        if path == Path::new(FILE) { Ok(self.file.to_owned()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

const FILE: &str = "f.yaml";

/// A text is read or its faults have places in it; what is taken is printed as the same configuration.
pub(crate) fn configuration(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (tree, faults) = runtime::read_tree(text, FILE);
    assert!(tree.is_some() || !faults.is_empty(), "neither a tree nor a fault");
    have_places(&faults, text);
    let Ok(config) = load(text) else { return };
    let printed = config.print(&COMPONENTS);
    let again = load(&printed).unwrap_or_else(|faults| panic!("{faults:?} of\n{printed}"));
    assert_eq!(meaning(&again.print(&COMPONENTS)), meaning(&printed), "printed once more it is another");
}

/// A text without comments and places.
fn meaning(text: &str) -> String {
    let (tree, faults) = runtime::read_tree(text, FILE);
    assert!(faults.is_empty(), "{faults:?} of\n{text}");
    tree.as_ref().map(show).unwrap_or_default()
}

fn show(node: &Node) -> String {
    match &node.value {
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(",")),
        Value::Map(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|entry| format!("{:?}:{}", entry.key, show(&entry.node))).collect();
            format!("{{{}}}", entries.join(","))
        }
        scalar => format!("{scalar:?}"),
    }
}

fn load(text: &str) -> Result<Config, Vec<Fault>> {
    let keep = |root: Node, _: &Components, _: &dyn Environment, _: &mut component::config::Faults| root;
    let environment = Made { file: text, variables: Vec::new() };
    let loading = Loading { environment: &environment, translate: keep };
    let config = Config::load_with(&[Source::File(FILE.into())], &COMPONENTS, loading);
    config.inspect_err(|faults| have_places(faults, text))
}

/// References are replaced within bounds; the text up to the first byte 1 is the tree, names and values follow.
pub(crate) fn expansion(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut parts = text.split('\u{1}');
    let (file, rest) = (parts.next().unwrap_or_default(), parts.collect::<Vec<_>>());
    let variables = rest.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let (Some(tree), _) = runtime::read_tree(file, FILE) else { return };
    let before = size(&tree);
    let (tree, faults) = runtime::expand_tree(tree, &Made { file, variables });
    have_places(&faults, file);
    // Eight times what references may bring in, since each brings a value and how it is written.
    assert!(size(&tree) <= before + (64 << 20), "{before} became {}", size(&tree));
}

fn size(node: &Node) -> usize {
    let origin = node.origin.as_ref().and_then(|origin| origin.text.as_ref()).map_or(0, String::len);
    origin
        + match &node.value {
            Value::Text(text) => text.len(),
            Value::List(items) => items.iter().map(size).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.key.len() + size(&entry.node)).sum(),
            _ => 1,
        }
}

fn have_places(faults: &[Fault], text: &str) {
    let lines = text.split(['\n', '\r']).count();
    for fault in faults {
        let place = &fault.position;
        assert!((1..=lines + 1).contains(&place.line) && place.column > 0, "{fault} of {lines} lines");
        assert!(!fault.text.contains('\n'), "more than a line: {fault}");
    }
}
