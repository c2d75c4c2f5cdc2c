//! `process_filter`: lets through the points of wanted processes.
//!
//! The rule itself is a [`Predicate`], which the runtime carries upstream, so
//! that unwanted processes need not be exported at all; this is the exact judge.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use component::config::{Configuration, Section};
use component::{InvalidPredicate, Predicate, Processor, ProcessorFactory, Stability};
use pdata::{Batch, Process};

/// The `process_filter` processor type.
pub static FACTORY: ProcessorFactory = ProcessorFactory {
    component_type: "process_filter",
    alias: None,
    stability: Stability::Beta,
    summary: "lets through the points of wanted processes, and those that are about no process",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(ProcessFilter::new(&config))))
    },
};

/// Keys of `process_filter`, compiled.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the keys say together; everything, where reading them noted a fault.
    pub predicate: Arc<Predicate>,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let include: Vec<String> =
            section.field("include", "regular expressions on comm, unanchored; empty means all", Vec::new());
        let exclude: Vec<String> =
            section.field("exclude", "exact names, or a prefix with * at its end; wins over include", Vec::new());
        let uids: Vec<u32> = section.field("uids", "user ids; empty means all", Vec::new());
        let cgroups: Vec<String> = section.field("cgroups", "globs on the cgroup v2 path; empty means all", Vec::new());
        let exclude_self = section.field("exclude_self", "leave the agent's own process out", true);

        let predicate = Predicate::rule(&include, &exclude, &uids, &cgroups, exclude_self).unwrap_or_else(|invalid| {
            for error in invalid {
                let (key, index) = match error {
                    InvalidPredicate::Include { index, .. } => ("include", index),
                    InvalidPredicate::Cgroup { index, .. } => ("cgroups", index),
                };
                section.fault_in(key, index, error.to_string());
            }
            Predicate::All
        });
        Self { predicate: Arc::new(predicate) }
    }
}

/// The rule, and what it said of the processes seen so far.
#[derive(Debug)]
pub struct ProcessFilter {
    predicate: Arc<Predicate>,
    /// By address of the process, which its `Weak` keeps from being used again.
    verdicts: HashMap<usize, (Weak<Process>, bool)>,
    /// Number of verdicts at which those of processes that are gone are looked for.
    sweep_at: usize,
}

impl ProcessFilter {
    /// Has judged no process yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { predicate: config.predicate.clone(), verdicts: HashMap::new(), sweep_at: SWEEP_MIN }
    }

    fn admits(&mut self, process: &Arc<Process>) -> bool {
        let judge = || (Arc::downgrade(process), self.predicate.admits(process));
        self.verdicts.entry(Arc::as_ptr(process).addr()).or_insert_with(judge).1
    }

    /// Drops the verdicts of processes that nobody knows any more.
    ///
    /// Sweeping at twice the size that the last sweep left keeps the cost per verdict
    /// constant and the memory within twice the processes known.
    fn sweep(&mut self) {
        if self.verdicts.len() >= self.sweep_at {
            self.verdicts.retain(|_, (process, _)| process.strong_count() > 0);
            self.sweep_at = SWEEP_MIN.max(2 * self.verdicts.len());
            self.verdicts.shrink_to(self.sweep_at);
        }
    }
}

impl Processor for ProcessFilter {
    fn process(&mut self, mut batch: Batch, output: &mut Vec<Batch>) {
        // Points of one process come in a row, so most need no look-up at all.
        let mut last: Option<(Arc<Process>, bool)> = None;
        batch.retain(|process| {
            if let Some((known, verdict)) = &last
                && Arc::ptr_eq(known, process)
            {
                return *verdict;
            }
            let verdict = self.admits(process);
            last = Some((process.clone(), verdict));
            verdict
        });
        drop(last);
        self.sweep();
        if !batch.resources.is_empty() {
            output.push(batch);
        }
    }

    fn predicate(&self) -> Option<Arc<Predicate>> {
        Some(self.predicate.clone())
    }
}

const SWEEP_MIN: usize = 1024;

#[cfg(test)]
mod tests {
    use component::config::{Entry, Faults, Node, Position, Value};

    use super::*;
    use crate::tests::{batch, batch_of, histogram, point, process};

    fn at(line: usize, value: Value) -> Node {
        Node::new(Position { file: "f".into(), line, column: 1 }, value)
    }

    fn texts(line: usize, items: &[&str]) -> Value {
        Value::List(items.iter().zip(line..).map(|(text, line)| at(line, Value::Text((*text).into()))).collect())
    }

    fn read(entries: Vec<(&str, Value)>) -> (Config, Vec<String>) {
        let entries = entries
            .into_iter()
            .map(|(key, value)| Entry { key: key.into(), position: at(1, Value::Null).position, node: at(1, value) })
            .collect();
        let mut faults = Faults::default();
        let config = Section::read_node(Some(&at(1, Value::Map(entries))), &mut faults, Config::read);
        (config, faults.into_sorted().iter().map(ToString::to_string).collect())
    }

    fn filter(entries: Vec<(&str, Value)>) -> ProcessFilter {
        let (config, faults) = read(entries);
        assert!(faults.is_empty(), "{faults:?}");
        ProcessFilter::new(&config)
    }

    #[test]
    fn points_of_wanted_processes_and_of_none_pass() {
        let mut filter = filter(vec![("include", texts(1, &["^nginx"])), ("exclude", texts(1, &["nginx-x"]))]);
        let (nginx, debug, sshd) = (process(1, "nginx"), process(2, "nginx-x"), process(3, "sshd"));
        let points = [Some(&nginx), Some(&nginx), Some(&debug), Some(&sshd), None];
        let mut output = Vec::new();
        filter.process(batch(points.into_iter().map(|who| point(who, 0, 1)).collect()), &mut output);
        assert_eq!(output[0].items(), 3);
        filter.process(batch(vec![point(Some(&sshd), 0, 2)]), &mut output);
        assert_eq!(output.len(), 1, "an empty batch goes nowhere");
        assert!(filter.predicate().unwrap().admits(&nginx));
    }

    #[test]
    fn distributions_are_judged_as_numbers_are() {
        let mut filter = filter(vec![("include", texts(1, &["^nginx"]))]);
        let (nginx, sshd) = (process(1, "nginx"), process(3, "sshd"));
        let points = [Some(&nginx), Some(&sshd), None].map(|who| histogram(who, 0, 1)).to_vec();
        let mut output = Vec::new();
        filter.process(batch_of(vec![point(Some(&sshd), 0, 1)], points), &mut output);
        assert_eq!((output[0].items(), output[0].metrics().count()), (2, 0));
        let kept = output[0].histograms().flat_map(|metric| &metric.points);
        assert!(kept.map(|point| point.attributes.process()).all(|who| who.is_none_or(|who| *who == nginx)));
        filter.process(batch_of(vec![], vec![histogram(Some(&sshd), 0, 2)]), &mut output);
        assert_eq!(output.len(), 1, "an empty batch goes nowhere");
    }

    #[test]
    fn the_agent_itself_is_left_out_unless_asked_for() {
        let own = Arc::new(Process { is_agent: true, ..(*process(9, "tfo-agent")).clone() });
        assert!(!filter(vec![]).admits(&own));
        assert!(filter(vec![("exclude_self", Value::Bool(false))]).admits(&own));
    }

    #[test]
    fn a_verdict_is_kept_while_the_process_is_known_and_not_longer() {
        let mut filter = filter(vec![]);
        let known: Vec<_> = (0..10).map(|pid| process(1_000_000 + pid, "known")).collect();
        for round in 0..20 {
            let strangers = (0..500).map(|pid| point(Some(&process(round * 500 + pid, "short")), 0, 1));
            let points = known.iter().map(|who| point(Some(who), 0, 1)).chain(strangers);
            filter.process(batch(points.collect()), &mut Vec::new());
            assert!(filter.verdicts.len() <= 2 * SWEEP_MIN, "{}", filter.verdicts.len());
        }
        assert!(known.iter().all(|who| filter.verdicts.contains_key(&Arc::as_ptr(who).addr())));
    }

    #[test]
    fn every_faulty_pattern_is_noted_at_its_own_line() {
        let (_, faults) = read(vec![("include", texts(3, &["ok", "("])), ("cgroups", texts(7, &["{"]))]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("f:4:1: include[1]: unclosed group"), "{faults:?}");
        assert!(faults[1].starts_with("f:7:1: cgroups[0]: "), "{faults:?}");
    }
}
