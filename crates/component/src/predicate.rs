//! A condition on processes that can travel from a processor to a receiver.

use globset::GlobSet;
use pdata::Process;
use regex::RegexSet;

/// Which processes are wanted. Built once from configuration, judged once per process and change of its facts.
#[derive(Debug)]
pub enum Predicate {
    /// Every process.
    All,
    /// The processes that one filter lets through.
    Rule(Rule),
    /// The processes that at least one of these lets through.
    Any(Vec<std::sync::Arc<Predicate>>),
    /// The processes that all of these let through.
    Every(Vec<std::sync::Arc<Predicate>>),
}

/// What one `process_filter` says. Every condition that is set must hold; `exclude` wins.
#[derive(Debug)]
pub struct Rule {
    include: RegexSet,
    exclude: Vec<Pattern>,
    uids: Vec<u32>,
    cgroups: Option<GlobSet>,
    exclude_self: bool,
}

/// An exact name, or a prefix where it ended in `*`.
#[derive(Debug)]
enum Pattern {
    Exact(String),
    Prefix(String),
}

/// Which part of a rule cannot be compiled, and why.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPredicate {
    /// A regular expression in `include`.
    #[error("include[{index}]: {reason}")]
    Include {
        /// Position in the list.
        index: usize,
        /// The regex compiler's words, on one line.
        reason: String,
    },
    /// A glob in `cgroups`.
    #[error("cgroups[{index}]: {reason}")]
    Cgroup {
        /// Position in the list.
        index: usize,
        /// The glob compiler's words.
        reason: String,
    },
}

impl Predicate {
    /// Compiles one filter.
    ///
    /// `include`: regular expressions on comm, unanchored, empty means all. `exclude`: exact names, or a prefix
    /// with `*` at its end. `uids`, `cgroups`: empty means all; cgroups are globs on the cgroup v2 path.
    /// `exclude_self`: not the agent itself.
    ///
    /// # Errors
    /// Every pattern that does not compile.
    pub fn rule(
        include: &[String],
        exclude: &[String],
        uids: &[u32],
        cgroups: &[String],
        exclude_self: bool,
    ) -> Result<Self, Vec<InvalidPredicate>> {
        let mut faults = Vec::new();
        for (index, pattern) in include.iter().enumerate() {
            if let Err(error) = regex::Regex::new(pattern) {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                faults.push(InvalidPredicate::Include { index, reason });
            }
        }
        let mut globs = globset::GlobSetBuilder::new();
        for (index, pattern) in cgroups.iter().enumerate() {
            match globset::Glob::new(pattern) {
                Ok(glob) => {
                    globs.add(glob);
                }
                Err(error) => faults.push(InvalidPredicate::Cgroup { index, reason: error.to_string() }),
            }
        }
        let (Ok(include), Ok(globs)) = (RegexSet::new(include), globs.build()) else { return Err(faults) };
        if !faults.is_empty() {
            return Err(faults);
        }
        let exclude = exclude
            .iter()
            .map(|name| match name.strip_suffix('*') {
                Some(prefix) => Pattern::Prefix(prefix.to_owned()),
                None => Pattern::Exact(name.clone()),
            })
            .collect();
        let cgroups = (!globs.is_empty()).then_some(globs);
        Ok(Self::Rule(Rule { include, exclude, uids: uids.to_vec(), cgroups, exclude_self }))
    }

    /// Whether it looks at [`Process::cgroup`], which takes a search to find out.
    #[must_use]
    pub fn reads_cgroup(&self) -> bool {
        match self {
            Self::All => false,
            Self::Rule(rule) => rule.cgroups.is_some(),
            Self::Any(predicates) | Self::Every(predicates) => {
                predicates.iter().any(|predicate| predicate.reads_cgroup())
            }
        }
    }

    /// Whether `process` is wanted.
    #[must_use]
    pub fn admits(&self, process: &Process) -> bool {
        match self {
            Self::All => true,
            Self::Rule(rule) => rule.admits(process),
            Self::Any(predicates) => predicates.iter().any(|predicate| predicate.admits(process)),
            Self::Every(predicates) => predicates.iter().all(|predicate| predicate.admits(process)),
        }
    }
}

impl Rule {
    /// Every condition that is set, in the order of cost.
    fn admits(&self, process: &Process) -> bool {
        let excluded = (self.exclude_self && process.is_agent)
            || self.exclude.iter().any(|pattern| match pattern {
                Pattern::Exact(name) => *name == *process.comm,
                Pattern::Prefix(prefix) => process.comm.starts_with(prefix),
            });
        !excluded
            && (self.include.is_empty() || self.include.is_match(&process.comm))
            && (self.uids.is_empty() || self.uids.contains(&process.uid))
            && self
                .cgroups
                .as_ref()
                .is_none_or(|globs| process.cgroup.as_ref().is_some_and(|path| globs.is_match(&**path)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn process(comm: &str, uid: u32, cgroup: Option<&str>) -> Process {
        Process { pid: 10, start_boottime: 0, comm: comm.into(), uid, cgroup: cgroup.map(Into::into), is_agent: true }
    }

    fn rule(include: &[&str], exclude: &[&str], uids: &[u32], cgroups: &[&str]) -> Predicate {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        Predicate::rule(&own(include), &own(exclude), uids, &own(cgroups), false).unwrap()
    }

    #[test]
    fn include_is_unanchored_and_exclude_wins() {
        let filter = rule(&["nginx", "postgres.*"], &["nginx-debug", "post*"], &[], &[]);
        assert!(filter.admits(&process("my-nginx", 0, None)));
        assert!(!filter.admits(&process("nginx-debug", 0, None)));
        assert!(!filter.admits(&process("postgres", 0, None)));
        assert!(!filter.admits(&process("sshd", 0, None)));
    }

    #[test]
    fn empty_lists_admit_all_and_every_set_condition_must_hold() {
        assert!(rule(&[], &[], &[], &[]).admits(&process("x", 5, None)));
        let filter = rule(&[], &[], &[5], &["/system.slice/*"]);
        assert!(filter.admits(&process("x", 5, Some("/system.slice/a.service"))));
        assert!(!filter.admits(&process("x", 6, Some("/system.slice/a.service"))));
        assert!(!filter.admits(&process("x", 5, None)));
    }

    #[test]
    fn the_agent_itself_is_excluded_and_unions_admit_what_one_member_does() {
        let own = Arc::new(Predicate::rule(&[], &[], &[], &[], true).unwrap());
        assert!(!own.admits(&process("x", 0, None)));
        assert!(Predicate::Any(vec![own.clone(), Arc::new(Predicate::All)]).admits(&process("x", 0, None)));
        assert!(!Predicate::Every(vec![own, Arc::new(Predicate::All)]).admits(&process("x", 0, None)));
    }

    #[test]
    fn every_bad_pattern_is_named() {
        let faults =
            Predicate::rule(&["ok".into(), "(".into(), "[".into()], &[], &[], &["{".into()], false).unwrap_err();
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert!(texts[0].starts_with("include[1]: unclosed group"), "{texts:?}");
        assert!(texts.iter().all(|text| !text.contains('\n')));
    }
}
