//! An action as it stands in configuration. Faults are in the Collector's words.

use component::config::{Faults, Field, Node, Section, Shape, Value, suggestion};
use pdata::AttributeValue;

use super::{Action, Source, Verb};

const VERBS: [&str; 5] = ["insert", "update", "upsert", "delete", "rename"];

impl Field for Action {
    const TYPE: &'static str = "a map";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        Section::read_node(Some(node), faults, read)
    }

    fn show(&self) -> String {
        format!("{{key: {}}}", self.key)
    }

    fn shape() -> Shape {
        Shape::Section(Section::describe(read))
    }
}

fn read(section: &mut Section<'_>) -> Option<Action> {
    let text = |section: &mut Section<'_>, key, doc| section.field(key, doc, String::new());
    let key = text(section, "key", "the attribute that it is about");
    let verb = text(section, "action", "insert, update, upsert, delete or rename").to_lowercase();
    let Literal(value) = section.field("value", "what to set it to", Literal(None));
    let from = text(section, "from_attribute", "the attribute to take the value of");
    let new_key = text(section, "new_key", "of rename: what it is called afterwards");
    for other in ["pattern", "from_context", "converted_type"] {
        let verbs = "insert, update, upsert, delete and rename of one key";
        section.refuse(other, &format!("{other:?} is not supported: actions are {verbs}"));
    }

    if key.is_empty() {
        section.fault_at("key", "missing required field \"key\"");
    }
    let verb = match verb.as_str() {
        "insert" | "update" | "upsert" => {
            let source = source(section, value, &from);
            unused(section, &verb, &[("new_key", !new_key.is_empty())]);
            let set: fn(Source) -> Verb = match verb.as_str() {
                "insert" => Verb::Insert,
                "update" => Verb::Update,
                _ => Verb::Upsert,
            };
            set(source?)
        }
        "delete" | "rename" => {
            let (value, from) = (("value", value.is_some()), ("from_attribute", !from.is_empty()));
            if verb == "delete" {
                unused(section, &verb, &[value, from, ("new_key", !new_key.is_empty())]);
                Verb::Delete
            } else {
                unused(section, &verb, &[value, from]);
                if new_key.is_empty() {
                    section.fault_at("new_key", "missing required field \"new_key\" of action \"rename\"");
                }
                Verb::Rename(new_key.into())
            }
        }
        unknown => {
            section.fault_at("action", format!("unsupported action {unknown:?}{}", suggestion(unknown, &VERBS)));
            return None;
        }
    };
    Some(Action { key: key.into(), verb })
}

/// The one of `value` and `from_attribute` that is given.
fn source(section: &mut Section<'_>, value: Option<AttributeValue>, from: &str) -> Option<Source> {
    match (value, from.is_empty()) {
        (Some(value), true) => Some(Source::Value(value)),
        (None, false) => Some(Source::Attribute(from.to_owned().into())),
        (Some(_), false) => {
            section.fault_at("from_attribute", "both fields \"value\" and \"from_attribute\" being set");
            None
        }
        (None, true) => {
            section.fault_at("value", "either field \"value\" or \"from_attribute\" setting must be specified");
            None
        }
    }
}

fn unused(section: &mut Section<'_>, verb: &str, fields: &[(&str, bool)]) {
    for (field, _) in fields.iter().filter(|(_, given)| *given) {
        section.fault_at(field, format!("action {verb:?} does not use the {field:?} field, it must not be specified"));
    }
}

/// The actions under `key`, of which there must be at least one.
pub(crate) fn actions(section: &mut Section<'_>, key: &'static str, doc: &'static str) -> Vec<Action> {
    let Actions(actions) = section.field(key, doc, Actions(None));
    actions.unwrap_or_else(|| {
        section.fault_at(key, format!("missing required field {key:?}"));
        vec![]
    })
}

/// `None` where there are none; where some are faulty, what is wrong has been said, and they are no actions.
struct Actions(Option<Vec<Action>>);

impl Field for Actions {
    const TYPE: &'static str = Vec::<Action>::TYPE;

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        let actions = Vec::parse(node, faults);
        Some(Self(if actions.as_ref().is_some_and(Vec::is_empty) { None } else { Some(actions.unwrap_or_default()) }))
    }

    fn show(&self) -> String {
        self.0.as_deref().unwrap_or_default().to_vec().show()
    }

    fn shape() -> Shape {
        Vec::<Action>::shape()
    }
}

/// A value as YAML has it; `None` where there is none.
struct Literal(Option<AttributeValue>);

impl Field for Literal {
    const TYPE: &'static str = "a string, a whole number or a boolean";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        let value = match &node.value {
            Value::Text(text) => AttributeValue::Text(text.as_str().into()),
            Value::Int(number) => AttributeValue::Int(*number),
            Value::Bool(truth) => AttributeValue::Bool(*truth),
            Value::Null | Value::Float(_) | Value::List(_) | Value::Map(_) => {
                faults.add(&node.position, format!("expected {}, found {}", Self::TYPE, node.value.kind()));
                return None;
            }
        };
        Some(Self(Some(value)))
    }

    fn show(&self) -> String {
        self.0.as_ref().map_or_else(String::new, ToString::to_string)
    }

    fn shape() -> Shape {
        Shape::Either(vec![Shape::Text, Shape::Bool, Shape::Number])
    }
}
