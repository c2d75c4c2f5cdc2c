//! `service::telemetry`: the agent's own log, and where its own traces and metrics go, in the Collector's form.
//!
//! What comes out is plain data: who makes spans and requests of it is the agent's business.

use std::collections::BTreeMap;
use std::time::Duration;

use component::config::{Configuration, Entry, Faults, Field, Node, Section, Shape, Value};
use pdata::Temporality;

use super::document::Logs;
use super::target::Target;

/// Where the agent's own traces and metrics go: `service::telemetry`.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// What it says of itself; `None` takes a default away.
    pub resource: BTreeMap<String, Option<String>>,
    /// Who gets its spans; nobody means that there are none.
    pub traces: Vec<Batching>,
    /// Who gets its figures.
    pub metrics: Vec<Periodic>,
}

/// A way out for spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batching {
    /// Where they go.
    pub target: Target,
    /// How long a span waits at most for others.
    pub delay: Duration,
    /// Most spans that wait.
    pub queue_size: usize,
    /// Most spans of a request.
    pub batch_size: usize,
}

/// A way out for figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Periodic {
    /// Where they go.
    pub target: Target,
    /// Time between two requests.
    pub interval: Duration,
    /// What totals leave as.
    pub temporality: Temporality,
}

/// The section `service::telemetry`.
pub(super) struct Keys {
    pub(super) logs: Logs,
    pub(super) own_metrics: bool,
    pub(super) telemetry: Telemetry,
}

impl Configuration for Keys {
    fn read(section: &mut Section<'_>) -> Self {
        let logs = section.section("logs", Logs::read);
        let levels = [("normal", true), ("basic", true), ("detailed", true), ("none", false)];
        let (own_metrics, readers) = section.section("metrics", |metrics| {
            let doc = "none: no figures of the agent itself; all others are alike";
            let wanted = metrics.choice("level", doc, &levels);
            let readers: Vec<Reader> =
                metrics.field("readers", "who gets them besides every prometheus page, by OTLP", Vec::new());
            (wanted, readers)
        });
        let traces = section.section("traces", |traces| {
            let levels = [("basic", true), ("normal", true), ("detailed", true), ("none", false)];
            let wanted = traces.choice("level", "none: no traces of the agent itself; all others are alike", &levels);
            let processors: Vec<Batching> = traces.field("processors", "who gets them, by OTLP", Vec::new());
            if wanted { processors } else { Vec::new() }
        });
        let resource: BTreeMap<String, Attribute> = section.field(
            "resource",
            "attributes of the agent's own traces and metrics; null takes one away",
            BTreeMap::new(),
        );
        let resource = resource.into_iter().map(|(key, Attribute(value))| (key, value)).collect();
        let metrics = readers.into_iter().filter_map(|Reader(periodic)| periodic);
        let metrics = if own_metrics { metrics.collect() } else { Vec::new() };
        Self { logs, own_metrics, telemetry: Telemetry { resource, traces, metrics } }
    }
}

impl Field for Batching {
    const TYPE: &'static str = "a map";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        Section::read_node(Some(node), faults, read_batching)
    }

    fn show(&self) -> String {
        "{batch: ...}".to_owned()
    }

    fn shape() -> Shape {
        Shape::Section(Section::describe(read_batching))
    }
}

fn read_batching(section: &mut Section<'_>) -> Option<Batching> {
    section.refuse("simple", "\"simple\" is not supported: spans leave in batches; write batch");
    if !section.has("simple") {
        require(section, "batch");
    }
    section.section("batch", |batch| {
        let delay = millis(batch, "schedule_delay", "milliseconds that a span waits at most for others", 5_000);
        let queue_size = number(batch, "max_queue_size", "most spans that wait; further ones are dropped", 2_048);
        let batch_size = number(batch, "max_export_batch_size", "most spans of a request", 512);
        let text = "\"export_timeout\" of the Collector has no effect here: the timeout of otlp is what counts";
        batch.ignore("export_timeout", text);
        let target = read_exporter(batch, "/v1/traces", |_| {})?.0;
        Some(Batching { target, delay, queue_size, batch_size })
    })
}

/// A reader; `None` is one that has nothing to do.
struct Reader(Option<Periodic>);

impl Field for Reader {
    const TYPE: &'static str = "a map";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        Section::read_node(Some(node), faults, |section| {
            let pull = section.has("pull");
            section.ignore("pull", "\"pull\" of the Collector has no effect here: these figures stand on the page of every prometheus exporter");
            if pull && !section.has("periodic") {
                return Some(Self(None));
            }
            read_periodic(section).map(|periodic| Self(Some(periodic)))
        })
    }

    fn show(&self) -> String {
        "{periodic: ...}".to_owned()
    }

    fn shape() -> Shape {
        Shape::Either(vec![Shape::Section(Section::describe(read_periodic)), Shape::Map(Box::new(Shape::Any))])
    }
}

fn read_periodic(section: &mut Section<'_>) -> Option<Periodic> {
    require(section, "periodic");
    section.section("periodic", |periodic| {
        let interval = millis(periodic, "interval", "milliseconds between two requests", 60_000);
        let text = "\"timeout\" of the Collector has no effect here: the timeout of otlp is what counts";
        periodic.ignore("timeout", text);
        let temporality = |otlp: &mut Section<'_>| {
            let words = [("cumulative", Temporality::Cumulative), ("delta", Temporality::Delta)];
            let text = "\"default_histogram_aggregation\" of the Collector has no effect here: there are no histograms";
            otlp.ignore("default_histogram_aggregation", text);
            otlp.choice("temporality_preference", "what totals leave as", &words)
        };
        let (target, temporality) = read_exporter(periodic, "/v1/metrics", temporality)?;
        Some(Periodic { target, interval, temporality })
    })
}

/// The section `exporter`, with what `beside` reads of its `otlp`.
fn read_exporter<T>(
    section: &mut Section<'_>,
    path: &str,
    beside: impl FnOnce(&mut Section<'_>) -> T,
) -> Option<(Target, T)> {
    require(section, "exporter");
    section.section("exporter", |exporter| {
        exporter.refuse("console", "\"console\" is not supported: write otlp");
        if !exporter.has("console") {
            require(exporter, "otlp");
        }
        exporter.section("otlp", |otlp| {
            let beside = beside(otlp);
            Target::read(otlp, path).map(|target| (target, beside))
        })
    })
}

/// Notes that `key` is missing, where the section it belongs to is there.
fn require(section: &mut Section<'_>, key: &str) {
    if section.is_given() && !section.has(key) {
        section.fault_at(key, format!("must have {key}"));
    }
}

/// A time as the Collector writes it here, and nowhere else: a whole number of milliseconds.
pub(super) fn millis(section: &mut Section<'_>, key: &'static str, doc: &'static str, default: u64) -> Duration {
    Duration::from_millis(number(section, key, doc, default).try_into().unwrap_or(u64::MAX))
}

fn number(section: &mut Section<'_>, key: &'static str, doc: &'static str, default: u64) -> usize {
    let number: u32 = section.field(key, doc, u32::try_from(default).unwrap_or(u32::MAX));
    if number == 0 {
        section.fault_at(key, "must be greater than 0");
    }
    number as usize
}

/// The value of an attribute of the resource, as text.
struct Attribute(Option<String>);

impl Field for Attribute {
    const TYPE: &'static str = "a value or null";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        Some(Self(match node.value {
            Value::Null => None,
            Value::Int(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Bool(truth) => Some(truth.to_string()),
            _ => Some(String::parse(node, faults)?),
        }))
    }

    fn show(&self) -> String {
        self.0.as_ref().map_or_else(|| "null".to_owned(), Field::show)
    }

    fn shape() -> Shape {
        Shape::Text
    }
}

/// Headers of a request, by name or as a list of names and values; both are the Collector's.
#[derive(Default)]
pub(super) struct Headers(pub(super) BTreeMap<String, String>);

impl Field for Headers {
    const TYPE: &'static str = "a map, or a list of name and value";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        let Value::List(items) = &node.value else { return BTreeMap::parse(node, faults).map(Self) };
        let mut read = |item: &Node| {
            let text =
                |entry: Option<&Entry>, faults: &mut Faults| entry.and_then(|entry| String::parse(&entry.node, faults));
            let pair = (text(item.get("name"), faults), text(item.get("value"), faults));
            if let (Some(name), value) = pair {
                return Some((name, value.unwrap_or_default()));
            }
            faults.add(&item.position, "a header must have a name and a value");
            None
        };
        Some(Self(items.iter().filter_map(&mut read).collect()))
    }

    fn show(&self) -> String {
        "{}".to_owned()
    }

    fn shape() -> Shape {
        let pairs = Shape::List(Box::new(Shape::Map(Box::new(Shape::Text))));
        Shape::Either(vec![Shape::Map(Box::new(Shape::Text)), pairs])
    }
}
