//! What a plain scalar means: the core schema of YAML 1.2, and the dollar sign in text.

use component::config::Value;

/// The value of an unquoted scalar; `yes`, `on` and the like are texts.
pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Value::Float(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    if let Some(number) = integer(text) {
        return Value::Int(number);
    }
    // Rust also reads `inf` and `nan` as floats, which are words here.
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    match text.parse() {
        Ok(number) if numeric => Value::Float(number),
        _ => Value::Text(text.to_owned()),
    }
}

fn integer(text: &str) -> Option<i64> {
    let (digits, radix) = match text.get(..2) {
        Some("0x") => (&text[2..], 16),
        Some("0o") => (&text[2..], 8),
        _ => return text.parse().ok(),
    };
    // The sign that Rust takes after the prefix is not YAML.
    (!digits.starts_with(['+', '-'])).then(|| i64::from_str_radix(digits, radix).ok()).flatten()
}

/// The text with `$$` read as `$`, or `None` where it asks for substitution.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '$' && rest.next_if_eq(&'$').is_none() && rest.peek() == Some(&'{') {
            return None;
        }
        plain.push(c);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for null in ["", "~", "null"] {
            assert_eq!(plain(null), Value::Null);
        }
        assert_eq!(plain("True"), Value::Bool(true));
        for (text, number) in [("0", 0), ("-12", -12), ("+3", 3), ("0123", 123), ("0x1F", 31), ("0o17", 15)] {
            assert_eq!(plain(text), Value::Int(number), "{text}");
        }
        for (text, number) in [("1.5", 1.5), (".5", 0.5), ("2.", 2.0), ("-1e3", -1000.0), ("-.inf", f64::NEG_INFINITY)]
        {
            assert_eq!(plain(text), Value::Float(number), "{text}");
        }
        for text in ["yes", "on", "off", "tRUE", "inf", "nan", "infinity", "0x-5", "0xg", "1_000", "1s", ".", "-"] {
            assert_eq!(plain(text), Value::Text(text.into()));
        }
    }

    #[test]
    fn a_double_dollar_is_one_and_a_reference_is_none() {
        assert_eq!(unescape("a$b$$c$$${d"), None);
        assert_eq!(unescape("a$b$$c$${d}").as_deref(), Some("a$b$c${d}"));
        assert_eq!(unescape("${env:X}"), None);
        assert_eq!(unescape("cost: 5$").as_deref(), Some("cost: 5$"));
    }
}
