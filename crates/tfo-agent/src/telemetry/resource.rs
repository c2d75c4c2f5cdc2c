//! Who the agent says it is: the attributes that the Collector gives itself, and what the configuration says.

use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator};

/// The resource of the agent itself; what `configured` has without a value is left out.
pub(super) fn of_agent(configured: &BTreeMap<String, Option<String>>) -> Resource {
    let defaults = [
        ("service.name", "tfo-agent".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", instance()),
    ];
    let mut attributes: BTreeMap<String, Option<String>> =
        defaults.into_iter().map(|(key, value)| (key.to_owned(), Some(value))).collect();
    attributes.extend(configured.clone());
    let attributes = attributes.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?)));
    Resource::builder_empty().with_attributes(attributes).build()
}

/// A random UUID.
fn instance() -> String {
    let mut bytes = RandomIdGenerator::default().new_trace_id().to_bytes();
    // Version 4, variant 1.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_adds_to_the_resource_and_takes_away_from_it() {
        let configured = [("service.name", Some("mine")), ("service.version", None), ("zone", Some("a"))];
        let configured = configured.map(|(key, value)| (key.to_owned(), value.map(str::to_owned))).into();
        let resource = of_agent(&configured);
        let get = |key: &'static str| resource.get(&key.into()).map(|value| value.to_string());
        assert_eq!((get("service.name"), get("zone")), (Some("mine".into()), Some("a".into())));
        assert_eq!(get("service.version"), None);
        let id = get("service.instance.id").unwrap();
        assert_eq!((id.len(), id.split('-').count(), &id[14..15]), (36, 5, "4"), "{id}");
    }
}
