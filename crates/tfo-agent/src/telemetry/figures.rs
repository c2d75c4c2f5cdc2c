//! The figures of the agent itself as instruments of the SDK, under the names that they have on the page.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use component::Observe;
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider as _};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use pdata::{Batch, Descriptor, Instrument, NumberKind};

/// The instruments of one collection are asked one after the other; what is as young is the same one.
const ONE_COLLECTION: Duration = Duration::from_millis(500);

/// Makes the instruments, which ask `service` when somebody collects.
pub(super) fn register(provider: &SdkMeterProvider, service: &Arc<dyn Observe>) {
    let scope = InstrumentationScope::builder("tfo-agent").with_version(env!("CARGO_PKG_VERSION"));
    let meter = provider.meter_with_scope(scope.build());
    let reading = Arc::new(Reading { service: service.clone(), last: Mutex::default() });
    for descriptor in runtime::own_descriptors() {
        instrument(&meter, descriptor, reading.clone());
    }
}

fn instrument(meter: &Meter, descriptor: Descriptor, reading: Arc<Reading>) {
    let Descriptor { name, unit, description, instrument, number, .. } = descriptor;
    let asked = name.clone();
    macro_rules! build {
        ($builder:expr, $from_bits:expr) => {{
            let observe = move |to: &dyn AsyncInstrument<_>| reading.report(&asked, $from_bits, to);
            let _ = $builder.with_unit(unit).with_description(description).with_callback(observe).build();
        }};
    }
    let whole = |bits| bits;
    match (instrument, number) {
        (Instrument::Counter, NumberKind::Double) => build!(meter.f64_observable_counter(name), f64::from_bits),
        (Instrument::Counter, _) => build!(meter.u64_observable_counter(name), whole),
        (_, NumberKind::Double) => build!(meter.f64_observable_gauge(name), f64::from_bits),
        _ => build!(meter.u64_observable_gauge(name), whole),
    }
}

/// What the service says of itself, the same for all instruments of a collection.
struct Reading {
    service: Arc<dyn Observe>,
    last: Mutex<Option<(Instant, Option<Arc<Batch>>)>>,
}

impl Reading {
    fn report<T>(&self, name: &str, from_bits: impl Fn(u64) -> T, to: &dyn AsyncInstrument<T>) {
        let Some(batch) = self.take() else { return };
        let points = batch.metrics().filter(|metric| metric.descriptor.name == name).flat_map(|metric| &metric.points);
        for point in points {
            let pair = |(key, value): (&str, pdata::Value<'_>)| Some(KeyValue::new(key.to_owned(), text(&value)?));
            let attributes: Vec<KeyValue> = point.attributes.iter().filter_map(pair).collect();
            to.observe(from_bits(point.bits), &attributes);
        }
    }

    fn take(&self) -> Option<Arc<Batch>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((when, batch)) = &*last
            && when.elapsed() < ONE_COLLECTION
        {
            return batch.clone();
        }
        let batch = self.service.own_metrics();
        *last = Some((Instant::now(), batch.clone()));
        batch
    }
}

/// Attributes of these figures are texts.
fn text(value: &pdata::Value<'_>) -> Option<Value> {
    value.as_str().map(|text| Value::from(text.to_owned()))
}
