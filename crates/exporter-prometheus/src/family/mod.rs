//! One metric family as text: `# HELP`, `# TYPE` and a line per sample.

mod samples;

use std::fmt::Write as _;

use pdata::{Attribute, AttributeValue, Attributes, Descriptor, Instrument, Latest, NumberKind, Point, SeedName};

use crate::naming::{Naming, OVERFLOW};
use samples::Samples;

/// Names of the families held, each once.
pub(crate) fn names(latest: &Latest, naming: Naming) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    latest.for_each(|descriptor, _| {
        let name = naming.family(descriptor);
        if !names.iter().any(|known| *known == name) {
            names.push(name.into_owned());
        }
    });
    names
}

/// The family called `name`; empty where no metric belongs to it any more.
pub(crate) fn render(latest: &Latest, naming: Naming, name: &str) -> String {
    let (mut text, mut samples, mut source) = (String::new(), Samples::default(), 0);
    latest.for_each(|descriptor, points| {
        if naming.family(descriptor) == name {
            if text.is_empty() {
                write_head(&mut text, name, descriptor);
            }
            source += 1;
            collect(&mut samples, source, naming, descriptor, points);
        }
    });
    for (labels, value) in samples.iter() {
        text.push_str(name);
        text.push_str(labels);
        value.write(&mut text);
    }
    text
}

/// Adds up what one source's points come to per set of labels.
fn collect(samples: &mut Samples, source: u32, naming: Naming, descriptor: &Descriptor, points: &[Point]) {
    let seed = naming.seed(descriptor);
    let (mut attributes, mut labels) = (Vec::new(), String::new());
    for point in points {
        attributes.clear();
        attributes.extend(point.attributes.iter());
        labels.clear();
        match seed {
            Some(seed) => write_seed_labels(&mut labels, seed, &attributes),
            None => write_labels(&mut labels, attributes.iter().map(|(key, value)| (naming.label(key), value))),
        }
        let value = match descriptor.number {
            NumberKind::Unsigned => Value::Whole(point.bits),
            NumberKind::Nanoseconds if seed.is_some() => Value::Whole(point.bits),
            number => Value::Double(point.as_f64(number)),
        };
        samples.add(&labels, source, value);
    }
}

fn write_head(text: &mut String, name: &str, descriptor: &Descriptor) {
    if !descriptor.description.is_empty() {
        let help = descriptor.description.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(text, "# HELP {name} {help}");
    }
    let kind = if descriptor.instrument == Instrument::Counter { "counter" } else { "gauge" };
    let _ = writeln!(text, "# TYPE {name} {kind}");
}

/// The guide's labels in its order; a label whose attribute is missing is left out.
fn write_seed_labels(text: &mut String, seed: &SeedName, attributes: &[Attribute]) {
    let value = |key| attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
    let overflow = value(Attributes::OVERFLOW).map(|value| (OVERFLOW, value));
    let listed = seed.labels.iter().filter_map(|label| Some((label.label, value(label.attribute)?)));
    write_labels(text, overflow.into_iter().chain(listed));
}

fn write_labels<'v, N: AsRef<str>>(text: &mut String, labels: impl Iterator<Item = (N, &'v AttributeValue)>) {
    for (name, value) in labels {
        text.push(if text.is_empty() { '{' } else { ',' });
        text.push_str(name.as_ref());
        text.push_str("=\"");
        match value.as_str() {
            Some(value) => escape(text, value),
            None => {
                let _ = write!(text, "{value}");
            }
        }
        text.push('"');
    }
    if !text.is_empty() {
        text.push('}');
    }
}

fn escape(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            _ => text.push(c),
        }
    }
}

/// A value as it is printed.
enum Value {
    Whole(u64),
    Double(f64),
}

impl Value {
    /// Both are of one metric, hence of one kind.
    fn add(&mut self, other: &Self) {
        match (self, other) {
            (Self::Whole(sum), Self::Whole(more)) => *sum = sum.saturating_add(*more),
            (Self::Double(sum), Self::Double(more)) => *sum += more,
            _ => {}
        }
    }

    /// The end of a line of text format 0.0.4, which spells infinity with a capital.
    fn write(&self, text: &mut String) {
        let _ = match self {
            Self::Whole(value) => writeln!(text, " {value}"),
            Self::Double(value) if value.is_infinite() => {
                writeln!(text, " {}Inf", if *value > 0.0 { '+' } else { '-' })
            }
            Self::Double(value) => writeln!(text, " {value}"),
        };
    }
}

#[cfg(test)]
mod tests;
