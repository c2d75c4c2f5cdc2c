//! Types that one configuration value can have.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::{Faults, Node, Shape, Value};

/// A type that a configuration value can have.
pub trait Field: Sized {
    /// Its name in help and faults, such as `a duration`.
    const TYPE: &'static str;

    /// The value at `node`; where it is none, a fault is noted and `None` comes back.
    fn parse(node: &Node, faults: &mut Faults) -> Option<Self>;

    /// As it would be written in YAML.
    fn show(&self) -> String;

    /// What it looks like, for a schema.
    #[must_use]
    fn shape() -> Shape {
        Shape::Any
    }

    /// What a reference to something that is not there means, as in the Collector; `None` means the default.
    #[must_use]
    fn zero(_unset: &Node) -> Option<Self> {
        None
    }
}

/// A number of bytes, written as `32MiB`, `8KB` or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl std::fmt::Display for ByteSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = BYTE_UNITS.iter().rev().find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size));
        match unit {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Field for bool {
    const TYPE: &'static str = "a boolean";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        match node.value {
            Value::Bool(truth) => Some(truth),
            _ => mismatch::<Self>(node, faults),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn shape() -> Shape {
        Shape::Bool
    }

    fn zero(_unset: &Node) -> Option<Self> {
        Some(false)
    }
}

impl Field for u64 {
    const TYPE: &'static str = "a whole number";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        match node.value {
            Value::Int(number) => Self::try_from(number).ok().or_else(|| {
                faults.add(&node.position, format!("must not be negative, is {number}"));
                None
            }),
            // 1e6 is whole too; what is below 2^53 is exact.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be whole and in range"
            )]
            Value::Float(number) if number.fract() == 0.0 && (0.0..9e15).contains(&number) => Some(number as Self),
            _ => mismatch::<Self>(node, faults),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn shape() -> Shape {
        Shape::Unsigned(Self::MAX)
    }

    fn zero(_unset: &Node) -> Option<Self> {
        Some(0)
    }
}

impl Field for u32 {
    const TYPE: &'static str = u64::TYPE;

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        let number = u64::parse(node, faults)?;
        Self::try_from(number).ok().or_else(|| {
            faults.add(&node.position, format!("must be at most {}, is {number}", Self::MAX));
            None
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn shape() -> Shape {
        Shape::Unsigned(Self::MAX.into())
    }

    fn zero(_unset: &Node) -> Option<Self> {
        Some(0)
    }
}

impl Field for f64 {
    const TYPE: &'static str = "a number";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        match node.value {
            Value::Float(number) if number.is_finite() => Some(number),
            #[expect(clippy::cast_precision_loss, reason = "a factor or a share, never a count")]
            Value::Int(number) => Some(number as Self),
            _ => mismatch::<Self>(node, faults),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn shape() -> Shape {
        Shape::Number
    }

    fn zero(_unset: &Node) -> Option<Self> {
        Some(0.0)
    }
}

impl Field for String {
    const TYPE: &'static str = "a string";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        node.text().map(str::to_owned).or_else(|| mismatch::<Self>(node, faults))
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }

    fn shape() -> Shape {
        Shape::Text
    }

    fn zero(unset: &Node) -> Option<Self> {
        Some(unset.text().unwrap_or_default().to_owned())
    }
}

impl Field for Duration {
    const TYPE: &'static str = "a duration";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        let parsed = match &node.value {
            Value::Text(text) => parse_duration(text),
            Value::Int(0) => Ok(Self::ZERO),
            Value::Int(number) => {
                Err(format!("time: missing unit in duration \"{number}\" (write {number}s, {number}ms, ...)"))
            }
            _ => return mismatch::<Self>(node, faults),
        };
        parsed.map_err(|text| faults.add(&node.position, text)).ok()
    }

    fn show(&self) -> String {
        let (seconds, nanos) = (self.as_secs(), self.subsec_nanos());
        match (seconds, nanos) {
            (0, 0) => "0s".to_owned(),
            (_, 0) if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
            (_, 0) if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
            (_, 0) => format!("{seconds}s"),
            _ if nanos % 1_000_000 == 0 => format!("{}ms", self.as_millis()),
            _ => format!("{}ns", self.as_nanos()),
        }
    }

    fn shape() -> Shape {
        Shape::Duration
    }

    fn zero(_unset: &Node) -> Option<Self> {
        Some(Self::ZERO)
    }
}

impl Field for ByteSize {
    const TYPE: &'static str = "a size in bytes";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        let parsed = match &node.value {
            Value::Int(number) => u64::try_from(*number).ok(),
            Value::Text(text) => parse_bytes(text),
            _ => return mismatch::<Self>(node, faults),
        };
        if parsed.is_none() {
            faults.add(
                &node.position,
                "invalid size: write a whole number of bytes, or one with KiB, MiB, GiB, KB, MB or GB",
            );
        }
        parsed.map(Self)
    }

    fn show(&self) -> String {
        self.to_string()
    }

    fn shape() -> Shape {
        Shape::Bytes
    }

    fn zero(_unset: &Node) -> Option<Self> {
        Some(Self(0))
    }
}

impl<T: Field> Field for Vec<T> {
    const TYPE: &'static str = "a list";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        match &node.value {
            Value::Null => Some(Self::new()),
            Value::List(_) | Value::Text(_) => every(node.elements().iter().map(|item| element(item, faults))),
            _ => mismatch::<Self>(node, faults),
        }
    }

    fn show(&self) -> String {
        let items: Vec<String> = self.iter().map(Field::show).collect();
        format!("[{}]", items.join(", "))
    }

    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    const TYPE: &'static str = "a map";

    fn parse(node: &Node, faults: &mut Faults) -> Option<Self> {
        match &node.value {
            Value::Null => Some(Self::new()),
            Value::Map(entries) => {
                every(entries.iter().map(|entry| Some((entry.key.clone(), element(&entry.node, faults)?))))
            }
            _ => mismatch::<Self>(node, faults),
        }
    }

    fn show(&self) -> String {
        let mut text = String::from("{");
        for (index, (key, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(text, "{comma}{key}: {}", value.show());
        }
        text + "}"
    }

    fn shape() -> Shape {
        Shape::Map(Box::new(T::shape()))
    }
}

/// The value inside a list or map, where null is a zero.
fn element<T: Field>(node: &Node, faults: &mut Faults) -> Option<T> {
    let zero = if node.value == Value::Null { T::zero(node) } else { None };
    zero.or_else(|| T::parse(node, faults))
}

/// All of them, or none where one is missing; each is looked at, so that all faults show.
fn every<T, C: FromIterator<T>>(values: impl Iterator<Item = Option<T>>) -> Option<C> {
    values.collect::<Vec<_>>().into_iter().collect()
}

fn mismatch<T: Field>(node: &Node, faults: &mut Faults) -> Option<T> {
    faults.add(&node.position, format!("expected {}, found {}", T::TYPE, node.value.kind()));
    None
}

/// Go's `ParseDuration` without a sign: `300ms`, `1.5h`, `1m30s`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {text:?} (write 300ms, 15s, 1m30s, ...)");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() || text.starts_with('-') {
        return Err(invalid());
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" => return Err(format!("time: missing unit in duration {text:?} (write {text}s, {text}ms, ...)")),
            unknown => {
                return Err(format!("time: unknown unit {unknown:?} in duration {text:?} (ns, us, ms, s, m, h)"));
            }
        };
        total += number * seconds;
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(total).map_err(|_| invalid())
}

const BYTE_UNITS: [(&str, u64); 6] =
    [("KB", 1000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20), ("GB", 1_000_000_000), ("GiB", 1 << 30)];

fn parse_bytes(text: &str) -> Option<u64> {
    let (number, size) =
        BYTE_UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size))).unwrap_or((text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        let millis = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("300ms"), Ok(300));
        assert_eq!(millis("1.5h"), Ok(5_400_000));
        assert_eq!(millis("1m30s"), Ok(90_000));
        assert_eq!(millis("0"), Ok(0));
        assert!(millis("10").unwrap_err().starts_with("time: missing unit in duration \"10\""));
        assert!(millis("10x").unwrap_err().contains("unknown unit \"x\""));
        for bad in ["", "-1s", "s", "1..5s", "abc"] {
            assert!(millis(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_and_sizes_print_as_they_are_written() {
        for text in ["15s", "5m", "1h", "300ms", "0s"] {
            assert_eq!(parse_duration(text).unwrap().show(), text);
        }
        for text in ["32MiB", "5KB", "17"] {
            assert_eq!(ByteSize(parse_bytes(text).unwrap()).show(), text);
        }
        assert_eq!(parse_bytes("1 GiB"), Some(1 << 30));
        assert_eq!(parse_bytes("-1"), None);
        assert_eq!(parse_bytes("99999999999999999999GiB"), None);
    }
}
