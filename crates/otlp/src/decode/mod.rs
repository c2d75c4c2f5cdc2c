//! Bytes to batch.
//!
//! The opposite of `encode`, and as little work per point: plain points are looked at and stay where they are, of others the
//! attributes stay in bytes. Nothing panics whatever the bytes, and what is allocated is bounded by their number.

mod distributions;
mod known;
mod plain;
mod points;
mod sets;

use std::sync::Arc;

use bytes::Bytes;
use pdata::wire::{Field, Malformed, Reader, WRONG_TYPE, text};
use pdata::{
    Batch, HistogramMetric, Instrument, Metric, NumberKind, Points, Resource, ResourceMetrics, Scope, ScopeMetrics,
    Temporality,
};

use known::{Described, Known};
use plain::{Look, Plain, Streams};
use points::{Numbers, Read};
use sets::{Checked, Sets};

/// What a request comes to.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The points that are good.
    pub batch: Batch,
    /// Number of those that are not, and are left out.
    pub rejected: u64,
    /// What is wrong with the first of them.
    pub reason: Option<&'static str>,
}

/// Decodes requests; what describes metrics and their sources is shared by all of them.
#[derive(Debug, Default)]
pub struct Decoder {
    known: Known,
    sets: Sets,
    read: Vec<Read>,
    rejected: Rejected,
}

#[derive(Debug, Default)]
struct Rejected {
    points: u64,
    reason: Option<&'static str>,
}

impl Rejected {
    fn add(&mut self, points: usize, reason: &'static str) {
        if points > 0 {
            self.points = self.points.saturating_add(points as u64);
            self.reason.get_or_insert(reason);
        }
    }
}

impl Decoder {
    /// The `ExportMetricsServiceRequest` in `request`, which points may keep. Exemplars are left out, and so is what is empty.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn decode(&mut self, request: &Bytes) -> Result<Decoded, Malformed> {
        if u32::try_from(request.len()).is_err() {
            return Err(Malformed("a request has more than 4 GiB"));
        }
        self.rejected = Rejected::default();
        let mut resources = Vec::new();
        each_message(request, 1, |bytes| {
            let metrics = self.resource_metrics(request, bytes)?;
            if !metrics.scopes.is_empty() {
                resources.push(metrics);
            }
            Ok(())
        })?;
        let Rejected { points, reason } = std::mem::take(&mut self.rejected);
        Ok(Decoded { batch: Batch { resources }, rejected: points, reason })
    }

    fn resource_metrics(&mut self, request: &Bytes, bytes: &[u8]) -> Result<ResourceMetrics, Malformed> {
        let (resource, schema_url) = described(bytes)?;
        let resource = self.known.resource(resource, schema_url, || {
            let attributes = attributes(resource, 1)?;
            Ok(Resource { schema_url: text(schema_url)?.to_owned().into(), ..Resource::of(attributes) })
        })?;
        let mut scopes = Vec::new();
        each_message(bytes, 2, |bytes| {
            let metrics = self.scope_metrics(request, bytes)?;
            if !metrics.metrics.is_empty() || !metrics.histograms.is_empty() {
                scopes.push(metrics);
            }
            Ok(())
        })?;
        Ok(ResourceMetrics { resource, scopes })
    }

    fn scope_metrics(&mut self, request: &Bytes, bytes: &[u8]) -> Result<ScopeMetrics, Malformed> {
        let (scope, schema_url) = described(bytes)?;
        let scope = self.known.scope(scope, schema_url, || {
            let [mut name, mut version] = [&[][..]; 2];
            let mut reader = Reader::new(scope);
            while let Some(field) = reader.field()? {
                match field {
                    (1, Field::Bytes(bytes)) => name = bytes,
                    (2, Field::Bytes(bytes)) => version = bytes,
                    (1 | 2, _) => return Err(WRONG_TYPE),
                    _ => {}
                }
            }
            Ok(Scope {
                attributes: Resource::of(attributes(scope, 3)?).attributes,
                schema_url: text(schema_url)?.to_owned().into(),
                ..Scope::new(text(name)?.to_owned(), text(version)?.to_owned())
            })
        })?;
        self.sets.begin_scope();
        let mut metrics = ScopeMetrics { scope, metrics: Vec::new(), histograms: Vec::new() };
        let (mut look, mut checked, streams) = (Look::default(), Checked::default(), Arc::new(Streams::default()));
        each_message(bytes, 2, |bytes| {
            let points = |data| {
                let plain = look.at(data)?;
                Some((plain.points(request, streams.clone())?, plain))
            };
            self.metric(bytes, points, &mut checked, &mut metrics)
        })?;
        Ok(metrics)
    }

    /// `look` finds points that may stay as they are, and what stands behind them.
    fn metric<'b>(
        &mut self,
        bytes: &'b [u8],
        look: impl FnOnce(&'b [u8]) -> Option<(Points, Plain<'b>)>,
        checked: &mut Checked<'b>,
        to: &mut ScopeMetrics,
    ) -> Result<(), Malformed> {
        let mut texts = [&[][..]; 3];
        let mut data = None;
        let mut reader = Reader::new(bytes);
        while let Some(field) = reader.field()? {
            match field {
                (number @ 1..=3, Field::Bytes(bytes)) => texts[number as usize - 1] = bytes,
                (5 | 7 | 9..=11, Field::Bytes(_)) if data.is_some() => {
                    return Err(Malformed("a metric has data twice"));
                }
                (number @ (5 | 7 | 9..=11), Field::Bytes(bytes)) => data = Some((number, bytes)),
                (1..=3 | 5 | 7 | 9..=11, _) => return Err(WRONG_TYPE),
                _ => {}
            }
        }
        let Some((kind, data)) = data else { return Ok(()) };
        let [name, description, unit] = texts;
        let texts = [text(name)?, text(description)?, text(unit)?];
        let plain = if matches!(kind, 5 | 7) { look(data) } else { None };
        let aggregation = aggregation(plain.as_ref().map_or(data, |(_, plain)| plain.rest))?;
        let (instrument, may_lack_temporality) = match kind {
            5 => (Instrument::Gauge, true),
            7 if aggregation.monotonic => (Instrument::Counter, false),
            7 => (Instrument::UpDownCounter, false),
            9 => (Instrument::Histogram, false),
            10 => (Instrument::ExponentialHistogram, false),
            _ => (Instrument::Summary, true),
        };
        let temporality = match aggregation.temporality {
            _ if may_lack_temporality => Temporality::Cumulative,
            1 => Temporality::Delta,
            2 => Temporality::Cumulative,
            _ => {
                let mut points = 0;
                each_message(data, 1, |_| {
                    points += 1;
                    Ok(())
                })?;
                self.rejected.add(points, "a sum or histogram is neither cumulative nor delta");
                return Ok(());
            }
        };
        let descriptor = |number| Described { texts, instrument, temporality, number };
        if let Some((points, Plain { number, .. })) = plain {
            to.metrics.push(Metric { descriptor: self.known.descriptor(&descriptor(number)), points });
        } else if matches!(kind, 5 | 7) {
            let numbers = points::read(data, &mut self.read, &mut self.sets, checked, &mut self.rejected)?;
            let Numbers { whole, double, missing } = numbers;
            let kinds = [(NumberKind::Signed, whole), (NumberKind::Double, double), (NumberKind::Missing, missing)];
            for (number, points) in kinds.into_iter().filter(|(_, points)| !points.is_empty()) {
                to.metrics
                    .push(Metric { descriptor: self.known.descriptor(&descriptor(number)), points: points.into() });
            }
        } else {
            let points = distributions::read(data, instrument, &mut self.sets, &mut self.rejected)?;
            if !points.is_empty() {
                let descriptor = self.known.descriptor(&descriptor(NumberKind::Double));
                to.histograms.push(HistogramMetric { descriptor, points: points.into() });
            }
        }
        Ok(())
    }
}

/// Field 1, a message that describes, and field 3, the url of its schema.
fn described(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (mut message, mut schema_url) = (None, &[][..]);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (1, Field::Bytes(_)) if message.is_some() => {
                return Err(Malformed("metrics are of two resources or scopes"));
            }
            (1, Field::Bytes(bytes)) => message = Some(bytes),
            (3, Field::Bytes(bytes)) => schema_url = bytes,
            (1 | 3, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok((message.unwrap_or_default(), schema_url))
}

/// What a sum or a histogram says of itself beside its points.
#[derive(Default)]
struct Aggregation {
    temporality: u64,
    monotonic: bool,
}

fn aggregation(bytes: &[u8]) -> Result<Aggregation, Malformed> {
    let mut aggregation = Aggregation::default();
    let mut reader = Reader::new(bytes);
    while reader.next_bytes(0x0a).is_some() {}
    while let Some(field) = reader.field()? {
        match field {
            (2, Field::Varint(number)) => aggregation.temporality = number,
            (3, Field::Varint(truth)) => aggregation.monotonic = truth != 0,
            _ => {}
        }
    }
    Ok(aggregation)
}

/// The attributes that are field `number` of a message that describes; of one key twice the later.
fn attributes(bytes: &[u8], number: u32) -> Result<Vec<pdata::Attribute>, Malformed> {
    let mut attributes: Vec<pdata::Attribute> = Vec::new();
    each_message(bytes, number, |bytes| {
        let (key, value) = pdata::wire::key_value(bytes)?;
        let value = pdata::wire::any_value(value)?.to_owned();
        attributes.push((Arc::<str>::from(key).into(), value));
        Ok(())
    })?;
    attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
    attributes.reverse();
    attributes.dedup_by(|(later, _), (earlier, _)| later == earlier);
    attributes.reverse();
    Ok(attributes)
}

/// Calls `visit` with each message that is field `number`.
#[inline]
fn each_message<'a>(
    bytes: &'a [u8],
    number: u32,
    mut visit: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(bytes);
    // The tag of most, where it is one byte.
    let tag = u8::try_from(number << 3 | 2).unwrap_or_default();
    loop {
        while let Some(bytes) = reader.next_bytes(tag) {
            visit(bytes)?;
        }
        let Some((found, field)) = reader.field()? else { return Ok(()) };
        if found == number {
            let Field::Bytes(bytes) = field else { return Err(WRONG_TYPE) };
            visit(bytes)?;
        }
    }
}
