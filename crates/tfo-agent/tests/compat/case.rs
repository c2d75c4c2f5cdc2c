//! A case: files, what they are called with, and what the Collector made of them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use runtime::{Config, Environment, Loading, Source, read_tree};
use serde_json::{Map, Value, json};

use crate::probe::{COMPONENTS, json_of, seen};

/// What stands in a file of tests/compat/cases.
pub(crate) struct Case {
    args: Vec<String>,
    says: Vec<String>,
    variables: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    expected: Value,
}

impl Case {
    /// Reads it; see tests/compat/record.
    pub(crate) fn parse(text: &str) -> Self {
        let mut case = Self {
            args: vec![],
            says: vec![],
            variables: BTreeMap::new(),
            files: BTreeMap::from([(
                "base.yaml".to_owned(),
                include_str!("../../../../tests/compat/base.yaml").into(),
            )]),
            expected: Value::Null,
        };
        let mut current: Option<String> = None;
        for line in text.lines() {
            let name = line.strip_prefix("-- ").and_then(|line| line.strip_suffix(" --"));
            match (name, &current, line.split_once(": ")) {
                (Some(name), ..) => {
                    case.files.insert(name.to_owned(), String::new());
                    current = Some(name.to_owned());
                }
                (None, Some(file), _) => *case.files.get_mut(file).unwrap() += &format!("{line}\n"),
                (None, None, Some(("args", args))) => case.args = words(args),
                (None, None, Some(("says", words))) => case.says.push(words.to_owned()),
                (None, None, Some(("env", variable))) => {
                    let (name, value) = variable.split_once('=').unwrap();
                    case.variables.insert(name.to_owned(), value.to_owned());
                }
                _ => assert!(line.starts_with('#'), "{line}"),
            }
        }
        case.expected = serde_json::from_str(&case.files.remove("expected").unwrap()).unwrap();
        case
    }

    /// How this agent's answer differs from the Collector's.
    pub(crate) fn difference(&self) -> Option<String> {
        let theirs = self.expected.get("fault").map(|lines| lines.to_string());
        match (self.answer(), theirs) {
            (Err(faults), None) => Some(format!("a fault here, and none there: {faults:?}")),
            (Ok(answer), Some(fault)) => Some(format!("no fault here, but there {fault}: {answer}")),
            (Err(faults), Some(_)) => {
                let said = faults.join("\n");
                let missing = self.says.iter().find(|words| !said.contains(words.as_str()));
                missing.map(|words| format!("does not say {words:?}: {said}"))
            }
            (Ok(answer), None) => unequal("", &self.expected, &answer),
        }
    }

    /// What is printed means the same when it is read: it comes to the same text, but for where values came from.
    pub(crate) fn printed_again(&self) -> Option<String> {
        let sources = self.sources().ok()?;
        let loading = Loading { environment: self, ..Loading::default() };
        let first = Config::load_with(&sources, &COMPONENTS, loading).ok()?.print(&COMPONENTS);
        let source = Source::Text { name: "printed", text: first.clone().leak() };
        match Config::load(&[source], &COMPONENTS) {
            Ok(config) => {
                let second = config.print(&COMPONENTS);
                (values(&first) != values(&second)).then(|| format!("printed:\n{first}\nand again:\n{second}"))
            }
            Err(faults) => Some(format!("{faults:?}:\n{first}")),
        }
    }

    fn answer(&self) -> Result<Value, Vec<String>> {
        let sources = self.sources()?;
        let loading = Loading { environment: self, ..Loading::default() };
        let texts = |faults: Vec<component::config::Fault>| faults.into_iter().map(String::from).collect::<Vec<_>>();
        seen();
        let config = Config::load_with(&sources, &COMPONENTS, loading).map_err(texts)?;
        let printed = config.print(&COMPONENTS);
        // What is not a probe would be built too, and harms nobody.
        let _ = config.build();
        let (tree, faults) = read_tree(&printed, "printed");
        assert!(faults.is_empty(), "{faults:?}\n{printed}");
        let printed = json_of(&tree.unwrap());
        let mut answer = seen();
        for (group, components) in printed.as_object().unwrap() {
            let others = components.as_object().into_iter().flatten();
            for (id, body) in others.filter(|(id, _)| id.starts_with("otlp")) {
                answer.entry(group.as_str()).or_insert_with(|| json!({}))[id] = flat(body);
            }
        }
        answer.insert("pipelines".into(), printed["service"]["pipelines"].clone());
        answer.insert("service_extensions".into(), printed["service"]["extensions"].clone());
        answer.insert("logs".into(), printed["service"]["telemetry"]["logs"].clone());
        Ok(answer.into())
    }

    /// As the command line has them: what is set comes last.
    fn sources(&self) -> Result<Vec<Source>, Vec<String>> {
        let (mut sources, mut sets) = (vec![], vec![]);
        for pair in self.args.chunks(2) {
            match &*pair[0] {
                "--config" => sources.push(Source::from_argument(&pair[1]).map_err(|text| vec![text])?),
                "--set" => sets.push(Source::from_set(&pair[1]).map_err(|text| vec![text])?),
                other => panic!("{other}"),
            }
        }
        sources.extend(sets);
        Ok(sources)
    }
}

impl Environment for Case {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let found = self.files.get(path.to_str().unwrap());
        found.cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file or directory"))
    }
}

/// What is printed, without comments, and without a difference between null and a default.
fn values(printed: &str) -> Value {
    json_of(&read_tree(printed, "printed").0.unwrap())
}

/// The words of a command line; what stands between single quotes is one.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// A component as `path: value`.
fn flat(body: &Value) -> Value {
    fn walk(prefix: &str, body: &Value, flat: &mut Map<String, Value>) {
        for (key, value) in body.as_object().into_iter().flatten() {
            let path = format!("{prefix}{key}");
            if path == "headers" {
                let names: Vec<&String> = value.as_object().into_iter().flat_map(Map::keys).collect();
                flat.insert(path, json!(names));
            } else if value.is_object() {
                walk(&format!("{path}."), value, flat);
            } else {
                flat.insert(path, value.clone());
            }
        }
    }
    let mut flattened = Map::new();
    walk("", body, &mut flattened);
    flattened.into()
}

/// Where two answers differ. Of components that are not probes, what only one has is not compared.
fn unequal(path: &str, theirs: &Value, ours: &Value) -> Option<String> {
    let otlp = path.contains("/otlp");
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let keys = theirs.keys().chain(ours.keys().filter(|_| !otlp));
            let key = |key: &String| {
                let (one, other) = (theirs.get(key).unwrap_or(&Value::Null), ours.get(key).unwrap_or(&Value::Null));
                let known = ours.contains_key(key) || !otlp;
                known.then(|| unequal(&format!("{path}/{key}"), one, other)).flatten()
            };
            keys.filter_map(key).next()
        }
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => None,
        (Value::Number(one), Value::String(other)) if Some(nanoseconds(other)) == one.as_f64() => None,
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).find_map(|(one, other)| unequal(path, one, other))
        }
        (Value::Null, Value::Array(items)) if items.is_empty() => None,
        (Value::Array(items), Value::Null) if items.is_empty() => None,
        (Value::Null, Value::Object(items)) | (Value::Object(items), Value::Null) if items.is_empty() => None,
        (one, other) if one == other => None,
        (one, other) => Some(format!("{path}: there {one}, here {other}")),
    }
}

/// A printed duration, in the unit of the Collector's JSON.
fn nanoseconds(text: &str) -> f64 {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "h" => 3600e9,
        "m" => 60e9,
        "s" => 1e9,
        "ms" => 1e6,
        _ => f64::NAN,
    };
    digits.parse::<f64>().unwrap_or(f64::NAN) * unit
}
