//! Compatibility: what the real Collector made of every case of tests/compat is what this agent makes of it, but for
//! the differences that are listed with their reasons. `tests/compat/record` asks the Collector.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

mod case;
mod probe;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use case::Case;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/compat")
}

/// The cases below `directory`, by name.
fn gather(directory: &Path, cases: &mut BTreeMap<String, Case>) {
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            gather(&path, cases);
        } else {
            let name = path.strip_prefix(root().join("cases")).unwrap().with_extension("");
            cases.insert(name.display().to_string(), Case::parse(&fs::read_to_string(&path).unwrap()));
        }
    }
}

fn all_cases() -> BTreeMap<String, Case> {
    let mut cases = BTreeMap::new();
    gather(&root().join("cases"), &mut cases);
    assert!(cases.len() >= 60, "{} cases", cases.len());
    cases
}

/// Names of the cases that are to differ, each with a reason: `name: why`.
fn listed() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("differences.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let listed = lines.map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no reason: {line}")));
    listed.map(|(name, reason)| (name.to_owned(), reason.to_owned())).collect()
}

#[test]
fn every_case_is_as_in_the_collector_or_listed_with_a_reason() {
    let all = all_cases();
    let listed = listed();
    let mut wrong = Vec::new();
    for (name, case) in &all {
        match (case.difference(), listed.get(name)) {
            (Some(difference), None) => wrong.push(format!("{name}: {difference}")),
            (None, Some(reason)) => wrong.push(format!("{name}: is as in the Collector now, and listed: {reason}")),
            _ => {}
        }
    }
    wrong.extend(listed.keys().filter(|name| !all.contains_key(*name)).map(|name| format!("{name}: listed, no case")));
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn what_print_config_prints_is_the_same_configuration() {
    let cases = all_cases();
    let wrong: Vec<String> =
        cases.iter().filter_map(|(name, case)| Some(format!("{name}: {}", case.printed_again()?))).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
