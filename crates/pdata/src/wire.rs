//! Reading protobuf, as far as OTLP needs it: fields one after the other, and attributes.
//!
//! Nothing here panics whatever the bytes, nor is anything allocated but for lists and maps, whose depth is bounded.

use std::borrow::Cow;

use crate::{Attribute, AttributeValue, Key, Value};

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Malformed {}

/// What stands in a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field<'a> {
    /// A number of up to 64 bits, as short as it is small.
    Varint(u64),
    /// Eight bytes, little end first.
    Fixed64(u64),
    /// A text, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes, little end first.
    Fixed32(u32),
}

/// The fields of one message.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

const TRUNCATED: Malformed = Malformed("a field ends behind its message");

impl<'a> Reader<'a> {
    /// Of the message in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The number of the next field and what is in it; `None` at the end.
    ///
    /// # Errors
    /// If the bytes are no field. Groups, which OTLP does not have, are none either.
    #[inline]
    pub fn field(&mut self) -> Result<Option<(u32, Field<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let number = number.ok_or(Malformed("a field has a number that none can have"))?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Field::Bytes(self.bytes()?),
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed("a field has a wire type that OTLP does not use")),
        };
        Ok(Some((number, field)))
    }

    /// The tag of the next field, if it is one byte long; moves nowhere.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// What is left.
    #[inline]
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field, if it is bytes under the one-byte `tag` and no longer than nearly all are; moves on only then.
    ///
    /// What this and [`next_fixed64`](Self::next_fixed64) do not take, [`field`](Self::field) takes or refuses.
    #[inline]
    pub fn next_bytes(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (length, rest) = match self.rest {
            [found, length, rest @ ..] if *found == tag && *length < 0x80 => (usize::from(*length), rest),
            [found, low, high, rest @ ..] if *found == tag && (1..0x80).contains(high) => {
                (usize::from(*low & 0x7f) | usize::from(*high) << 7, rest)
            }
            _ => return None,
        };
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// The same of a field of 64 fixed bits.
    #[inline]
    pub fn next_fixed64(&mut self, tag: u8) -> Option<u64> {
        let (found, rest) = self.rest.split_first().filter(|(found, _)| **found == tag)?;
        debug_assert_eq!(found & 7, 1);
        let (bits, rest) = rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*bits))
    }

    /// A number, as in a field or in a packed list.
    ///
    /// # Errors
    /// If it does not end, or is longer than 64 bits.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (place, byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                if place == 9 && *byte > 1 {
                    break;
                }
                self.rest = &self.rest[place + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { TRUNCATED } else { Malformed("a number has more than 64 bits") })
    }

    /// Whether all has been read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Eight bytes, as in a packed list.
    ///
    /// # Errors
    /// If there are fewer.
    #[inline]
    pub fn fixed64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(*array)
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| TRUNCATED)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(bytes)
    }
}

/// Text in `bytes`.
///
/// # Errors
/// If it is not UTF-8.
#[inline]
pub fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))
}

/// The key of a `KeyValue`, and the `AnyValue` that stands beside it.
///
/// # Errors
/// If the bytes are none, or have a part of it twice.
#[inline]
pub fn key_value(bytes: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let (mut key, mut value) = (None, None);
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        let part = match field {
            (1, Field::Bytes(bytes)) => key.replace(bytes),
            (2, Field::Bytes(bytes)) => value.replace(bytes),
            (1 | 2, _) => return Err(WRONG_TYPE),
            _ => None,
        };
        if part.is_some() {
            return Err(Malformed("an attribute has two keys or two values"));
        }
    }
    Ok((text(key.unwrap_or_default())?, value.unwrap_or_default()))
}

/// The key of a `KeyValue` whose value is good: what [`key_value`] and [`any_value`] find, in one pass where it is as
/// short as nearly all are.
///
/// # Errors
/// Where one of the two has one.
#[inline]
pub fn checked_key(bytes: &[u8]) -> Result<&str, Malformed> {
    if let Some(key) = short_key(bytes) {
        return Ok(key);
    }
    let (key, value) = key_value(bytes)?;
    any_value(value)?;
    Ok(key)
}

/// Nearly all texts are plain, which takes a fraction of the time to see.
#[inline]
fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

/// The key of a short text and of a value that is a short text or a number; of anything else `None`, good or not.
#[inline]
fn short_key(bytes: &[u8]) -> Option<&str> {
    let mut reader = Reader::new(bytes);
    let (key, value) = (reader.next_bytes(0x0a)?, reader.next_bytes(0x12)?);
    let good = match value {
        [0x0a, ..] => {
            let mut reader = Reader::new(value);
            is_text(reader.next_bytes(0x0a)?) && reader.is_at_end()
        }
        [0x10 | 0x18, number] => *number < 0x80,
        [0x18, low, high] => *low >= 0x80 && *high < 0x80,
        [0x21, bits @ ..] => bits.len() == 8,
        _ => false,
    };
    std::str::from_utf8(key).ok().filter(|_| good && reader.is_at_end())
}

/// The value in an `AnyValue`.
///
/// # Errors
/// If the bytes are none, have two values, or have lists in lists deeper than [`MAX_DEPTH`].
#[inline]
pub fn any_value(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    any_value_at(bytes, 0)
}

fn any_value_at(bytes: &[u8], depth: usize) -> Result<Value<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut value = None;
    while let Some((number, field)) = reader.field()? {
        let next = match (number, field) {
            (1, Field::Bytes(bytes)) => Value::Text(text(bytes)?),
            (2, Field::Varint(truth)) => Value::Bool(truth != 0),
            (3, Field::Varint(number)) => Value::Int(number.cast_signed()),
            (4, Field::Fixed64(bits)) => Value::Double(f64::from_bits(bits)),
            (5, Field::Bytes(bytes)) => Value::List(Cow::Owned(list(bytes, depth + 1)?)),
            (6, Field::Bytes(bytes)) => Value::Map(Cow::Owned(map(bytes, depth + 1)?)),
            (7, Field::Bytes(bytes)) => Value::Bytes(bytes),
            (1..=7, _) => return Err(WRONG_TYPE),
            _ => continue,
        };
        if value.replace(next).is_some() {
            return Err(Malformed("a value is two values"));
        }
    }
    Ok(value.unwrap_or(Value::Empty))
}

fn list(bytes: &[u8], depth: usize) -> Result<Vec<AttributeValue>, Malformed> {
    let mut items = Vec::new();
    each_value(bytes, depth, |bytes| {
        items.push(any_value_at(bytes, depth)?.to_owned());
        Ok(())
    })?;
    Ok(items)
}

fn map(bytes: &[u8], depth: usize) -> Result<Vec<Attribute>, Malformed> {
    let mut entries = Vec::new();
    each_value(bytes, depth, |bytes| {
        let (key, value) = key_value(bytes)?;
        entries.push((Key::Shared(key.into()), any_value_at(value, depth)?.to_owned()));
        Ok(())
    })?;
    Ok(entries)
}

/// Calls `visit` with each field 1 of a list or map, if that is not too deep.
fn each_value<'a>(
    bytes: &'a [u8],
    depth: usize,
    mut visit: impl FnMut(&'a [u8]) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed("lists in lists of attributes are too deep"));
    }
    let mut reader = Reader::new(bytes);
    while let Some(field) = reader.field()? {
        match field {
            (1, Field::Bytes(bytes)) => visit(bytes)?,
            (1, _) => return Err(WRONG_TYPE),
            _ => {}
        }
    }
    Ok(())
}

/// Lists in lists, and maps in maps, may be so deep.
pub const MAX_DEPTH: usize = 16;

/// A known field that does not hold what it should.
pub const WRONG_TYPE: Malformed = Malformed("a field has another wire type than OTLP gives it");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_within_64_bits() {
        let read = |bytes: &[u8]| Reader::new(bytes).varint();
        assert_eq!(read(&[0x96, 0x01]), Ok(150));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Ok(u64::MAX));
        assert!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).is_err());
        assert!(read(&[0xff; 11]).is_err() && read(&[0x80]).is_err() && read(&[]).is_err());
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for bytes in [&[0x0a, 2, 0][..], &[0x00, 0], &[0x0b], &[0x09, 1, 2, 3], &[0x0d, 1], &[0xff]] {
            assert!(Reader::new(bytes).field().is_err(), "{bytes:?}");
        }
        assert_eq!(Reader::new(&[0x0a, 1, 7]).field(), Ok(Some((1, Field::Bytes(&[7])))));
    }

    #[test]
    fn the_short_way_says_what_the_long_way_says() {
        fn long(bytes: &[u8]) -> Result<&str, Malformed> {
            let (key, value) = key_value(bytes)?;
            any_value(value).map(|_| key)
        }
        let values = [
            &[0x0a, 1, b'x'][..],
            &[0x0a, 1, 0xff],
            &[0x0a, 2, b'x'],
            &[0x0a, 1, b'x', 0x10, 1],
            &[0x0a, 0x81, 0, b'x'],
            &[0x10, 1],
            &[0x10, 0x80],
            &[0x10, 0x80, 1],
            &[0x18, 0xc8, 1],
            &[0x18, 0x80, 0x80],
            &[0x18, 1, 1],
            &[0x21, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x21, 1],
            &[0x20, 1],
            &[0x2a, 0],
            &[],
        ];
        for value in values {
            let length = u8::try_from(value.len()).unwrap();
            for head in [&[0x0a, 1, b'k', 0x12][..], &[0x0a, 1, 0xff, 0x12], &[0x0a, 0x81, 0, b'k', 0x12], &[0x12]] {
                for tail in [&[][..], &[0x0a, 0], &[0x18, 1], &[0x18]] {
                    let bytes = [head, &[length], value, tail].concat();
                    assert_eq!(checked_key(&bytes), long(&bytes), "{bytes:?}");
                }
            }
        }
        let long_text = [&[0x0a, 1, b'k', 0x12, 0xcb, 1, 0x0a, 0xc8, 1][..], &[b'x'; 200]].concat();
        assert_eq!((short_key(&long_text), long(&long_text)), (Some("k"), Ok("k")));
    }

    #[test]
    fn a_field_that_is_not_short_stays_where_it_is() {
        let all = [&[0x0a, 0xc8, 1][..], &[7; 200], &[0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x0a, 0x81, 0, 9]].concat();
        let mut reader = Reader::new(&all);
        assert_eq!((reader.next_bytes(0x12), reader.next_fixed64(0x11)), (None, None));
        assert_eq!(reader.next_bytes(0x0a), Some(&[7; 200][..]));
        assert_eq!(reader.next_fixed64(0x11), Some(0x0807_0605_0403_0201));
        assert_eq!((reader.next_bytes(0x0a), reader.peek()), (None, Some(0x0a)));
        assert_eq!(reader.field(), Ok(Some((1, Field::Bytes(&[9])))));
        let mut cut = Reader::new(&[0x0a, 2, 0]);
        assert_eq!((cut.next_bytes(0x0a), cut.rest().len()), (None, 3));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| {
            let mut bytes = vec![0x10, 1];
            for _ in 0..depth {
                bytes = [vec![0x0a, u8::try_from(bytes.len()).unwrap()], bytes].concat();
                bytes = [vec![0x2a, u8::try_from(bytes.len()).unwrap()], bytes].concat();
            }
            bytes
        };
        assert!(matches!(any_value(&nested(MAX_DEPTH)), Ok(Value::List(_))));
        assert!(any_value(&nested(MAX_DEPTH + 1)).is_err());
    }
}
