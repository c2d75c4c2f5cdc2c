//! The labels of one sample, written as the page's format has them.

use std::collections::HashMap;
use std::fmt::Write as _;

use pdata::{Attribute, Attributes, Scope, SeedLabel, SeedName, Source, Value};

use super::options::Options;
use super::{protobuf, text};
use crate::format::{Format, Syntax};
use crate::naming::OVERFLOW;

/// A buffer that takes the labels of one point after the other.
pub(super) struct Labels<'o> {
    options: &'o Options,
    format: Format,
    /// Labels that the family's own samples have, and attributes must not.
    reserved: &'static [&'static str],
    bytes: Vec<u8>,
    /// For the digits of a number.
    number: String,
    /// Labels by key, made once.
    names: HashMap<String, Box<str>>,
    /// Labels of all samples of a source, behind those of the point.
    constant: Vec<(String, String)>,
    /// Whether two keys were met that are one label.
    clash: bool,
    /// Whether values of one label are joined and labels stand in the order of their names.
    joined: bool,
}

impl<'o> Labels<'o> {
    pub(super) fn new(options: &'o Options, format: Format, reserved: &'static [&'static str]) -> Self {
        let (bytes, number) = (Vec::new(), String::new());
        let (names, constant) = (HashMap::new(), Vec::new());
        Self { options, format, reserved, bytes, number, names, constant, clash: false, joined: false }
    }

    /// The same for points among whose keys are some that are one label.
    ///
    /// Keys stand in an order that their labels need not have: where two keys may be one label, the same labels would be
    /// written in two orders, and be two series of which no scraper takes the second.
    pub(super) fn joining(options: &'o Options, format: Format, reserved: &'static [&'static str]) -> Self {
        Self { joined: true, ..Self::new(options, format, reserved) }
    }

    /// Whether two keys were met that are one label, and what was written so far may have it twice.
    pub(super) fn must_join(&self) -> bool {
        self.clash && !self.joined
    }

    /// The samples to come are of `source`.
    pub(super) fn begin(&mut self, source: Source<'_>) {
        let mut labels = Vec::new();
        if self.options.resource_labels {
            for (key, value) in &source.resource.attributes {
                join(&mut labels, &self.name(key), &value.to_string());
            }
        }
        if self.options.tells_sources() {
            let (job, instance) = job_and_instance(&source.resource.attributes);
            let Scope { name, version, schema_url, attributes } = &**source.scope;
            for (key, value) in attributes {
                join(&mut labels, &self.name(&format!("otel_scope_{key}")), &value.to_string());
            }
            let scope =
                [("otel_scope_name", name), ("otel_scope_version", version), ("otel_scope_schema_url", schema_url)];
            let scope = scope.map(|(label, value)| (label, &**value));
            for (name, value) in scope.into_iter().chain([("job", &*job), ("instance", &*instance)]) {
                if !value.is_empty() {
                    join(&mut labels, name, value);
                }
            }
        }
        for (name, value) in &self.options.const_labels {
            join(&mut labels, name, value);
        }
        // As above: other sources may have the same from other keys.
        labels.sort();
        self.constant = labels;
        self.clash |= self.constant.iter().any(|(name, _)| self.names.values().any(|known| **known == **name));
    }

    /// The guide's labels in its order; a label whose attribute is missing is left out.
    pub(super) fn of_guide(&mut self, seed: &SeedName, attributes: &[(&str, Value<'_>)]) -> &[u8] {
        self.bytes.clear();
        let value = |key| attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
        if let Some(overflow) = value(Attributes::OVERFLOW) {
            self.push(OVERFLOW, overflow, None);
        }
        for label in seed.labels {
            if let Some(value) = value(label.attribute) {
                self.push(label.label, value, Some(label));
            }
        }
        let taken = |name: &str| name == OVERFLOW || seed.labels.iter().any(|label| label.label == name);
        for (name, value) in self.constant.iter().filter(|(name, _)| !taken(name)) {
            write(self.format, &mut self.bytes, name, value);
        }
        &self.bytes
    }

    /// A label for every attribute.
    pub(super) fn of_all(&mut self, attributes: &[(&str, Value<'_>)]) -> &[u8] {
        self.bytes.clear();
        if self.joined {
            return self.of_all_joined(attributes);
        }
        for (key, _) in attributes {
            self.learn(key);
        }
        for (key, value) in attributes {
            let Some(name) = self.names.get(*key) else { continue };
            let value = show(&mut self.number, value);
            write(self.format, &mut self.bytes, name, value);
        }
        for (name, value) in &self.constant {
            write(self.format, &mut self.bytes, name, value);
        }
        &self.bytes
    }

    /// The same where keys are one label: their values are joined, in the order of the keys.
    fn of_all_joined(&mut self, attributes: &[(&str, Value<'_>)]) -> &[u8] {
        let mut sorted: Vec<_> = attributes.iter().collect();
        sorted.sort_by_key(|(key, _)| *key);
        let mut labels = Vec::new();
        for (key, value) in sorted {
            join(&mut labels, &self.name(key), &value.to_string());
        }
        for (name, value) in &self.constant {
            join(&mut labels, name, value);
        }
        labels.sort();
        for (name, value) in &labels {
            write(self.format, &mut self.bytes, name, value);
        }
        &self.bytes
    }

    /// What is known of a resource beside who it is.
    pub(super) fn of_resource(&mut self, attributes: &[Attribute]) -> Option<&[u8]> {
        self.bytes.clear();
        let mut labels = Vec::new();
        for (key, value) in attributes.iter().filter(|(key, _)| !IDENTITY.contains(&key.as_str())) {
            join(&mut labels, &self.name(key), &value.to_string());
        }
        if labels.is_empty() {
            return None;
        }
        let (job, instance) = job_and_instance(attributes);
        for (name, value) in [("job", job), ("instance", instance)] {
            if !value.is_empty() {
                join(&mut labels, name, &value);
            }
        }
        for (name, value) in &self.options.const_labels {
            join(&mut labels, name, value);
        }
        labels.sort();
        for (name, value) in &labels {
            write(self.format, &mut self.bytes, name, value);
        }
        Some(&self.bytes)
    }

    fn learn(&mut self, key: &str) {
        if !self.names.contains_key(key) {
            let name = self.name(key);
            self.clash |= self.names.values().any(|known| **known == *name)
                || self.constant.iter().any(|(known, _)| *known == name);
            self.names.insert(key.to_owned(), name.into());
        }
    }

    fn name(&self, key: &str) -> String {
        let name = self.options.names.label(key, self.format.utf8);
        match &*name {
            "" => "_".to_owned(),
            taken if taken == "__name__" || self.reserved.contains(&taken) => format!("key_{taken}"),
            _ => name.into_owned(),
        }
    }

    fn push(&mut self, name: &str, value: &Value<'_>, spelled: Option<&SeedLabel>) {
        let value = show(&mut self.number, value);
        let value = spelled.map_or(value, |label| label.spell(value));
        write(self.format, &mut self.bytes, name, value);
    }
}

fn show<'v>(number: &'v mut String, value: &'v Value<'_>) -> &'v str {
    if let Some(text) = value.as_str() {
        return text;
    }
    number.clear();
    let _ = write!(number, "{value}");
    number
}

fn write(format: Format, out: &mut Vec<u8>, name: &str, value: &str) {
    match format.syntax {
        Syntax::Text | Syntax::OpenMetrics => text::label(out, name, value),
        Syntax::Protobuf => protobuf::label(out, name, value),
    }
}

/// Adds a label; of one that is there already the values are told side by side.
fn join(labels: &mut Vec<(String, String)>, name: &str, value: &str) {
    match labels.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) if known == value => {}
        Some((_, known)) => {
            let _ = write!(known, ";{value}");
        }
        None => labels.push((name.to_owned(), value.to_owned())),
    }
}

/// Who a resource is, in Prometheus' words; empty where it does not say.
fn job_and_instance(attributes: &[Attribute]) -> (String, String) {
    let [name, namespace, instance] = IDENTITY.map(|key| {
        let value = attributes.iter().find(|(known, _)| known.as_str() == key);
        value.map_or_else(String::new, |(_, value)| value.to_string())
    });
    (if namespace.is_empty() || name.is_empty() { name } else { format!("{namespace}/{name}") }, instance)
}

const IDENTITY: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];
