//! Values of attributes: owned, and as they are read.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::Attribute;

/// One attribute value. Compares and hashes by content, a double by its bits.
#[derive(Debug, Clone)]
pub enum AttributeValue {
    /// A text known at compile time, such as the name of a syscall.
    Static(&'static str),
    /// A text shared between attribute sets.
    Text(Arc<str>),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A number that need not be whole.
    Double(f64),
    /// Anything.
    Bytes(Arc<[u8]>),
    /// Values one after the other.
    List(Arc<[AttributeValue]>),
    /// Values by key, in their order.
    Map(Arc<[Attribute]>),
    /// A key without a value.
    Empty,
}

/// One attribute value as a set yields it: what it is made of stays where it is.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// A number that need not be whole.
    Double(f64),
    /// Anything.
    Bytes(&'a [u8]),
    /// Values one after the other.
    List(Cow<'a, [AttributeValue]>),
    /// Values by key, in their order.
    Map(Cow<'a, [Attribute]>),
    /// A key without a value.
    Empty,
}

impl AttributeValue {
    /// The text, where the value is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Static(text) => Some(text),
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value, to be read.
    #[must_use]
    pub fn borrow(&self) -> Value<'_> {
        match self {
            Self::Static(text) => Value::Text(text),
            Self::Text(text) => Value::Text(text),
            Self::Int(number) => Value::Int(*number),
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Double(number) => Value::Double(*number),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::List(items) => Value::List(Cow::Borrowed(items)),
            Self::Map(entries) => Value::Map(Cow::Borrowed(entries)),
            Self::Empty => Value::Empty,
        }
    }
}

impl Value<'_> {
    /// The text, where the value is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The value, to be kept.
    #[must_use]
    pub fn to_owned(&self) -> AttributeValue {
        match self {
            Self::Text(text) => AttributeValue::Text((*text).into()),
            Self::Int(number) => AttributeValue::Int(*number),
            Self::Bool(truth) => AttributeValue::Bool(*truth),
            Self::Double(number) => AttributeValue::Double(*number),
            Self::Bytes(bytes) => AttributeValue::Bytes((*bytes).into()),
            Self::List(items) => AttributeValue::List((**items).into()),
            Self::Map(entries) => AttributeValue::Map((**entries).into()),
            Self::Empty => AttributeValue::Empty,
        }
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a.to_bits() == b.to_bits(),
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Empty, Self::Empty) => true,
            _ => false,
        }
    }
}

impl Eq for Value<'_> {}

impl Hash for Value<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Text(text) => text.hash(state),
            Self::Int(number) => number.hash(state),
            Self::Bool(truth) => truth.hash(state),
            Self::Double(number) => number.to_bits().hash(state),
            Self::Bytes(bytes) => bytes.hash(state),
            Self::List(items) => items.hash(state),
            Self::Map(entries) => entries.hash(state),
            Self::Empty => state.write_u8(0),
        }
    }
}

impl PartialEq for AttributeValue {
    fn eq(&self, other: &Self) -> bool {
        self.borrow() == other.borrow()
    }
}

impl Eq for AttributeValue {}

impl Hash for AttributeValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrow().hash(state);
    }
}

impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.borrow().fmt(f)
    }
}

/// As OpenTelemetry says a value becomes a text: a scalar as it is, bytes in base 64, the rest as JSON.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Double(number) => write!(f, "{number}"),
            Self::Bytes(bytes) => base64(bytes, f),
            Self::List(_) | Self::Map(_) => self.json(f),
            Self::Empty => Ok(()),
        }
    }
}

impl Value<'_> {
    fn json(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => quoted(text, f),
            Self::Double(number) if !number.is_finite() => write!(f, "\"{number}\""),
            Self::Int(_) | Self::Bool(_) | Self::Double(_) => fmt::Display::fmt(self, f),
            Self::Bytes(bytes) => {
                f.write_str("\"")?;
                base64(bytes, f)?;
                f.write_str("\"")
            }
            Self::List(items) => {
                for (place, item) in items.iter().enumerate() {
                    f.write_str(if place == 0 { "[" } else { "," })?;
                    item.borrow().json(f)?;
                }
                f.write_str(if items.is_empty() { "[]" } else { "]" })
            }
            Self::Map(entries) => {
                for (place, (key, value)) in entries.iter().enumerate() {
                    f.write_str(if place == 0 { "{" } else { "," })?;
                    quoted(key, f)?;
                    f.write_str(":")?;
                    value.borrow().json(f)?;
                }
                f.write_str(if entries.is_empty() { "{}" } else { "}" })
            }
            Self::Empty => f.write_str("null"),
        }
    }
}

fn quoted(text: &str, f: &mut impl fmt::Write) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

/// Standard alphabet, padded: how bytes stand in a text, here and in OTLP/JSON.
///
/// # Errors
/// Those of `out`.
pub fn base64(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    for chunk in bytes.chunks(3) {
        let at = |index| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * place)) as usize & 63];
            out.write_char(if place > chunk.len() { '=' } else { char::from(digit) })?;
        }
    }
    Ok(())
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_equal_wherever_they_stand() {
        assert_eq!(AttributeValue::Static("a"), AttributeValue::Text("a".into()));
        assert_ne!(AttributeValue::Static("1"), AttributeValue::Int(1));
        assert_eq!(AttributeValue::Double(f64::NAN), AttributeValue::Double(f64::NAN));
        assert_ne!(AttributeValue::Double(0.0), AttributeValue::Double(-0.0));
    }

    #[test]
    fn values_as_text() {
        let text = |value: &AttributeValue| value.to_string();
        let of = |bytes: &[u8]| text(&AttributeValue::Bytes(bytes.into()));
        assert_eq!([of(b""), of(b"f"), of(b"fo"), of(b"foo"), of(b"foob")], ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
        let list = AttributeValue::List([AttributeValue::Static("a\"\n"), AttributeValue::Double(1.5)].into());
        assert_eq!(text(&list), "[\"a\\\"\\u000a\",1.5]");
        let map = AttributeValue::Map([("k".into(), list), ("e".into(), AttributeValue::Empty)].into());
        assert_eq!(text(&map), "{\"k\":[\"a\\\"\\u000a\",1.5],\"e\":null}");
        assert_eq!(text(&AttributeValue::Map([].into())), "{}");
        assert_eq!(text(&AttributeValue::Empty), "");
    }
}
