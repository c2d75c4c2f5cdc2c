//! The rules of substitution, case by case, and that nothing makes it panic or run away.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::super::yaml;
use super::*;

/// Variables and files of a test.
#[derive(Default)]
struct Made(BTreeMap<&'static str, String>);

impl Environment for Made {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        let found = path.to_str().and_then(|path| self.0.get(path));
        found.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn made(entries: &[(&'static str, &str)]) -> Made {
    Made(entries.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
}

/// What `x: TEXT` becomes, and its faults and notices.
fn expanded(text: &str, environment: &Made) -> (Node, Vec<String>, Vec<String>) {
    let mut faults = Faults::default();
    let tree = yaml::read(&format!("x: {text}\n"), &"f".into(), &mut faults).unwrap();
    let tree = Expansion::new(environment, &mut faults).expand(tree);
    let notices = faults.take_notices().into_iter().map(String::from).collect();
    let faults = faults.into_sorted().into_iter().map(String::from).collect();
    (tree.get("x").unwrap().node.clone(), faults, notices)
}

fn value(text: &str, environment: &[(&'static str, &str)]) -> (Value, Option<String>) {
    let (node, faults, _) = expanded(text, &made(environment));
    assert_eq!(faults, [""; 0], "{text}");
    (node.value.clone(), node.text().map(str::to_owned))
}

fn fault(text: &str, environment: &[(&'static str, &str)]) -> String {
    let (node, mut faults, _) = expanded(text, &made(environment));
    assert_eq!((faults.len(), &node.value, &node.origin), (1, &Value::Null, &None), "{text}: {faults:?}");
    faults.remove(0)
}

#[test]
fn a_whole_reference_is_yaml_and_keeps_its_text() {
    let whole = |is: &str| value("${env:X}", &[("X", is)]);
    assert_eq!(whole("0123"), (Value::Int(83), Some("0123".into())));
    assert_eq!(whole("true"), (Value::Bool(true), Some("true".into())));
    assert_eq!(whole("\"quoted\""), (Value::Text("\"quoted\"".into()), Some("\"quoted\"".into())));
    assert_eq!(whole("a: b: c"), (Value::Text("a: b: c".into()), Some("a: b: c".into())));
    assert_eq!(whole(""), (Value::Null, Some(String::new())));
    assert!(matches!(whole("[1, 2]").0, Value::List(items) if items.len() == 2));
    assert_eq!(value("${X}", &[("X", "1")]).0, Value::Int(1));
    assert_eq!(value("\"${X}\"", &[("X", "1")]).0, Value::Int(1));
}

#[test]
fn inside_of_text_the_original_is_put_in() {
    let both = [("H", "host"), ("P", "0123"), ("E", "")];
    assert_eq!(value("http://${env:H}:${env:P}/", &both).0, Value::Text("http://host:0123/".into()));
    assert_eq!(value("a${E}b", &both).0, Value::Text("ab".into()));
    assert_eq!(value("$H ${ {H", &both).0, Value::Text("$H ${ {H".into()));
}

#[test]
fn defaults_are_for_what_is_not_set() {
    assert_eq!(value("${env:X:-def}", &[]).0, Value::Text("def".into()));
    assert_eq!(value("${env:X:-1}", &[("X", "")]), (Value::Null, Some(String::new())));
    assert_eq!(value("${env:X:-}", &[]), (Value::Null, Some(String::new())));
    assert_eq!(value("${env:X:-a:-b}", &[]).0, Value::Text("a:-b".into()));
    let (node, faults, notices) = expanded("${env:X}", &made(&[]));
    assert!(node.is_unset() && faults.is_empty());
    assert_eq!(
        notices,
        ["f:1:4: environment variable \"X\" is not set, so this is empty; ${env:X:-DEFAULT} gives a default"]
    );
}

#[test]
fn dollar_signs_are_halved_at_the_end() {
    for (text, is) in [("$$", "$"), ("a$$b", "a$b"), ("$${env:X}", "${env:X}"), ("$$$${X}", "$${X}"), ("$", "$")] {
        assert_eq!(value(text, &[("X", "1")]).0, Value::Text(is.into()), "{text}");
    }
    assert_eq!(value("$$${X}", &[("X", "1")]).0, Value::Text("$1".into()));
    assert_eq!(value("${X}", &[("X", "a$$b")]).0, Value::Text("a$b".into()));
}

#[test]
fn what_is_retrieved_is_expanded_again() {
    assert_eq!(value("${A}", &[("A", "${B}"), ("B", "7")]).0, Value::Int(7));
    assert_eq!(value("${env:${N}}", &[("N", "X"), ("X", "deep")]).0, Value::Text("deep".into()));
    assert_eq!(value("${env:A:-${env:B}}", &[("B", "b")]).0, Value::Text("b".into()));
    let (value, _) = value("${M}", &[("M", "{a: \"${B}\", \"${B}\": 1}"), ("B", "b")]);
    let node = Node::new(Position { file: "f".into(), line: 1, column: 1 }, value);
    assert_eq!(node.get("a").unwrap().node.value, Value::Text("b".into()));
    assert!(node.get("${B}").is_some());
}

#[test]
fn files_and_yaml_are_read_too() {
    let a = |value: Value| {
        Node::new(Position { file: "f".into(), line: 1, column: 1 }, value).get("a").unwrap().node.value.clone()
    };
    assert_eq!(a(value("${file:/etc/x}", &[("/etc/x", "a: 1\n")]).0), Value::Int(1));
    assert_eq!(a(value("\"${yaml:a: 1}\"", &[]).0), Value::Int(1));
    assert_eq!(value("${file:t}", &[("t", "token\n")]).0, Value::Text("token\n".into()));
    assert_eq!(value("${yaml:true}", &[]).0, Value::Bool(true));
    assert!(fault("${file:/no}", &[]).starts_with("f:1:4: unable to read the file file:/no: entity not found: check"));
}

#[test]
fn a_value_stands_where_its_reference_stands() {
    let (node, ..) = expanded("${M}", &made(&[("M", "a:\n  b: 1\n")]));
    let a = node.get("a").unwrap();
    let b = &a.node.get("b").unwrap().node;
    assert_eq!([&a.position, &b.position].map(ToString::to_string), ["f:1:4", "f:1:4"]);
    assert_eq!(b.origin.as_ref().unwrap().sources, ["env:M"]);
    let (node, ..) = expanded("${env:X:-secret}", &made(&[]));
    assert_eq!(node.origin.unwrap().sources, ["default of env:X"]);
}

#[test]
fn what_cannot_be_expanded_is_a_fault_in_the_collectors_words() {
    let name = "must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$";
    assert_eq!(fault("${env:1X}", &[]), format!("f:1:4: environment variable \"1X\" has invalid name: {name}"));
    assert_eq!(fault("${}", &[]), format!("f:1:4: environment variable \"\" has invalid name: {name}"));
    assert_eq!(fault("${X:-d}", &[]), "f:1:4: invalid uri: \"X:-d\"", "a scheme has two letters at least");
    assert_eq!(
        fault("${VAR:-d}", &[]),
        "f:1:4: scheme \"VAR\" is not supported for uri \"VAR:-d\", write ${env:NAME:-DEFAULT}"
    );
    assert!(fault("${https://x/y}", &[]).contains("scheme \"https\" is not supported"));
    assert_eq!(fault("${env:a$b}", &[]), "f:1:4: the uri \"env:a$b\" contains unsupported characters ('$')");
    assert_eq!(fault("${A}", &[("A", "${A}")]), "f:1:4: too many recursive expansions");
    assert_eq!(fault("${A}", &[("A", "x${B}"), ("B", "y${A}")]), "f:1:4: too many recursive expansions");
}

#[test]
fn what_grows_without_end_is_stopped() {
    let doubling = ["A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9"];
    let grow = |index: usize| {
        let next = doubling.get(index + 1).map_or("0123456789".to_owned(), |next| format!("${{{next}}}"));
        (doubling[index], next.repeat(10))
    };
    let environment = Made((0..doubling.len()).map(grow).collect());
    let (_, faults, _) = expanded("${A0}", &environment);
    assert_eq!(faults, ["f:1:4: too many recursive expansions"]);
    let itself = made(&[("f.yaml", "{a: \"${file:f.yaml}\", b: \"${file:f.yaml}\"}")]);
    let (_, faults, _) = expanded("${file:f.yaml}", &itself);
    assert_eq!(faults, ["f:1:4: too many recursive expansions"]);
}

#[test]
fn no_text_makes_it_panic() {
    let environment = made(&[("A", "${B}"), ("B", "{a: [\"${A}\", $$, '}']}"), ("C", "}${A"), ("file", "x: ${C}")]);
    let pieces =
        ["${", "}", "$", "$$", "env:", "A", "B", "C", ":-", "file:", "yaml:", "{", "\u{e9}", " ", "[", "\\n", "'"];
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..20_000 {
        let text: String = (0..random.usize(1..12)).map(|_| pieces[random.usize(..pieces.len())]).collect();
        let position = Position { file: "f".into(), line: 1, column: 1 };
        let mut faults = Faults::default();
        Expansion::new(&environment, &mut faults).expand(Node::new(position, Value::Text(text.clone())));
        let mut faults = Faults::default();
        if let Some(tree) = yaml::read(&text, &"f".into(), &mut faults) {
            Expansion::new(&environment, &mut faults).expand(super::super::paths::split(tree));
        }
    }
}
