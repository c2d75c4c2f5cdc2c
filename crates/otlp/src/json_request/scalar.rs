//! Values that are neither lists nor objects, as protobuf's JSON mapping has them.

use serde_json::Number;

/// One of them, where it was read.
pub(super) enum Scalar<'a> {
    Bool(bool),
    Number(Number),
    Text(&'a str),
}

impl Scalar<'_> {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The 64 bits of a whole number, which may stand in a string.
    pub(super) fn whole(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64().or_else(|| number.as_i64().map(i64::cast_unsigned)),
            Self::Text(text) => text.parse::<u64>().ok().or_else(|| text.parse().ok().map(i64::cast_unsigned)),
            Self::Bool(_) => None,
        }
    }

    /// The same of 32 bits.
    pub(super) fn small(&self) -> Option<i32> {
        self.whole().and_then(|number| i32::try_from(number.cast_signed()).ok())
    }

    pub(super) fn double(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            Self::Text("NaN") => Some(f64::NAN),
            Self::Text("Infinity") => Some(f64::INFINITY),
            Self::Text("-Infinity") => Some(f64::NEG_INFINITY),
            Self::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Bool(_) => None,
        }
    }

    /// What stands in base 64.
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        self.text().and_then(from_base64)
    }
}

/// Either alphabet, padded or not, as protobuf's JSON mapping has it.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for chunk in digits.chunks(4) {
        let mut bits = 0_u32;
        for digit in chunk {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(..(chunk.len() * 6 / 8))?);
    }
    (digits.len() % 4 != 1).then_some(out)
}
