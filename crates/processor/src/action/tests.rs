//! What each action does, and what is said of a wrong one.

use component::config::Value;

use super::*;
use crate::tests::{list, map, read, text};

fn action(entries: Vec<(&str, Value)>) -> Action {
    let (mut read, faults) =
        read(vec![("actions", list(vec![map(entries)]))], |section| actions(section, "actions", ""));
    assert!(faults.is_empty(), "{faults:?}");
    read.remove(0)
}

fn faults(entries: Vec<(&str, Value)>) -> Vec<String> {
    let faults = read(vec![("actions", list(vec![map(entries)]))], |section| actions(section, "actions", "")).1;
    faults.iter().map(|fault| fault.trim_start_matches("f:1:1: ").to_owned()).collect()
}

/// The set `a=1 b=two` after an action.
fn after(entries: Vec<(&str, Value)>) -> String {
    let mut attributes = pdata::owning(vec![("a", AttributeValue::Int(1)), ("b", AttributeValue::Static("two"))]);
    action(entries).apply(&mut attributes);
    attributes.iter().map(|(key, value)| format!("{key}={value} ")).collect::<String>().trim_end().to_owned()
}

#[test]
fn a_value_is_set_where_the_action_says() {
    let set = |verb, key| after(vec![("key", text(key)), ("value", Value::Bool(true)), ("action", text(verb))]);
    assert_eq!((set("insert", "a"), set("insert", "c")), ("a=1 b=two".into(), "a=1 b=two c=true".into()));
    assert_eq!((set("update", "a"), set("update", "c")), ("a=true b=two".into(), "a=1 b=two".into()));
    assert_eq!((set("upsert", "a"), set("upsert", "c")), ("a=true b=two".into(), "a=1 b=two c=true".into()));
}

#[test]
fn a_value_can_be_another_attribute_s_and_nothing_is_done_where_that_is_not_there() {
    let from = |key| after(vec![("key", text("c")), ("from_attribute", text(key)), ("action", text("upsert"))]);
    assert_eq!((from("b"), from("x")), ("a=1 b=two c=two".into(), "a=1 b=two".into()));
}

#[test]
fn delete_and_rename_take_away() {
    let delete = |key| after(vec![("key", text(key)), ("action", text("delete"))]);
    assert_eq!((delete("a"), delete("x")), ("b=two".into(), "a=1 b=two".into()));
    let rename = |key, to| after(vec![("key", text(key)), ("new_key", text(to)), ("action", text("rename"))]);
    assert_eq!((rename("a", "c"), rename("x", "c")), ("b=two c=1".into(), "a=1 b=two".into()));
    assert_eq!((rename("a", "b"), rename("a", "a")), ("b=1".into(), "b=two a=1".into()));
}

#[test]
fn faults_are_in_the_collector_s_words() {
    let (key, value) = (("key", text("a")), ("value", Value::Int(1)));
    let verb = |verb| ("action", text(verb));
    assert_eq!(faults(vec![value.clone(), verb("insert")]), ["missing required field \"key\""]);
    assert_eq!(
        faults(vec![key.clone(), value.clone(), verb("upset")]),
        ["unsupported action \"upset\", did you mean \"upsert\"?"]
    );
    assert_eq!(
        faults(vec![key.clone(), verb("hash")]),
        ["unsupported action \"hash\" (known: insert, update, upsert, delete, rename)"]
    );
    assert_eq!(
        faults(vec![key.clone(), verb("update")]),
        ["either field \"value\" or \"from_attribute\" setting must be specified"]
    );
    let from = ("from_attribute", text("b"));
    assert_eq!(
        faults(vec![key.clone(), value.clone(), from, verb("insert")]),
        ["both fields \"value\" and \"from_attribute\" being set"]
    );
    assert_eq!(
        faults(vec![key.clone(), value, verb("delete")]),
        ["action \"delete\" does not use the \"value\" field, it must not be specified"]
    );
    assert_eq!(faults(vec![key.clone(), verb("rename")]), ["missing required field \"new_key\" of action \"rename\""]);
    assert_eq!(
        faults(vec![key.clone(), ("value", Value::Float(0.5)), verb("rename"), ("new_key", text("c"))]),
        ["expected a string, a whole number or a boolean, found a number"]
    );
    assert_eq!(
        faults(vec![key, verb("delete"), ("patern", text("x"))]),
        ["unknown key \"patern\", did you mean \"pattern\"?"]
    );
}

#[test]
fn each_of_several_is_looked_at_and_none_at_all_is_a_fault() {
    let read = |list| read(vec![("actions", list)], |section| actions(section, "actions", "")).1;
    let wrong = || map(vec![("key", text("a")), ("action", text("delet"))]);
    let faults = read(list(vec![wrong(), Value::Int(1)]));
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert_eq!(faults[1], "f:2:1: expected a map, found a whole number");
    assert_eq!(read(list(vec![])), ["f:1:1: missing required field \"actions\""]);
    assert_eq!(read(Value::Null), ["f:1:1: missing required field \"actions\""]);
    assert_eq!(read(text("delete")), ["f:1:1: expected a map, found a string"]);
}
