//! `tfo-agent components --schema`: the JSON Schema of a configuration, made from the keys that the code reads.

use std::io::{self, Write as _};
use std::process::ExitCode;

use component::Factory;
use component::config::{Key, Section, Shape};
use serde_json::{Map, Value, json};

use crate::components::COMPONENTS;
use crate::guide;

/// Prints the schema.
pub(crate) fn print() -> ExitCode {
    match io::stdout().lock().write_all(text().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Somebody closed the pipe, as `| head` does.
        Err(_) => ExitCode::FAILURE,
    }
}

/// The schema as it is shipped.
pub(crate) fn text() -> String {
    format!("{:#}\n", schema())
}

fn schema() -> Value {
    let mut top = section(&runtime::document_keys());
    let properties = &mut top["properties"];
    properties["receivers"] = group(COMPONENTS.receivers, "where metrics come from, by id");
    properties["processors"] = group(COMPONENTS.processors, "what happens to them on their way, by id");
    properties["exporters"] = group(COMPONENTS.exporters, "where they leave, by id");
    properties["connectors"] = group(COMPONENTS.connectors, "what joins pipelines, by id");
    properties["extensions"] = group(COMPONENTS.extensions, "what lives beside the pipelines, by id");
    properties["collectors"] = json!({
        "description": "the form of the operations guide",
        "type": ["object", "null"],
        "properties": { "ebpf": nullable(section(&guide::keys())) },
        "additionalProperties": false,
    });
    properties["service"]["properties"]["pipelines"] = pipelines();
    top["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    top["title"] = json!("Configuration of tfo-agent");
    top["definitions"] = json!({ "reference": REFERENCE.get() });
    top
}

/// A value that is read from elsewhere: its type shows only then.
struct Reference;

const REFERENCE: Reference = Reference;

impl Reference {
    fn get(&self) -> Value {
        json!({
            "description": "${env:NAME}, ${env:NAME:-DEFAULT}, ${file:PATH} or ${yaml:TEXT}",
            "type": "string",
            "pattern": "\\$\\{[^}]*\\}",
        })
    }
}

/// The components of one kind, by `type` or `type/name`.
fn group<T>(factories: &[&'static Factory<T>], doc: &str) -> Value {
    let mut patterns = Map::new();
    for factory in factories {
        let mut body = nullable(section(&Section::describe(factory.configure)));
        body["description"] = json!(factory.summary);
        patterns.insert(ids(factory.component_type), body.clone());
        if let Some(alias) = factory.alias {
            body["deprecationMessage"] = json!(format!("older word for {}", factory.component_type));
            patterns.insert(ids(alias), body);
        }
    }
    json!({
        "description": doc,
        "type": ["object", "null"],
        "patternProperties": patterns,
        "additionalProperties": false,
    })
}

fn ids(component_type: &str) -> String {
    format!("^\\s*{component_type}\\s*(/.+)?$")
}

fn pipelines() -> Value {
    let list = |doc| described(value(&Shape::List(Box::new(Shape::Text))), doc);
    json!({
        "description": "metrics[/name] and what it consists of",
        "type": ["object", "null"],
        "patternProperties": { ids("metrics"): {
            "type": "object",
            "properties": {
                "receivers": list("ids of its receivers"),
                "processors": list("ids of its processors, in order"),
                "exporters": list("ids of its exporters"),
            },
            "required": ["receivers", "exporters"],
            "additionalProperties": false,
        }},
        "additionalProperties": false,
    })
}

/// The keys as the properties of an object, those with dots inside of further ones.
fn section(keys: &[Key]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in keys {
        let (first, rest) = key.path.split_once('.').unwrap_or((&key.path, ""));
        if !rest.is_empty() {
            let inside = |inner: &Key| {
                let path = inner.path.strip_prefix(first)?.strip_prefix('.')?.to_owned();
                Some(Key { path, ..inner.clone() })
            };
            let inner: Vec<Key> = keys.iter().filter_map(inside).collect();
            properties.insert(first.to_owned(), nullable(section(&inner)));
            continue;
        }
        let mut property = described(value(&key.shape), key.doc);
        if let Some(default) = default_of(key) {
            property["default"] = default;
        }
        if key.secret {
            property["writeOnly"] = json!(true);
        }
        if key.required {
            required.push(json!(first));
        }
        properties.insert(first.to_owned(), property);
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// An object, nothing at all, or what is read from elsewhere.
fn nullable(object: Value) -> Value {
    if object["required"].as_array().is_some_and(|required| !required.is_empty()) {
        return json!({ "anyOf": [object, reference()] });
    }
    json!({ "anyOf": [object, { "type": "null" }, reference()] })
}

fn reference() -> Value {
    json!({ "$ref": "#/definitions/reference" })
}

fn described(mut schema: Value, doc: &str) -> Value {
    schema["description"] = json!(doc);
    schema
}

/// What a value may be; null means the default.
fn value(shape: &Shape) -> Value {
    let exact = match shape {
        Shape::Any => return json!({}),
        Shape::Text => return json!({ "type": ["string", "null"] }),
        Shape::Either(shapes) => return json!({ "anyOf": shapes.iter().map(value).collect::<Vec<_>>() }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Unsigned(u64::MAX) => json!({ "type": "integer", "minimum": 0 }),
        Shape::Unsigned(most) => json!({ "type": "integer", "minimum": 0, "maximum": most }),
        Shape::Number => json!({ "type": "number" }),
        Shape::Duration => json!({ "type": ["string", "integer"], "pattern": DURATION, "maximum": 0, "minimum": 0 }),
        Shape::Bytes => json!({ "type": ["string", "integer"], "pattern": BYTES, "minimum": 0 }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::List(inner) => json!({ "type": "array", "items": value(inner) }),
        Shape::Map(inner) => json!({ "type": "object", "additionalProperties": value(inner) }),
        Shape::Section(keys) => section(keys),
    };
    let mut any = vec![exact, json!({ "type": "null" }), reference()];
    if matches!(shape, Shape::List(inner) if **inner == Shape::Text) {
        any.push(json!({ "description": "what stands between commas", "type": "string" }));
    }
    json!({ "anyOf": any })
}

const DURATION: &str = "^(0|[+]?(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|\\u00b5s|\\u03bcs|ms|s|m|h))+)$|\\$\\{";
const BYTES: &str = "^[0-9]+ *(KB|KiB|MB|MiB|GB|GiB)?$|\\$\\{";

/// The default as JSON, where it is written as JSON is.
fn default_of(key: &Key) -> Option<Value> {
    if key.required || key.default.is_empty() || key.secret {
        return None;
    }
    let word = matches!(key.shape, Shape::Choice(_) | Shape::Duration | Shape::Bytes);
    if word { Some(json!(key.default)) } else { serde_json::from_str(&key.default).ok() }
}

#[cfg(test)]
mod tests;
