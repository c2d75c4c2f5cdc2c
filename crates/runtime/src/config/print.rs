//! `print-config`: the configuration as it is after all sources, with what is left out, and where each value came from.
//!
//! It is YAML that means the same when it is read again, but for what is secret.

use std::fmt::Write as _;

use component::config::{Configuration, Entry, Key, Node, Section, Shape, Value};
use component::{ComponentId, Components, Factory};

use super::Config;
use super::document::Document;

const REDACTED: &str = "\"[REDACTED]\"";

impl Config {
    /// The configuration as YAML: every key with its value, and as a comment where that came from.
    #[must_use]
    pub fn print(&self, components: &Components) -> String {
        let mut page = Page { lines: Vec::new() };
        let keys = Section::describe(Document::read);
        for entry in entries(&self.root) {
            match entry.key.as_str() {
                "receivers" => page.group(entry, components.receivers),
                "processors" => page.group(entry, components.processors),
                "exporters" => page.group(entry, components.exporters),
                "connectors" => page.group(entry, components.connectors),
                "extensions" => page.group(entry, components.extensions),
                "service" => {
                    let keys = below(&keys, "service");
                    page.line(0, "service:", "");
                    page.section(1, Some(&entry.node), &keys);
                }
                _ => page.entry(0, &entry.key, &entry.node, &Shape::Any, false),
            }
        }
        page.text()
    }
}

/// Lines, each with the comment behind it.
struct Page {
    lines: Vec<(String, String)>,
}

impl Page {
    fn group<T>(&mut self, group: &Entry, factories: &[&'static Factory<T>]) {
        self.line(0, &format!("{}:", group.key), "");
        for entry in entries(&group.node) {
            let id: Option<ComponentId> = entry.key.parse().ok();
            let of_type = |factory: &&&Factory<T>| {
                let word = id.as_ref().map(ComponentId::component_type);
                word == Some(factory.component_type) || (word.is_some() && word == factory.alias)
            };
            match factories.iter().find(of_type) {
                Some(factory) => {
                    let keys = Section::describe(factory.configure);
                    let comment = if keys.is_empty() { origin(&entry.node) } else { String::new() };
                    self.line(1, &format!("{}:", key(&entry.key)), &comment);
                    self.section(2, Some(&entry.node), &keys);
                }
                None => self.entry(1, &entry.key, &entry.node, &Shape::Any, false),
            }
        }
    }

    /// The keys of a section, in the order of the code, with their defaults where the file has none.
    fn section(&mut self, level: usize, node: Option<&Node>, keys: &[Key]) {
        let mut done: Vec<&str> = Vec::new();
        for described in keys {
            let (first, rest) = described.path.split_once('.').unwrap_or((&described.path, ""));
            let entry = node.and_then(|node| node.get(first));
            if done.contains(&first) {
                continue;
            }
            done.push(first);
            if !rest.is_empty() {
                self.line(level, &format!("{first}:"), "");
                self.section(level + 1, entry.map(|entry| &entry.node), &below(keys, first));
                continue;
            }
            let default = described.default.replace('$', "$$");
            match entry.map(|entry| &entry.node) {
                Some(node) if node.is_unset() && matches!(described.shape, Shape::List(_) | Shape::Map(_)) => {
                    self.line(level, &format!("{first}: {default}"), &format!("default, {}", origin(node)));
                }
                Some(node) if node.value != Value::Null || node.is_unset() => {
                    self.entry(level, first, node, &described.shape, described.secret);
                }
                _ if default.is_empty() => {}
                _ => self.line(level, &format!("{first}: {default}"), "default"),
            }
        }
        // What was accepted with a notice stays as it is.
        let others = node.into_iter().flat_map(entries).filter(|entry| !done.contains(&entry.key.as_str()));
        for entry in others.collect::<Vec<_>>() {
            self.entry(level, &entry.key, &entry.node, &Shape::Any, false);
        }
    }

    fn entry(&mut self, level: usize, name: &str, node: &Node, shape: &Shape, secret: bool) {
        let secret = secret || sounds_secret(name);
        let mut name = key(name);
        if is_long(&name) {
            self.line(level, &format!("? {name}"), "");
            name.clear();
        }
        match &node.value {
            // Where text is wanted, a map that was referred to is how it is written.
            _ if *shape == Shape::Text => {
                self.line(level, &format!("{name}: {}", flow(node, shape, secret)), &origin(node))
            }
            Value::Map(inner) if !inner.is_empty() => {
                self.line(level, &format!("{name}:"), "");
                for entry in inner {
                    let secret = secret || is_secret(shape, &entry.key);
                    self.entry(level + 1, &entry.key, &entry.node, &value_shape(shape, &entry.key), secret);
                }
            }
            Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Map(_) | Value::List(_))) => {
                self.line(level, &format!("{name}:"), "");
                for item in items {
                    let text = format!("- {}", flow(item, element(shape), secret));
                    self.line(level + 1, &text, &origin(item));
                }
            }
            _ => self.line(level, &format!("{name}: {}", flow(node, shape, secret)), &origin(node)),
        }
    }

    fn line(&mut self, level: usize, text: &str, comment: &str) {
        self.lines.push((format!("{}{text}", "  ".repeat(level)), comment.to_owned()));
    }

    /// The lines, with their comments in one column where the lines are not too long for it.
    fn text(self) -> String {
        let lengths = self.lines.iter().map(|(line, _)| line.chars().count());
        let width = lengths.filter(|length| *length <= 60).max().unwrap_or(0);
        let mut text = String::new();
        for (line, comment) in self.lines {
            let _ = match comment.as_str() {
                "" => writeln!(text, "{line}"),
                comment => writeln!(text, "{line:width$}  # {comment}"),
            };
        }
        text
    }
}

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        _ => &[],
    }
}

/// The keys of the section under `name`, as it sees them.
fn below(keys: &[Key], name: &str) -> Vec<Key> {
    let inner = |key: &Key| {
        let path = key.path.strip_prefix(name)?.strip_prefix('.')?.to_owned();
        Some(Key { path, ..key.clone() })
    };
    keys.iter().filter_map(inner).collect()
}

/// Where a value stands, and what a reference that stands there took it from.
fn origin(node: &Node) -> String {
    match node.origin.as_deref() {
        Some(origin) if !origin.sources.is_empty() => format!("{} <- {}", node.position, origin.sources.join(", ")),
        _ => node.position.to_string(),
    }
}

/// The shape of what stands under `name`.
fn value_shape(shape: &Shape, name: &str) -> Shape {
    match shape {
        Shape::Map(inner) => (**inner).clone(),
        Shape::Section(keys) => match keys.iter().find(|key| key.path == name) {
            Some(key) => key.shape.clone(),
            None => Shape::Section(below(keys, name)),
        },
        // Only one of them knows the name.
        Shape::Either(shapes) => {
            shapes.iter().find(|one| matches!(one, Shape::Section(_))).map_or(Shape::Any, |one| value_shape(one, name))
        }
        _ => Shape::Any,
    }
}

fn is_secret(shape: &Shape, name: &str) -> bool {
    matches!(shape, Shape::Section(keys) if keys.iter().any(|key| key.path == name && key.secret))
}

/// Whether a key is called as secrets are, should nobody have declared it as one; a path is none.
fn sounds_secret(name: &str) -> bool {
    let words = ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "key_pem"];
    let name = name.to_ascii_lowercase();
    !name.ends_with("_file") && words.iter().any(|word| name.ends_with(word))
}

fn element(shape: &Shape) -> &Shape {
    match shape {
        Shape::List(inner) => inner,
        _ => &Shape::Any,
    }
}

/// A value in one line.
fn flow(node: &Node, shape: &Shape, secret: bool) -> String {
    match &node.value {
        Value::Map(_) | Value::List(_) if *shape == Shape::Text && !secret => {
            node.text().map_or_else(String::new, quoted)
        }
        Value::Map(inner) => {
            let pair = |entry: &Entry| {
                let secret = secret || is_secret(shape, &entry.key) || sounds_secret(&entry.key);
                let (name, value) = (key(&entry.key), flow(&entry.node, &value_shape(shape, &entry.key), secret));
                if is_long(&name) { format!("? {name} : {value}") } else { format!("{name}: {value}") }
            };
            format!("{{{}}}", inner.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| flow(item, element(shape), secret)).collect();
            format!("[{}]", items.join(", "))
        }
        // That nothing is there is no secret.
        value if secret && *value != Value::Null && node.text() != Some("") => REDACTED.to_owned(),
        Value::Text(text) => quoted(text),
        // Where text is wanted, 0123 is not 83.
        _ if matches!(shape, Shape::Text | Shape::Choice(_)) => node.text().map_or_else(|| "null".to_owned(), quoted),
        // Nothing that is referred to is a zero, nothing in the file the default.
        Value::Null if node.is_unset() => zero(shape).to_owned(),
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float(*number),
    }
}

fn zero(shape: &Shape) -> &'static str {
    match shape {
        Shape::Bool => "false",
        Shape::Unsigned(_) | Shape::Number | Shape::Duration | Shape::Bytes => "0",
        _ => "null",
    }
}

fn float(number: f64) -> String {
    match number {
        number if number.is_nan() => ".nan".to_owned(),
        f64::INFINITY => ".inf".to_owned(),
        f64::NEG_INFINITY => "-.inf".to_owned(),
        // Always with a fraction or an exponent.
        number => format!("{number:?}"),
    }
}

/// A key, which is never expanded.
fn key(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.');
    let simple = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain);
    if simple { name.to_owned() } else { escaped(name) }
}

/// Whether YAML wants a question mark before a key: one of more than 1,024 characters.
fn is_long(key: &str) -> bool {
    key.len() > 1000
}

/// Text as YAML, plain where that means the same; a dollar sign is two.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') && text.chars().all(plain);
    let text_in_yaml = matches!(super::scalar::plain(text), Value::Text(_));
    let duration = text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_alphanumeric());
    if (word || duration) && text_in_yaml && !text.is_empty() {
        text.to_owned()
    } else {
        escaped(&text.replace('$', "$$"))
    }
}

fn escaped(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        let _ = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            '\n' => write!(quoted, "\\n"),
            '\t' => write!(quoted, "\\t"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                write!(quoted, "\\U{:08x}", u32::from(c))
            }
            c => write!(quoted, "{c}"),
        };
    }
    quoted + "\""
}
