//! Protobuf's building blocks, as far as OTLP metrics need them.
//!
//! Every field number here is below 16, so a tag is one byte: number, then wire type.

use pdata::{Attribute, AttributeValue, Value};

/// Size of a field of `len` bytes with its tag and its length.
pub(crate) fn field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

pub(crate) fn varint_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// A `sint32` as the varint that it is written as.
pub(crate) fn zigzag(value: i32) -> u64 {
    u64::from(((value << 1) ^ (value >> 31)).cast_unsigned())
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// A field of 64 fixed bits.
pub(crate) fn put_fixed(out: &mut Vec<u8>, tag: u8, bits: u64) {
    out.push(tag);
    out.extend_from_slice(&bits.to_le_bytes());
}

/// Fields that were encoded one after the other under another tag, each of them a message.
pub(crate) fn put_retagged(out: &mut Vec<u8>, tag: u8, fields: &[u8]) {
    let mut at = out.len();
    out.extend_from_slice(fields);
    while at < out.len() {
        out[at] = tag;
        let (mut len, mut shift) = (0, 0);
        loop {
            at += 1;
            let byte = out.get(at).copied().unwrap_or_default();
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        at += 1 + len;
    }
}

/// The length of what stands behind `at`, where one byte was left for it.
pub(crate) fn put_length_at(out: &mut Vec<u8>, at: usize) {
    let len = out.len() - at - 1;
    match u8::try_from(len) {
        Ok(byte @ ..0x80) => out[at] = byte,
        _ => {
            let mut varint = Vec::new();
            put_varint(&mut varint, len as u64);
            out.splice(at..=at, varint);
        }
    }
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Size of what [`put_attribute`] writes.
pub(crate) fn attribute_len(key: &str, value: &Value<'_>) -> usize {
    field_len(field_len(key.len()) + field_len(value_len(value)))
}

/// A `KeyValue` as the field that `tag` names.
pub(crate) fn put_attribute(out: &mut Vec<u8>, tag: u8, key: &str, value: &Value<'_>) {
    let value_len = value_len(value);
    out.push(tag);
    put_varint(out, (field_len(key.len()) + field_len(value_len)) as u64);
    put_bytes(out, 0x0a, key.as_bytes());
    out.push(0x12);
    put_varint(out, value_len as u64);
    put_value(out, value);
}

/// An `AnyValue`.
fn put_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Text(text) => put_bytes(out, 0x0a, text.as_bytes()),
        Value::Bool(truth) => out.extend([0x10, u8::from(*truth)]),
        Value::Int(number) => {
            out.push(0x18);
            put_varint(out, number.cast_unsigned());
        }
        Value::Double(number) => put_fixed(out, 0x21, number.to_bits()),
        Value::List(items) => {
            out.push(0x2a);
            put_varint(out, list_len(items) as u64);
            for item in items.iter().map(AttributeValue::borrow) {
                out.push(0x0a);
                put_varint(out, value_len(&item) as u64);
                put_value(out, &item);
            }
        }
        Value::Map(entries) => {
            out.push(0x32);
            put_varint(out, map_len(entries) as u64);
            for (key, value) in entries.iter() {
                put_attribute(out, 0x0a, key, &value.borrow());
            }
        }
        Value::Bytes(bytes) => put_bytes(out, 0x3a, bytes),
        Value::Empty => {}
    }
}

/// Size of an `AnyValue`.
fn value_len(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => field_len(text.len()),
        Value::Bool(_) => 2,
        Value::Int(number) => 1 + varint_len(number.cast_unsigned()),
        Value::Double(_) => 9,
        Value::List(items) => field_len(list_len(items)),
        Value::Map(entries) => field_len(map_len(entries)),
        Value::Bytes(bytes) => field_len(bytes.len()),
        Value::Empty => 0,
    }
}

fn list_len(items: &[AttributeValue]) -> usize {
    items.iter().map(|item| field_len(value_len(&item.borrow()))).sum()
}

fn map_len(entries: &[Attribute]) -> usize {
    entries.iter().map(|(key, value)| attribute_len(key, &value.borrow())).sum()
}

#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is asked for")]
fn low_byte(value: u64) -> u8 {
    value as u8
}
