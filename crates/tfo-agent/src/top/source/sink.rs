//! The way out of the view's own pipeline: batches become readings.

use std::sync::{Arc, Mutex, PoisonError};

use component::{
    Accepted, BoxFuture, BuiltExporter, Delivery, ExportError, Exporter, ExporterFactory, Observe, Stability,
};
use pdata::{Attributes, Batch, Descriptor, Distribution, ExponentialHistogram, UnixNanos};
use tokio::sync::mpsc;

use crate::top::figures::{Group, ORIGINS, Origin, Place, Spread};
use crate::top::reading::{OWN_ORIGINS, Own, Reading, Who};

/// Its component type; no configuration of an agent can name it.
pub(super) static FACTORY: ExporterFactory = ExporterFactory {
    component_type: "top",
    alias: None,
    stability: Stability::Alpha,
    summary: "hands what it gets to the view",
    requires: &[],
    configure: |_| {
        Box::new(|context| {
            let readings = VIEW.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or("there is no view")?;
            let sink = Sink { readings, service: context.service.clone() };
            Ok(BuiltExporter { exporter: Box::new(sink), delivery: Delivery::Direct })
        })
    },
};

/// The view that the next sink is for: a factory has no other way to be told.
pub(super) static VIEW: Mutex<Option<mpsc::Sender<Result<Reading, String>>>> = Mutex::new(None);

struct Sink {
    readings: mpsc::Sender<Result<Reading, String>>,
    service: Arc<dyn Observe>,
}

impl Exporter for Sink {
    fn export(&mut self, batch: Arc<Batch>) -> BoxFuture<'_, Result<Accepted, ExportError>> {
        Box::pin(async move {
            let mut reading = Reading::default();
            read(&batch, &mut reading);
            // Once a round of reads, with the figures that the host has of itself.
            if reading.agent.get(Own::Attached).is_some()
                && let Some(own) = self.service.own_metrics()
            {
                read(&own, &mut reading);
            }
            // Nobody looks any more where the view has ended.
            let _ = self.readings.send(Ok(reading)).await;
            Ok(Accepted::default())
        })
    }
}

/// Takes in what of `batch` is shown.
pub(super) fn read(batch: &Batch, reading: &mut Reading) {
    for metric in batch.metrics() {
        let Descriptor { name, number, .. } = &*metric.descriptor;
        let own = OWN_ORIGINS.iter().find(|(metric, _)| metric == name).map(|(_, own)| *own);
        let origins: Vec<&Origin> = ORIGINS.iter().filter(|origin| origin.metric == name).collect();
        for point in &metric.points {
            let value = point.as_f64(*number);
            if let Some(own) = own {
                reading.own(own, point.time, value);
            }
            if !origins.is_empty() {
                let who = who(&point.attributes);
                let fits = |origin: &&&Origin| origin.only.is_none_or(|only| has(&point.attributes, only));
                origins.iter().filter(fits).for_each(|origin| reading.number(origin, &who, point.time, value));
            }
        }
    }
    for metric in batch.histograms() {
        let Some(place) = ORIGINS.iter().find_map(|origin| buckets_of(origin, &metric.descriptor.name)) else {
            continue;
        };
        for point in &metric.points {
            if let Distribution::Exponential(histogram) = &*point.histogram {
                observe(reading, place, &who(&point.attributes), point.time, histogram);
            }
        }
    }
}

fn buckets_of(origin: &Origin, metric: &str) -> Option<(Group, Spread)> {
    match origin.place {
        Place::Buckets(spread) if origin.metric == metric => Some((origin.group, spread)),
        _ => None,
    }
}

fn observe(
    reading: &mut Reading,
    place: (Group, Spread),
    who: &Who,
    time: UnixNanos,
    histogram: &ExponentialHistogram,
) {
    reading.observed(place, who, time, 0.0, histogram.zero_count);
    let (first, counts) = histogram.used();
    for (index, count) in (first..).zip(counts) {
        reading.observed(place, who, time, ExponentialHistogram::upper_edge(histogram.scale, index), *count);
    }
}

fn who(attributes: &Attributes) -> Who {
    match attributes.process() {
        Some(process) => Who::Process { pid: process.pid, comm: process.comm.clone() },
        None if attributes.get(Attributes::OVERFLOW).is_some() => Who::Overflow,
        None => Who::Nobody,
    }
}

fn has(attributes: &Attributes, (key, wanted): (&str, &str)) -> bool {
    attributes.get(key).is_some_and(|value| value.as_str() == Some(wanted))
}
