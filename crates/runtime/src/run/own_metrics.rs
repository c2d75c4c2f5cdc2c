//! Figures of the agent itself, under the names that the Collector has for them.
//!
//! They are made when somebody asks, such as a scraper; nobody asking costs nothing. The names are those of
//! the Collector's own page, which has neither units nor `_total` in them, and so they stand on a page
//! under `naming: seed`; where OpenTelemetry's names are translated, these are too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use component::{Counts, ExporterCounts, Kind, Node, Snapshot};
use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, Instrument, Key, Metric, NumberKind, Point, Resource, Scope,
    SeedLabel, SeedName,
};

use super::process;

/// Makes the figures, where they are wanted.
pub(super) struct OwnMetrics {
    wanted: AtomicBool,
    /// The same for every batch, so that a stream is one.
    resource: Arc<Resource>,
    scope: Arc<Scope>,
}

impl Default for OwnMetrics {
    fn default() -> Self {
        let scope = Scope::new("tfo-agent", env!("CARGO_PKG_VERSION"));
        Self { wanted: AtomicBool::new(true), resource: Arc::default(), scope: Arc::new(scope) }
    }
}

impl OwnMetrics {
    pub(super) fn set_wanted(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// The figures of what `look` sees.
    pub(super) fn read(&self, look: impl FnOnce() -> Snapshot) -> Option<Arc<Batch>> {
        let wanted = self.wanted.load(Ordering::Relaxed);
        wanted.then(|| Arc::new(Batch::of(self.resource.clone(), self.scope.clone(), metrics(&look()))))
    }
}

/// One metric: its name is the Collector's, and so are the keys of its attributes.
struct Spec {
    name: &'static str,
    unit: &'static str,
    instrument: Instrument,
    number: NumberKind,
    description: &'static str,
    seeds: &'static [SeedName],
}

impl Spec {
    fn descriptor(&self) -> Descriptor {
        let Self { name, unit, instrument, number, description, seeds } = *self;
        // What the Collector has no name for is called as everything else here is.
        let seeds = if name.starts_with("otelcol_") { seeds } else { &[] };
        Descriptor {
            name: name.into(),
            unit: unit.into(),
            description: description.into(),
            instrument,
            number,
            seeds,
            ..Descriptor::default()
        }
    }
}

/// Every metric that a batch of [`own_metrics`](component::Observe::own_metrics) can have.
#[must_use]
pub fn own_descriptors() -> Vec<Descriptor> {
    ALL.iter().map(|spec| spec.descriptor()).collect()
}

macro_rules! specs {
    ($($id:ident = $name:literal, $unit:literal, $instrument:ident, $number:ident, [$($label:literal = $key:literal),*], $text:literal;)*) => {
        $(static $id: Spec = Spec {
            name: $name,
            unit: $unit,
            instrument: Instrument::$instrument,
            number: NumberKind::$number,
            description: $text,
            seeds: &[SeedName::new($name, &[$(SeedLabel::new($label, $key)),*])],
        };)*

        /// All of them.
        static ALL: &[&Spec] = &[$(&$id),*];
    };
}

specs! {
    ACCEPTED = "otelcol_receiver_accepted_metric_points", "{datapoints}", Counter, Unsigned, ["receiver" = "receiver"],
        "Number of metric points successfully pushed into the pipeline.";
    REFUSED = "otelcol_receiver_refused_metric_points", "{datapoints}", Counter, Unsigned, ["receiver" = "receiver"],
        "Number of metric points that could not be pushed into the pipeline.";
    INCOMING = "otelcol_processor_incoming_items", "{items}", Counter, Unsigned, ["otel_signal" = "otel.signal", "pipeline" = "pipeline", "processor" = "processor"],
        "Number of items passed to the processor.";
    OUTGOING = "otelcol_processor_outgoing_items", "{items}", Counter, Unsigned, ["otel_signal" = "otel.signal", "pipeline" = "pipeline", "processor" = "processor"],
        "Number of items emitted from the processor.";
    SENT = "otelcol_exporter_sent_metric_points", "{datapoints}", Counter, Unsigned, ["exporter" = "exporter"],
        "Number of metric points successfully sent to destination.";
    SEND_FAILED = "otelcol_exporter_send_failed_metric_points", "{datapoints}", Counter, Unsigned, ["exporter" = "exporter"],
        "Number of metric points in failed attempts to send to destination.";
    ENQUEUE_FAILED = "otelcol_exporter_enqueue_failed_metric_points", "{datapoints}", Counter, Unsigned, ["exporter" = "exporter"],
        "Number of metric points failed to be added to the sending queue.";
    QUEUE_SIZE = "otelcol_exporter_queue_size", "{batches}", Gauge, Unsigned, ["data_type" = "data_type", "exporter" = "exporter"],
        "Current size of the retry queue (in batches).";
    QUEUE_CAPACITY = "otelcol_exporter_queue_capacity", "{batches}", Gauge, Unsigned, ["data_type" = "data_type", "exporter" = "exporter"],
        "Fixed capacity of the retry queue (in batches).";
    UPTIME = "otelcol_process_uptime", "s", Counter, Double, [], "Uptime of the process";
    CPU = "otelcol_process_cpu_seconds", "s", Counter, Double, [], "Total CPU user and system time in seconds";
    RSS = "otelcol_process_memory_rss", "By", Gauge, Unsigned, [], "Total physical memory (resident set size)";
    MERGED = "tfo.exporter.merged_points", "{point}", Counter, Unsigned, [],
        "Points that a later one of their stream has replaced in a full queue: a time is gone, no total.";
    FOLDED = "tfo.exporter.folded_points", "{point}", Counter, Unsigned, [],
        "Points of streams without a place of their own, added up in one of overflow: a name is gone, no total.";
    UNSAVED = "tfo.exporter.unsaved", "{state}", Counter, Unsigned, [],
        "Times that it could not be stored what the backend has: after a crash it may be sent again.";
    RELOADS = "tfo.config.reloads", "{reload}", Counter, Unsigned, [], "Times that the configuration was read anew, by result.";
    WORKS = "tfo.component.works", "{component}", Gauge, Unsigned, [], "Whether a component does what it is for, or will by itself: 1 or 0.";
}

/// Points by metric, in the order of their first ones.
struct Figures {
    metrics: Vec<(&'static Spec, Vec<Point>)>,
    start: u64,
    time: u64,
}

impl Figures {
    fn put(&mut self, spec: &'static Spec, attributes: Vec<(Key, AttributeValue)>, bits: u64) {
        let start = if spec.instrument == Instrument::Counter { self.start } else { self.time };
        let point = Point { attributes: Arc::new(Attributes::of(attributes)), start, time: self.time, bits };
        match self.metrics.iter_mut().find(|(known, _)| std::ptr::eq(*known, spec)) {
            Some((_, points)) => points.push(point),
            None => self.metrics.push((spec, vec![point])),
        }
    }
}

fn metrics(seen: &Snapshot) -> Vec<Metric> {
    let nanos = |time: SystemTime| {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
    };
    let now = SystemTime::now();
    let mut figures = Figures { metrics: Vec::new(), start: nanos(seen.started), time: nanos(now) };
    for node in &seen.nodes {
        of_node(&mut figures, node);
    }
    let reloads = [("success", seen.reloads.succeeded), ("failure", seen.reloads.failed)];
    for (result, count) in reloads {
        figures.put(&RELOADS, vec![("result".into(), AttributeValue::Static(result))], count);
    }
    let uptime = now.duration_since(seen.started).unwrap_or_default().as_secs_f64();
    figures.put(&UPTIME, vec![], uptime.to_bits());
    if let Some(used) = process::used() {
        figures.put(&CPU, vec![], used.cpu_seconds.to_bits());
        figures.put(&RSS, vec![], used.resident_bytes);
    }
    let metric =
        |(spec, points): (&Spec, Vec<Point>)| Metric { descriptor: Arc::new(spec.descriptor()), points: points.into() };
    figures.metrics.into_iter().map(metric).collect()
}

fn of_node(figures: &mut Figures, node: &Node) {
    let text = |id: &component::ComponentId| AttributeValue::Text(id.to_string().into());
    let of = |key: &'static str| -> (Key, AttributeValue) { (key.into(), text(&node.id)) };
    let word = |key: &'static str, word| -> (Key, AttributeValue) { (key.into(), AttributeValue::Static(word)) };
    match node.counts {
        Counts::None => {}
        Counts::Receiver { accepted, refused } => {
            let attributes = || vec![of("receiver")];
            figures.put(&ACCEPTED, attributes(), accepted);
            figures.put(&REFUSED, attributes(), refused);
        }
        Counts::Processor { incoming, outgoing } => {
            let attributes = || {
                let mut attributes = vec![of("processor"), word("otel.signal", "metrics")];
                attributes.extend(node.pipeline.as_ref().map(|id| -> (Key, _) { ("pipeline".into(), text(id)) }));
                attributes
            };
            figures.put(&INCOMING, attributes(), incoming);
            figures.put(&OUTGOING, attributes(), outgoing);
        }
        Counts::Exporter(counts) => {
            for (spec, count) in [(&SENT, counts.sent), (&SEND_FAILED, counts.failed)] {
                figures.put(spec, vec![of("exporter")], count);
            }
            if counts.queue_capacity > 0 {
                let ExporterCounts { enqueue_failed, merged, folded, unsaved, queue_size, queue_capacity, .. } = counts;
                let of_queue =
                    [(&ENQUEUE_FAILED, enqueue_failed), (&MERGED, merged), (&FOLDED, folded), (&UNSAVED, unsaved)];
                for (spec, count) in of_queue {
                    figures.put(spec, vec![of("exporter")], count);
                }
                for (spec, count) in [(&QUEUE_SIZE, queue_size), (&QUEUE_CAPACITY, queue_capacity)] {
                    figures.put(spec, vec![of("exporter"), word("data_type", "metrics")], count);
                }
            }
        }
    }
    let mut attributes = vec![of("otelcol.component.id"), word("otelcol.component.kind", kind(node.kind))];
    attributes.extend(node.pipeline.as_ref().map(|id| -> (Key, _) { ("otelcol.pipeline.id".into(), text(id)) }));
    figures.put(&WORKS, attributes, u64::from(node.status.works()));
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Connector => "connector",
        Kind::Exporter => "exporter",
        Kind::Extension => "extension",
        Kind::Pipeline => "pipeline",
        Kind::Processor => "processor",
        Kind::Receiver => "receiver",
    }
}
