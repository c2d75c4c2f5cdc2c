//! What `tfo-agent doctor --json` said.

use std::process::{Command, Stdio};

use serde_json::Value;

/// Every sub-collector.
pub(crate) const ALL: [&str; 6] = ["syscalls", "network", "fileio", "scheduler", "memory", "tcpstate"];

/// What the doctor said.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) report: Value,
}

impl Answer {
    /// Runs `command`, which ends in the agent's binary, with `arguments`.
    pub(crate) fn of(mut command: Command, arguments: &[&str]) -> Self {
        let output = command.args(["doctor", "--json"]).args(arguments).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let report = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
        let answer = Self { code: output.status.code(), report };
        let wrong = answer.states("wrong");
        assert_eq!(answer.report["works"], wrong.is_empty());
        assert_eq!(answer.code, Some(i32::from(!wrong.is_empty())), "{wrong:?}");
        answer
    }

    pub(crate) fn checks(&self) -> &[Value] {
        self.report["checks"].as_array().unwrap()
    }

    /// Names of the checks that are so.
    pub(crate) fn states(&self, state: &str) -> Vec<&str> {
        let checks = self.checks().iter().filter(|check| check["state"] == state);
        checks.map(|check| check["name"].as_str().unwrap()).collect()
    }

    pub(crate) fn check(&self, name: &str) -> &Value {
        let found = self.checks().iter().find(|check| check["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {:#}", self.report))
    }

    /// The check called `name` is so; what was found has all of `found`, what mends it has `mend`.
    #[track_caller]
    pub(crate) fn expect(&self, name: &str, state: &str, found: &[&str], mend: &str) -> &Self {
        let check = self.check(name);
        assert_eq!(check["state"], state, "{check:#}");
        for words in found {
            assert!(check["found"].as_str().unwrap().contains(words), "{words:?} is not in {check:#}");
        }
        assert!(check["mend"].as_str().unwrap().contains(mend), "{mend:?} is not in {check:#}");
        self
    }

    /// The check called `name` is the answer to that entry of the guide.
    #[track_caller]
    pub(crate) fn answers(&self, name: &str, entry: &str) -> &Self {
        assert_eq!(self.check(name)["guide"], entry, "{:#}", self.check(name));
        self
    }

    /// Nothing is wrong but what is named, and every sub-collector that is not has counted what was made.
    #[track_caller]
    pub(crate) fn only(&self, wrong: &[&str]) -> &Self {
        assert_eq!(self.states("wrong"), wrong, "{:#}", self.report);
        for name in ALL.iter().filter(|name| !wrong.contains(name)) {
            self.expect(name, "ok", &["attached by", "made and counted"], "");
        }
        self
    }
}
