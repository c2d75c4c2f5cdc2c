//! What was found, by sections; as text it is drawn by `view`, as JSON here.

use receiver_ebpf::Trouble;
use serde_json::{Value, json};

use super::guide::Entry;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Something is less than it could be, or good to know; everything works.
    Note,
    /// Something does not work.
    Wrong,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) state: State,
    /// What was found.
    pub(super) found: String,
    /// What to do, if anything.
    pub(super) mend: String,
    /// The troubleshooting entry of the operations guide that this answers.
    pub(super) guide: Option<Entry>,
}

impl Check {
    pub(super) fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(name, State::Ok, Trouble::new(found, ""))
    }

    pub(super) fn note(name: impl Into<String>, trouble: Trouble) -> Self {
        Self::new(name, State::Note, trouble)
    }

    pub(super) fn wrong(name: impl Into<String>, trouble: Trouble) -> Self {
        Self::new(name, State::Wrong, trouble)
    }

    fn new(name: impl Into<String>, state: State, trouble: Trouble) -> Self {
        Self { name: name.into(), state, found: trouble.what, mend: trouble.mend, guide: None }
    }

    /// Of what works, or does not.
    pub(super) fn of(name: &str, outcome: Result<String, Trouble>) -> Self {
        match outcome {
            Ok(found) => Self::ok(name, found),
            Err(trouble) => Self::wrong(name, trouble),
        }
    }

    /// Where something is not well, it answers `entry`.
    pub(super) fn answers(mut self, entry: Entry) -> Self {
        self.guide = (self.state != State::Ok).then_some(entry);
        self
    }
}

/// Checks under one heading.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) checks: Vec<Check>,
}

/// All that was found.
#[derive(Debug)]
pub(super) struct Report(pub(super) Vec<Section>);

impl Report {
    pub(super) fn checks(&self) -> impl Iterator<Item = &Check> {
        self.0.iter().flat_map(|section| &section.checks)
    }

    pub(super) fn count(&self, state: State) -> usize {
        self.checks().filter(|check| check.state == state).count()
    }

    /// Whether nothing is wrong.
    pub(super) fn works(&self) -> bool {
        self.count(State::Wrong) == 0
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        let check = |section: &Section, check: &Check| {
            json!({
                "section": section.title,
                "name": check.name,
                "state": check.state.word(),
                "found": check.found,
                "mend": check.mend,
                "guide": check.guide.map(Entry::heading),
            })
        };
        let checks = self.0.iter().flat_map(|section| section.checks.iter().map(|one| check(section, one)));
        let checks: Vec<Value> = checks.collect();
        format!("{:#}\n", json!({ "version": env!("CARGO_PKG_VERSION"), "works": self.works(), "checks": checks }))
    }
}
