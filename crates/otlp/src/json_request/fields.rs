//! From a value in JSON to the field that it is in protobuf.

use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::parts::Parts;
use super::scalar::Scalar;
use super::schema::Kind::{
    self, Bool, Bytes, Double, Doubles, Fixed, Fixeds, Int, Ints, Message, Messages, Sint, Text,
};
use super::schema::Schema;
use super::skip::Skip;
use super::{Fault, Written};
use crate::wire::{put_length_at, put_varint, zigzag};

/// Reads a value and writes the field that it is.
pub(super) struct Field<'a> {
    out: &'a mut Vec<u8>,
    name: &'static str,
    /// Where there is none it has no tag: in a packed list, and the request itself.
    number: Option<u8>,
    kind: Kind,
}

/// Wire types.
const VARINT: u8 = 0;
const FIXED: u8 = 1;
const BYTES: u8 = 2;

impl<'a> Field<'a> {
    /// The whole of a text.
    pub(super) fn request(out: &'a mut Vec<u8>, schema: &'static Schema) -> Self {
        Field { out, name: "", number: None, kind: Message(schema) }
    }

    fn tag(&mut self, wire_type: u8) {
        if let Some(number) = self.number {
            self.out.push(number << 3 | wire_type);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.tag(BYTES);
        put_varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn varint(&mut self, number: u64) {
        self.tag(VARINT);
        put_varint(self.out, number);
    }

    fn fixed(&mut self, bits: u64) {
        self.tag(FIXED);
        self.out.extend_from_slice(&bits.to_le_bytes());
    }

    fn fault(&self) -> Fault {
        let what = match self.kind {
            Text => "a string",
            Bytes => "bytes in base 64",
            Bool => "true or false",
            Int | Fixed => "a whole number",
            Sint => "a whole number of 32 bits",
            Double => "a number",
            Message(_) => return Fault::NO_MESSAGE,
            Messages(_) | Ints | Fixeds | Doubles => "a list",
        };
        Fault(self.name, what)
    }

    fn scalar(mut self, value: &Scalar<'_>) -> Option<Written> {
        let written = match self.kind {
            Text => value.text().map(|text| self.bytes(text.as_bytes())),
            Bytes => value.bytes().map(|bytes| self.bytes(&bytes)),
            Bool => value.truth().map(|truth| self.varint(truth.into())),
            Int => value.whole().map(|number| self.varint(number)),
            Sint => value.small().map(|number| self.varint(zigzag(number))),
            Fixed => value.whole().map(|number| self.fixed(number)),
            Double => value.double().map(|number| self.fixed(number.to_bits())),
            Message(_) | Messages(_) | Ints | Fixeds | Doubles => None,
        };
        Some(written.ok_or_else(|| self.fault()))
    }

    /// Begins what has a length: where that goes.
    fn begin(&mut self) -> usize {
        self.tag(BYTES);
        self.out.push(0);
        self.out.len() - 1
    }

    fn messages<'de, A: SeqAccess<'de>>(self, schema: &'static Schema, items: &mut A) -> Result<Written, A::Error> {
        loop {
            let item = Field { out: &mut *self.out, kind: Message(schema), ..self };
            match items.next_element_seed(item)? {
                None => return Ok(Ok(())),
                Some(Some(Ok(()))) => {}
                Some(wrong) => return Ok(wrong.unwrap_or(Err(Fault::NO_MESSAGE))),
            }
        }
    }

    fn numbers<'de, A: SeqAccess<'de>>(mut self, kind: Kind, items: &mut A) -> Result<Written, A::Error> {
        let at = self.begin();
        loop {
            let item = Field { out: &mut *self.out, number: None, kind, ..self };
            match items.next_element_seed(item)? {
                None => break,
                Some(Some(Ok(()))) => {}
                Some(_) => return Ok(Err(Fault(self.name, "a list of numbers"))),
            }
        }
        put_length_at(self.out, at);
        Ok(Ok(()))
    }
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    /// None of null.
    type Value = Option<Written>;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Written>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(self.scalar(&Scalar::Bool(truth)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(self.scalar(&Scalar::Number(number.into())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.scalar(&Scalar::Number(number.into())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Number::from_f64(number).and_then(|number| self.scalar(&Scalar::Number(number))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.scalar(&Scalar::Text(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let written = match self.kind {
            Messages(schema) => self.messages(schema, &mut items)?,
            Ints => self.numbers(Int, &mut items)?,
            Fixeds => self.numbers(Fixed, &mut items)?,
            Doubles => self.numbers(Double, &mut items)?,
            _ => Err(self.fault()),
        };
        // What is left where an item is wrong.
        Skip.visit_seq(items)?;
        Ok(Some(written))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, entries: A) -> Result<Self::Value, A::Error> {
        let Message(schema) = self.kind else {
            Skip.visit_map(entries)?;
            return Ok(Some(Err(self.fault())));
        };
        let at = self.number.is_some().then(|| self.begin());
        let written = message(self.out, schema, entries)?;
        if let Some(at) = at {
            put_length_at(self.out, at);
        }
        Ok(Some(written))
    }
}

fn message<'de, A: MapAccess<'de>>(
    out: &mut Vec<u8>,
    schema: &'static Schema,
    mut entries: A,
) -> Result<Written, A::Error> {
    let mut parts = Parts::new(out);
    while let Some(place) = entries.next_key_seed(Key(schema))? {
        let Some((place, &(name, number, kind))) = place.and_then(|place| Some((place, schema.0.get(place)?))) else {
            entries.next_value_seed(Skip)?;
            continue;
        };
        parts.take_out(out, place);
        let start = out.len();
        let written = entries.next_value_seed(Field { out, name, number: Some(number), kind })?;
        parts.put(out, place, start, written);
    }
    Ok(parts.end(out))
}

/// Finds a key in a table.
struct Key(&'static Schema);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Option<usize>, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.0.0.iter().position(|(name, _, _)| *name == key))
    }
}
