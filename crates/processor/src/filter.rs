//! `filter`: drops whole metrics by their name, and metrics of a source by what it is.
//!
//! The Collector's classic `include` and `exclude`; its conditions in OTTL are refused by name.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use component::config::{Configuration, Faults, Field, Node, Section};
use component::{Processor, ProcessorFactory, Stability};
use pdata::{Batch, Descriptor, Resource};
use regex::Regex;

/// The `filter` processor type.
pub static FACTORY: ProcessorFactory = ProcessorFactory {
    component_type: "filter",
    alias: None,
    stability: Stability::Alpha,
    summary: "lets metrics through, or drops them, by their names and the attributes of their resource",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(Filter::new(config.clone()))))
    },
};

/// Keys of `filter`.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Only what matches passes; `None` where the key is not there.
    pub include: Option<Matcher>,
    /// What matches does not pass, whatever `include` says.
    pub exclude: Option<Matcher>,
}

/// What is matched: a metric whose name is one of those, of a resource that has all of these attributes.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    /// None means any.
    names: Vec<Text>,
    resource_attributes: Vec<(String, Text)>,
}

#[derive(Debug, Clone)]
enum Text {
    Exactly(String),
    Matching(Regex),
}

impl Text {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == text,
            Self::Matching(pattern) => pattern.is_match(text),
        }
    }
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let modes = [("propagate", ()), ("ignore", ()), ("silent", ())];
        section.choice("error_mode", "accepted and without effect: conditions that can fail are not supported", &modes);
        for key in ["traces", "spans", "logs", "profiles", "metric_conditions", "trace_conditions", "log_conditions"] {
            section.refuse(key, &format!("{key:?} is not supported: use metrics.include and metrics.exclude"));
        }
        section.section("metrics", |section| {
            for key in ["metric", "datapoint"] {
                let instead = "OTTL is not; use include and exclude with match_type, metric_names, resource_attributes";
                section.refuse(key, &format!("{key:?} is not supported: {instead}"));
            }
            let (has_include, has_exclude) = (section.has("include"), section.has("exclude"));
            let include = section.section("include", Matcher::read);
            let exclude = section.section("exclude", Matcher::read);
            if !has_include && !has_exclude {
                section.fault_at("include", "'include' or 'exclude' must be set");
            }
            Self { include: has_include.then_some(include), exclude: has_exclude.then_some(exclude) }
        })
    }
}

impl Configuration for Matcher {
    fn read(section: &mut Section<'_>) -> Self {
        let choices = [("strict", false), ("regexp", true)];
        let regexp =
            section.choice("match_type", "how texts are matched; regular expressions are unanchored", &choices);
        let names: Vec<String> = section.field("metric_names", "names of metrics, any of them; none means all", vec![]);
        let Pairs(pairs) = section.field(
            "resource_attributes",
            "attributes that the resource has, all of them: maps of key and value",
            Pairs::default(),
        );
        if names.is_empty() && pairs.is_empty() {
            section.fault_at("metric_names", "'metric_names' or 'resource_attributes' must be set");
        }
        let mut text = |key, index, text: String| match Regex::new(&text) {
            _ if !regexp => Some(Text::Exactly(text)),
            Ok(pattern) => Some(Text::Matching(pattern)),
            Err(error) => {
                section.fault_in(key, index, error.to_string());
                None
            }
        };
        let names =
            names.into_iter().enumerate().filter_map(|(index, name)| text("metric_names", index, name)).collect();
        let pairs = pairs.into_iter().enumerate();
        let resource_attributes =
            pairs.filter_map(|(index, (key, value))| Some((key, text("resource_attributes", index, value)?))).collect();
        Self { names, resource_attributes }
    }
}

/// Maps of `key` and `value`.
#[derive(Default, Clone)]
struct Pairs(Vec<(String, String)>);

impl Field for Pairs {
    const TYPE: &'static str = "a list of maps";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        Vec::<Pair>::parse(node, faults)
            .map(|pairs| Self(pairs.into_iter().map(|Pair(key, value)| (key, value)).collect()))
    }

    fn show(&self) -> String {
        "[]".to_owned()
    }
}

struct Pair(String, String);

impl Field for Pair {
    const TYPE: &'static str = "a map";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        Section::read_node(Some(node), faults, |section| {
            let key = section.required("key", "the attribute", String::new());
            Some(Self(key, section.field("value", "its value", String::new())))
        })
    }

    fn show(&self) -> String {
        format!("{{key: {}, value: {}}}", self.0, self.1)
    }
}

impl Matcher {
    fn matches_name(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted.matches(name))
    }

    fn matches_resource(&self, resource: &Resource) -> bool {
        self.resource_attributes.iter().all(|(key, wanted)| {
            let value = resource.attributes.iter().find(|(name, _)| name.as_str() == key).map(|(_, value)| value);
            value.is_some_and(|value| match value.as_str() {
                Some(text) => wanted.matches(text),
                None => wanted.matches(&value.to_string()),
            })
        })
    }
}

/// The rules, and what they said of the metrics seen so far.
#[derive(Debug)]
pub struct Filter {
    config: Config,
    /// By address of the descriptor, which its `Weak` keeps from being used again: whether its name is in
    /// `include`, and in `exclude`.
    names: HashMap<usize, (Weak<Descriptor>, [bool; 2])>,
    sweep_at: usize,
}

const SWEEP_MIN: usize = 1024;

impl Filter {
    /// Has judged no metric yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, names: HashMap::new(), sweep_at: SWEEP_MIN }
    }

    fn keeps(&mut self, [included, excluded]: [bool; 2], descriptor: &Arc<Descriptor>) -> bool {
        let Self { config, names, .. } = self;
        let [include, exclude] = names
            .entry(Arc::as_ptr(descriptor).addr())
            .or_insert_with(|| {
                let of = |matcher: &Option<Matcher>| {
                    matcher.as_ref().is_some_and(|matcher| matcher.matches_name(&descriptor.name))
                };
                (Arc::downgrade(descriptor), [of(&config.include), of(&config.exclude)])
            })
            .1;
        let wanted = config.include.is_none() || (included && include);
        wanted && !(excluded && exclude)
    }
}

impl Processor for Filter {
    fn process(&mut self, mut batch: Batch, output: &mut Vec<Batch>) {
        batch.resources.retain_mut(|metrics| {
            let of = |matcher: &Option<Matcher>| {
                matcher.as_ref().is_some_and(|matcher| matcher.matches_resource(&metrics.resource))
            };
            let source = [of(&self.config.include), of(&self.config.exclude)];
            metrics.scopes.retain_mut(|scope| {
                scope.metrics.retain(|metric| self.keeps(source, &metric.descriptor));
                scope.histograms.retain(|metric| self.keeps(source, &metric.descriptor));
                !scope.metrics.is_empty() || !scope.histograms.is_empty()
            });
            !metrics.scopes.is_empty()
        });
        if self.names.len() >= self.sweep_at {
            self.names.retain(|_, (descriptor, _)| descriptor.strong_count() > 0);
            self.sweep_at = SWEEP_MIN.max(2 * self.names.len());
            self.names.shrink_to(self.sweep_at);
        }
        if !batch.resources.is_empty() {
            output.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use component::config::Value;
    use pdata::{AttributeValue, Instrument, Metric, ResourceMetrics};

    use super::*;
    use crate::tests::{batch_as, list, map, point, read, text};

    fn config(metrics: Vec<(&str, Value)>) -> (Config, Vec<String>) {
        read(vec![("metrics", map(metrics))], Config::read)
    }

    fn matcher(kind: &str, names: &[&str], attributes: &[(&str, &str)]) -> Value {
        let pair = |(key, value): &(&str, &str)| map(vec![("key", text(key)), ("value", text(value))]);
        map(vec![
            ("match_type", text(kind)),
            ("metric_names", list(names.iter().map(|name| text(name)).collect())),
            ("resource_attributes", list(attributes.iter().map(pair).collect())),
        ])
    }

    /// What passes of metrics a.one, a.two and b of hosts x and y.
    fn passing(metrics: Vec<(&str, Value)>) -> String {
        let (config, faults) = config(metrics);
        assert!(faults.is_empty(), "{faults:?}");
        let mut filter = Filter::new(config);
        let template = batch_as(Instrument::Gauge, vec![point(None, 1, 1)]);
        let mut batch = Batch::default();
        for host in ["x", "y"] {
            let mut scope = template.resources[0].scopes[0].clone();
            let metric = scope.metrics.remove(0);
            scope.histograms.clear();
            for name in ["a.one", "a.two", "b"] {
                let descriptor = Descriptor { name: name.into(), ..(*metric.descriptor).clone() };
                scope.metrics.push(Metric { descriptor: Arc::new(descriptor), points: metric.points.clone() });
            }
            let resource =
                Resource::new(vec![("host", AttributeValue::Static(host)), ("cpus", AttributeValue::Int(4))]);
            batch.resources.push(ResourceMetrics { resource: Arc::new(resource), scopes: vec![scope] });
        }
        let mut output = Vec::new();
        filter.process(batch, &mut output);
        let shown = output.iter().flat_map(|batch| &batch.resources).flat_map(|resource| {
            let host = resource.resource.attributes.iter().find(|(key, _)| *key == "host").unwrap().1.to_string();
            let metrics = resource.scopes.iter().flat_map(|scope| &scope.metrics);
            metrics.map(move |metric| format!("{host}:{} ", metric.descriptor.name)).collect::<Vec<_>>()
        });
        shown.collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn names_are_exact_or_expressions_and_exclude_wins() {
        assert_eq!(passing(vec![("include", matcher("strict", &["b", "a.one"], &[]))]), "x:a.one x:b y:a.one y:b");
        assert_eq!(passing(vec![("exclude", matcher("regexp", &["^a\\."], &[]))]), "x:b y:b");
        assert_eq!(
            passing(vec![("include", matcher("regexp", &["a"], &[])), ("exclude", matcher("strict", &["a.two"], &[]))]),
            "x:a.one y:a.one"
        );
        assert_eq!(passing(vec![("include", matcher("strict", &["a"], &[]))]), "", "an empty batch goes nowhere");
    }

    #[test]
    fn a_source_matches_with_all_of_the_attributes() {
        assert_eq!(
            passing(vec![("exclude", matcher("strict", &[], &[("host", "x"), ("cpus", "4")]))]),
            "y:a.one y:a.two y:b"
        );
        assert_eq!(
            passing(vec![("exclude", matcher("strict", &["b"], &[("host", "x")]))]),
            "x:a.one x:a.two y:a.one y:a.two y:b"
        );
        assert_eq!(passing(vec![("include", matcher("regexp", &["^a.o"], &[("host", "[y-z]")]))]), "y:a.one");
        assert_eq!(passing(vec![("include", matcher("strict", &[], &[("host", "x"), ("none", "")]))]), "");
    }

    #[test]
    fn ottl_and_what_says_nothing_are_faults() {
        let fault = |metrics| config(metrics).1.join("\n");
        assert!(
            fault(vec![("metric", list(vec![text("name == \"x\"")]))])
                .contains("\"metric\" is not supported: OTTL is not")
        );
        assert!(fault(vec![]).contains("'include' or 'exclude' must be set"));
        assert!(fault(vec![("include", map(vec![]))]).contains("'metric_names' or 'resource_attributes' must be set"));
        assert!(fault(vec![("include", matcher("regexp", &["("], &[]))]).contains("unclosed group"));
        assert!(fault(vec![("include", matcher("expr", &["x"], &[]))]).contains("must be one of strict, regexp"));
    }
}
