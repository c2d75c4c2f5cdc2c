//! Reading one map of the configuration, key by key.

use super::{Entry, Fault, Faults, Field, Node, Position, Shape, Value, suggestion};

/// A group of keys that are read together, such as one component's.
pub trait Configuration: Sized {
    /// Reads every key, noting faults in `section`.
    fn read(section: &mut Section<'_>) -> Self;
}

/// A key as help and documentation show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// With the sections it stands in, as `tls.insecure`.
    pub path: String,
    /// What it takes, such as `a duration`.
    pub takes: String,
    /// The default as YAML; empty where the key must be given.
    pub default: String,
    /// What it means, with its unit.
    pub doc: &'static str,
    /// What it takes, for a schema.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: bool,
    /// Whether its value is not to be shown.
    pub secret: bool,
}

/// A key that users know from the Collector's component of the same name, and that this agent does not have.
#[derive(Debug, Clone, Copy)]
pub struct Foreign {
    /// With the sections it stands in, as `sending_queue.num_consumers`.
    pub path: &'static str,
    /// What to say of it.
    pub text: &'static str,
    /// How that is said.
    pub weight: Weight,
}

/// What a key comes to that this agent does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// The configuration means the same without it.
    Notice,
    /// It does not.
    Fault,
    /// It is a switch that is off here: a fault where it is on, and nothing to say of where it is not.
    FaultIfOn,
}

/// A map of the configuration while it is read.
///
/// Every key is asked for once, by [`field`](Self::field) and its kin; what was
/// not asked for is an unknown key, noted when reading ends.
pub struct Section<'a> {
    prefix: String,
    node: Option<&'a Node>,
    faults: &'a mut Faults,
    keys: &'a mut Vec<Key>,
    known: Vec<&'static str>,
    foreign: &'a [Foreign],
}

impl<'a> Section<'a> {
    /// Reads `read`'s keys from `node`, where null or nothing at all means the defaults.
    pub fn read_node<T>(node: Option<&Node>, faults: &mut Faults, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        Self::read_beside(&[], node, faults, read)
    }

    /// The same, where keys of `foreign` that `read` does not ask for are answered with their texts.
    pub fn read_beside<T>(
        foreign: &[Foreign],
        node: Option<&Node>,
        faults: &mut Faults,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> T {
        let mut section =
            Section { prefix: String::new(), node: None, faults, keys: &mut Vec::new(), known: Vec::new(), foreign };
        section.open(node);
        let value = read(&mut section);
        section.close();
        value
    }

    /// The keys that `read` asks for.
    pub fn describe<T>(read: impl FnOnce(&mut Section<'_>) -> T) -> Vec<Key> {
        let (mut faults, mut keys) = (Faults::default(), Vec::new());
        let _ = read(&mut Section {
            prefix: String::new(),
            node: None,
            faults: &mut faults,
            keys: &mut keys,
            known: Vec::new(),
            foreign: &[],
        });
        keys
    }

    /// The value under `key`, or `default` where it is absent, null or faulty.
    pub fn field<T: Field>(&mut self, key: &'static str, doc: &'static str, default: T) -> T {
        self.note(key, T::TYPE, default.show(), doc).shape = T::shape();
        match self.entry(key) {
            Some(entry) if entry.node.is_unset() => T::zero(&entry.node).unwrap_or(default),
            Some(entry) if entry.node.value != Value::Null => T::parse(&entry.node, self.faults).unwrap_or(default),
            _ => default,
        }
    }

    /// The same as [`field`](Self::field), of a value that nobody is to see: `print-config` leaves it out.
    pub fn secret<T: Field>(&mut self, key: &'static str, doc: &'static str, default: T) -> T {
        let value = self.field(key, doc, default);
        if let Some(key) = self.keys.last_mut() {
            key.secret = true;
        }
        value
    }

    /// The value under `key`; that it is absent is a fault, and `fallback` goes on in its place.
    pub fn required<T: Field>(&mut self, key: &'static str, doc: &'static str, fallback: T) -> T {
        let noted = self.note(key, T::TYPE, String::new(), doc);
        (noted.shape, noted.required) = (T::shape(), true);
        match self.entry(key) {
            Some(entry) => T::parse(&entry.node, self.faults).unwrap_or(fallback),
            None => {
                if let Some(node) = self.node {
                    self.faults.add(&node.position, format!("{}{key}: must be set to {}", self.prefix, T::TYPE));
                }
                fallback
            }
        }
    }

    /// One of the words of `choices`, or the first of them where the key is absent, null or faulty.
    pub fn choice<T: Copy>(&mut self, key: &'static str, doc: &'static str, choices: &[(&'static str, T)]) -> T {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let (first, default) = choices[0];
        let noted = self.note(key, &format!("one of {}", words.join(", ")), first.to_owned(), doc);
        noted.shape = Shape::Choice(words.clone());
        let Some(entry) = self.entry(key).filter(|entry| entry.node.value != Value::Null) else { return default };
        let text = entry.node.text();
        let chosen = choices.iter().find(|(word, _)| Some(*word) == text);
        if let Some((_, value)) = chosen {
            *value
        } else {
            self.faults.add(&entry.node.position, format!("must be one of {}", words.join(", ")));
            default
        }
    }

    /// The keys of the section under `key`.
    pub fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>) -> T) -> T {
        self.known.push(key);
        let node = self.entry(key).map(|entry| &entry.node);
        let prefix = format!("{}{key}.", self.prefix);
        let (faults, keys, foreign) = (&mut *self.faults, &mut *self.keys, self.foreign);
        let mut inner = Section { prefix, node: None, faults, keys, known: Vec::new(), foreign };
        inner.open(node);
        let value = read(&mut inner);
        inner.close();
        value
    }

    /// Whether the section itself stands in the configuration, be it empty: of some its mere presence means something.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.node.is_some_and(|node| node.value != Value::Null)
    }

    /// Whether `key` is there, with a value or without.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Answers a key that users know from elsewhere with `text`.
    pub fn refuse(&mut self, key: &'static str, text: &str) {
        self.known.push(key);
        if let Some(entry) = self.entry(key) {
            self.faults.add(&entry.position, text);
        }
    }

    /// Accepts a key that has no effect here, with `text` as a notice.
    pub fn ignore(&mut self, key: &'static str, text: &str) {
        self.known.push(key);
        if let Some(entry) = self.entry(key) {
            self.faults.notice(&entry.position, text);
        }
    }

    /// Notes a fault of the value under `key`, or of the whole section where that key is absent.
    pub fn fault_at(&mut self, key: &str, text: impl Into<String>) {
        if let Some(position) = self.position(key) {
            self.faults.add(&position, text);
        }
    }

    /// Notes that the value under `key` is accepted, but should be written another way or has no effect.
    pub fn notice_at(&mut self, key: &str, text: impl Into<String>) {
        if let Some(position) = self.position(key) {
            self.faults.notice(&position, text);
        }
    }

    /// Notes a fault of element `index` of the list under `key`.
    pub fn fault_in(&mut self, key: &str, index: usize, text: impl Into<String>) {
        let element = self.entry(key).and_then(|entry| match &entry.node.value {
            Value::List(items) => items.get(index).map(|item| item.position.clone()),
            _ => None,
        });
        if let Some(position) = element.or_else(|| self.position(key)) {
            self.faults.add(&position, text);
        }
    }

    fn position(&self, key: &str) -> Option<Position> {
        let value = self.entry(key).map(|entry| &entry.node.position);
        value.or(self.node.map(|node| &node.position)).cloned()
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.node?.get(key)
    }

    fn note(&mut self, key: &'static str, takes: &str, default: String, doc: &'static str) -> &mut Key {
        self.known.push(key);
        let (path, takes) = (format!("{}{key}", self.prefix), takes.to_owned());
        self.keys.push(Key { path, takes, default, doc, shape: Shape::Any, required: false, secret: false });
        let last = self.keys.len() - 1;
        &mut self.keys[last]
    }

    fn open<'n: 'a>(&mut self, node: Option<&'n Node>) {
        match node {
            Some(node) if matches!(node.value, Value::Map(_) | Value::Null) => self.node = Some(node),
            Some(node) => self.faults.add(&node.position, format!("expected a map, found {}", node.value.kind())),
            None => {}
        }
    }

    fn close(self) {
        let Some(Node { value: Value::Map(entries), .. }) = self.node else { return };
        for entry in entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            let path = format!("{}{}", self.prefix, entry.key);
            let Some(Foreign { text, weight, .. }) = self.foreign.iter().find(|foreign| foreign.path == path) else {
                let text = format!("unknown key {:?}{}", entry.key, suggestion(&entry.key, &self.known));
                self.faults.add(&entry.position, text);
                continue;
            };
            let off = |faults: &mut Faults| match entry.node.value {
                Value::Null => true,
                // What is neither is a fault of its own.
                _ => bool::parse(&entry.node, faults) != Some(true),
            };
            match weight {
                Weight::Notice => self.faults.notice(&entry.position, *text),
                Weight::FaultIfOn if off(self.faults) => {}
                Weight::Fault | Weight::FaultIfOn => self.faults.add(&entry.position, *text),
            }
        }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(line: usize, column: usize, value: Value) -> Node {
        Node::new(Position { file: "f.yaml".into(), line, column }, value)
    }

    fn entry(line: usize, key: &str, value: Value) -> Entry {
        Entry { key: key.into(), position: at(line, 1, Value::Null).position, node: at(line, 10, value) }
    }

    struct Example {
        timeout: Duration,
        insecure: bool,
    }

    impl Configuration for Example {
        fn read(section: &mut Section<'_>) -> Self {
            Self {
                timeout: section.field("timeout", "how long to wait", Duration::from_secs(5)),
                insecure: section.section("tls", |tls| tls.field("insecure", "no TLS", false)),
            }
        }
    }

    #[test]
    fn three_faults_of_one_component_are_three_lines() {
        let node = at(
            1,
            1,
            Value::Map(vec![
                entry(2, "timout", Value::Int(1)),
                entry(3, "timeout", Value::Text("10".into())),
                entry(4, "tls", Value::Map(vec![entry(5, "insecure", Value::Int(1))])),
            ]),
        );
        let mut faults = Faults::default();
        let config = Section::read_node(Some(&node), &mut faults, Example::read);
        assert_eq!((config.timeout, config.insecure), (Duration::from_secs(5), false));
        let lines: Vec<String> = faults.into_sorted().into_iter().map(String::from).collect();
        assert_eq!(
            lines,
            [
                "f.yaml:2:1: unknown key \"timout\", did you mean \"timeout\"?",
                "f.yaml:3:10: time: missing unit in duration \"10\" (write 10s, 10ms, ...)",
                "f.yaml:5:10: expected a boolean, found a whole number",
            ]
        );
    }

    #[test]
    fn a_null_body_means_defaults_and_a_scalar_is_a_fault() {
        let mut faults = Faults::default();
        Section::read_node(Some(&at(1, 1, Value::Null)), &mut faults, Example::read);
        Section::read_node(None, &mut faults, Example::read);
        assert!(faults.is_empty());
        Section::read_node(Some(&at(1, 1, Value::Int(3))), &mut faults, Example::read);
        assert_eq!(faults.into_sorted()[0].text, "expected a map, found a whole number");
    }

    #[test]
    fn a_switch_that_is_not_here_may_be_off() {
        let foreign = [Foreign { path: "waits", text: "is not supported", weight: Weight::FaultIfOn }];
        for (value, said) in [
            (Value::Null, vec![]),
            (Value::Bool(false), vec![]),
            (Value::Bool(true), vec!["is not supported"]),
            (Value::Text("no".into()), vec!["expected a boolean, found a string"]),
        ] {
            let (node, mut faults) = (at(1, 1, Value::Map(vec![entry(2, "waits", value)])), Faults::default());
            Section::read_beside(&foreign, Some(&node), &mut faults, Example::read);
            let texts: Vec<String> = faults.into_sorted().into_iter().map(|fault| fault.text).collect();
            assert_eq!(texts, said);
        }
    }

    #[test]
    fn describing_lists_every_key_with_its_path_and_default() {
        let keys = Section::describe(Example::read);
        let shown: Vec<(&str, &str)> = keys.iter().map(|key| (&*key.path, &*key.default)).collect();
        assert_eq!(shown, [("timeout", "5s"), ("tls.insecure", "false")]);
    }
}
