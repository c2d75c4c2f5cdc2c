//! The component with one key of every type: tests/e2e/collector/probe.go has the same.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use component::config::{Faults, Field, Node, Section, Value as Yaml};
use component::{
    BuildContext, Builder, BuiltExporter, Components, Connector, ConnectorFactory, ExporterFactory, Extension,
    ExtensionFactory, Factory, Processor, ProcessorFactory, Receiver, ReceiverFactory, Stability,
};
use serde_json::{Map, Value, json};

thread_local! {
    /// What each probe was built with, by kind and id.
    static SEEN: RefCell<Map<String, Value>> = RefCell::default();
}

/// The components of the cases.
pub(crate) static COMPONENTS: Components = Components {
    receivers: &[&RECEIVER],
    processors: &[&PROCESSOR],
    exporters: &[&EXPORTER, &exporter_otlp::FACTORY, &exporter_otlp::HTTP_FACTORY],
    connectors: &[&processor::forward::FACTORY, &CONNECTOR],
    extensions: &[&EXTENSION],
};

static RECEIVER: ReceiverFactory = factory(|section| refusing::<Box<dyn Receiver>>("receivers", section));
static PROCESSOR: ProcessorFactory = factory(|section| refusing::<Box<dyn Processor>>("processors", section));
static EXPORTER: ExporterFactory = factory(|section| refusing::<BuiltExporter>("exporters", section));
static CONNECTOR: ConnectorFactory = factory(|section| refusing::<Connector>("connectors", section));
static EXTENSION: ExtensionFactory = factory(extension);

/// What was seen since the last call.
pub(crate) fn seen() -> Map<String, Value> {
    SEEN.take()
}

const fn factory<T>(configure: fn(&mut Section<'_>) -> Builder<T>) -> Factory<T> {
    let (component_type, summary) = ("probe", "one key of every type");
    Factory { component_type, alias: None, stability: Stability::Stable, summary, requires: &[], configure }
}

/// Nothing has to run: that it is built is enough to know what with.
fn refusing<T>(kind: &'static str, section: &mut Section<'_>) -> Builder<T> {
    let read = read(section);
    Box::new(move |context| {
        note(kind, context, &read);
        Err("a probe".to_owned())
    })
}

fn extension(section: &mut Section<'_>) -> Builder<Box<dyn Extension>> {
    let read = read(section);
    Box::new(move |context| {
        note("extensions", context, &read);
        Ok(Box::new(Idle))
    })
}

struct Idle;

impl Extension for Idle {
    fn shared(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::new(())
    }
}

fn note(kind: &str, context: &BuildContext<'_>, read: &Value) {
    SEEN.with_borrow_mut(|seen| {
        let of_kind = seen.entry(kind).or_insert_with(|| json!({}));
        of_kind[context.id.to_string()] = read.clone();
    });
}

/// What differs from the defaults.
fn read(section: &mut Section<'_>) -> Value {
    let seconds = Duration::from_secs;
    let list = |words: Vec<String>| if words.is_empty() { Value::Null } else { json!(words) };
    let map = |map: BTreeMap<String, String>| if map.is_empty() { Value::Null } else { json!(map) };
    let read = json!({
        "text": section.field("text", "", String::from("default")),
        "count": section.field("count", "", 7_u64),
        "ratio": section.field("ratio", "", 0.0_f64),
        "switch": section.field("switch", "", true),
        "wait": nanoseconds(section.field("wait", "", seconds(15))),
        "words": list(section.field("words", "", vec!["a".to_owned(), "b".to_owned()])),
        "counts": section.field::<Vec<u64>>("counts", "", vec![]),
        "table": map(section.field("table", "", BTreeMap::new())),
        "secret": section.secret("secret", "", String::new()),
        "secrets": map(section.secret("secrets", "", BTreeMap::new())),
        "nested": section.section("nested", |nested| json!({
            "text": nested.field("text", "", String::from("inner")),
            "wait": nanoseconds(nested.field("wait", "", seconds(1))),
        })),
        "any": section.field("any", "", Anything(Value::Null)).0,
    });
    without_defaults(read)
}

fn without_defaults(read: Value) -> Value {
    let defaults = json!({
        "text": "default", "count": 7, "ratio": 0.0, "switch": true, "wait": 15_000_000_000_u64, "words": ["a", "b"],
        "counts": [], "table": null, "secret": "", "secrets": null, "nested": {"text": "inner", "wait": 1_000_000_000_u64},
        "any": null,
    });
    let Value::Object(read) = read else { panic!("{read}") };
    read.into_iter().filter(|(key, value)| defaults[key] != *value).collect::<Map<_, _>>().into()
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap()
}

/// Whatever stands there.
struct Anything(Value);

impl Field for Anything {
    const TYPE: &'static str = "anything";

    fn parse(node: &Node, _: &mut Faults) -> Option<Self> {
        Some(Self(json_of(node)))
    }

    fn show(&self) -> String {
        String::new()
    }
}

/// A tree as JSON.
pub(crate) fn json_of(node: &Node) -> Value {
    match &node.value {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => json!(truth),
        Yaml::Int(number) => json!(number),
        Yaml::Float(number) => json!(number),
        Yaml::Text(text) => json!(text),
        Yaml::List(items) => items.iter().map(json_of).collect(),
        Yaml::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.node))).collect(),
    }
}
