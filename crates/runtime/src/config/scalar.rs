//! What a plain scalar means: as yaml.v3 of Go reads it, which is what the Collector has.

use component::config::Value;

/// The value of an unquoted scalar; `yes`, `on` and the like are texts, and so are dates.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.as_bytes()[0] {
        b'.' => float(text),
        b'+' | b'-' | b'0'..=b'9' => {
            // 1_000 is a number there.
            let digits = text.replace('_', "");
            integer(&digits).map(Value::Int).or_else(|| float(&digits))
        }
        _ => None,
    };
    number.unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// Go's `ParseInt` with base 0: what begins with 0 is octal, with 0x, 0o and 0b what it says.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -number } else { number }).ok()
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, which is what Rust reads but for its words.
fn float(text: &str) -> Option<Value> {
    let known = |c: char| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-');
    let number: f64 = text.chars().all(known).then(|| text.parse().ok())??;
    number.is_finite().then_some(Value::Float(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_go_makes_of_them() {
        for null in ["", "~", "null"] {
            assert_eq!(plain(null), Value::Null);
        }
        assert_eq!(plain("True"), Value::Bool(true));
        let integers = [("0", 0), ("-12", -12), ("+3", 3), ("0123", 83), ("0x1F", 31), ("0o17", 15), ("-0b11", -3)];
        for (text, number) in integers.into_iter().chain([("1_000", 1000), ("-9223372036854775808", i64::MIN)]) {
            assert_eq!(plain(text), Value::Int(number), "{text}");
        }
        let floats = [("1.5", 1.5), (".5", 0.5), ("2.", 2.0), ("-1e3", -1000.0), ("-.inf", f64::NEG_INFINITY)];
        for (text, number) in
            floats.into_iter().chain([("08", 8.0), ("9223372036854775808", 9_223_372_036_854_775_808.0)])
        {
            assert_eq!(plain(text), Value::Float(number), "{text}");
        }
        for text in [
            "yes", "on", "off", "tRUE", "inf", "nan", "infinity", "0x-5", "0xg", "1s", ".", "-", "+", "1e999", "_1",
            "0x",
        ] {
            assert_eq!(plain(text), Value::Text(text.into()), "{text}");
        }
    }
}
