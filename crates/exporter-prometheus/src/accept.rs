//! Which format a scraper prefers, by its `Accept` header (RFC 9110, section 12.5.1).
//!
//! Whatever the header is, a page is served: what cannot be read in it is as if it were not there.

use crate::format::{Format, Syntax};

/// The format to answer with, from the values of all `Accept` headers.
///
/// All but text must be asked for by its full name: text is what people and `*/*` get. Of equal weights, the
/// format that is named first wins. `open_metrics` says whether that is there to be asked for.
pub(crate) fn format<'h>(values: impl Iterator<Item = &'h [u8]>, open_metrics: bool) -> Format {
    let mut wishes: Vec<Wish> = Vec::new();
    let mut place = 0;
    for value in values {
        for range in split(value, b',') {
            place += 1;
            let Some(mut wish) = parse(range) else { continue };
            if wish.format.syntax == Syntax::OpenMetrics && !open_metrics {
                continue;
            }
            wish.place = place;
            match wishes.iter_mut().find(|known| known.format.is_like(wish.format)) {
                // The most specific range that fits speaks for a format, RFC 9110 says.
                Some(known) if wish.specific > known.specific => *known = wish,
                Some(_) => {}
                None => wishes.push(wish),
            }
        }
    }
    // Nobody who can read text is refused, whatever is said of it.
    let better = |a: Wish, b: Wish| if b.rank() > a.rank() { b } else { a };
    wishes.into_iter().filter(|wish| wish.weight > 0).reduce(better).map_or(Format::TEXT, |wish| wish.format)
}

/// How much a format is wanted.
struct Wish {
    format: Format,
    /// In thousandths.
    weight: u16,
    /// How closely the range fits: a wildcard, a half of one, a type, a type with parameters.
    specific: u8,
    /// Position among all ranges.
    place: usize,
}

impl Wish {
    /// A wildcard was not written to say anything about text.
    fn rank(&self) -> (u16, bool, std::cmp::Reverse<usize>) {
        (self.weight, self.specific > WILDCARD, std::cmp::Reverse(self.place))
    }
}

const WILDCARD: u8 = 1;

/// What a media range wishes for, if it is about a format of ours and can be read.
fn parse(range: &[u8]) -> Option<Wish> {
    let mut parts = split(range, b';');
    let media_type = parts.next()?.to_ascii_lowercase();
    let (mut weight, mut parameters) = (1000, Vec::new());
    for part in parts {
        let Some(equals) = part.iter().position(|byte| *byte == b'=') else {
            // An empty parameter is allowed, any other without a value is not.
            if part.is_empty() { continue } else { return None }
        };
        let (name, value) =
            (part[..equals].trim_ascii().to_ascii_lowercase(), unquote(part[equals + 1..].trim_ascii()));
        if name == b"q" {
            weight = parse_weight(&value)?;
            // Prometheus writes its own parameters behind it, too.
            continue;
        }
        parameters.push((name, value));
    }
    let value = |name: &[u8]| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice());
    let has = |name: &[u8], wanted: &[u8]| value(name).is_some_and(|value| value.eq_ignore_ascii_case(wanted));
    let utf8 = has(b"escaping", b"allow-utf-8");
    let (syntax, latest, specific) = match (media_type.as_slice(), value(b"version")) {
        (b"application/vnd.google.protobuf", _)
            if has(b"proto", b"io.prometheus.client.MetricFamily") && has(b"encoding", b"delimited") =>
        {
            (Syntax::Protobuf, true, 4)
        }
        (b"application/openmetrics-text", Some(b"1.0.0")) => (Syntax::OpenMetrics, true, 4),
        (b"application/openmetrics-text", None | Some(b"0.0.1")) => (Syntax::OpenMetrics, false, 3),
        (b"text/plain", Some(b"1.0.0")) => (Syntax::Text, true, 4),
        (b"text/plain", Some(b"0.0.4")) => (Syntax::Text, false, 4),
        (b"text/plain", None) => (Syntax::Text, false, 3),
        (b"text/*", _) => (Syntax::Text, false, 2),
        (b"*/*", _) => (Syntax::Text, false, WILDCARD),
        _ => return None,
    };
    Some(Wish { format: Format { syntax, latest, utf8, timestamps: false }, weight, specific, place: 0 })
}

/// A weight in thousandths: from 0 to 1, with at most three digits after the point.
fn parse_weight(text: &[u8]) -> Option<u16> {
    let (whole, digits) = match text {
        [whole @ (b'0' | b'1')] | [whole @ (b'0' | b'1'), b'.'] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', digits @ ..] if digits.len() <= 3 => (whole, digits),
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        weight = weight * 10 + u16::from(Some(digit).filter(u8::is_ascii_digit)? - b'0');
    }
    (weight <= 1000).then_some(weight)
}

/// The parts of `text` between separators that stand in no quotes, without the blanks around them.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |byte| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        *byte == separator && !quoted
    })
    .map(<[u8]>::trim_ascii)
}

/// The content of a quoted string; anything else as it is.
fn unquote(text: &[u8]) -> Vec<u8> {
    let Some(inner) = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else { return text.to_vec() };
    let mut escaped = false;
    let plain = |byte: &&u8| {
        escaped = !escaped && **byte == b'\\';
        !escaped
    };
    inner.iter().filter(plain).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    fn of(values: &[&str]) -> Format {
        format(values.iter().map(|value| value.as_bytes()), true)
    }

    fn is_protobuf(value: &str) -> bool {
        of(&[&value.replace("PROTOBUF", PROTOBUF)]).syntax == Syntax::Protobuf
    }

    #[test]
    fn prometheus_gets_what_it_lists_first() {
        let with = "PROTOBUF,application/openmetrics-text;version=1.0.0;q=0.8,\
                    application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let later = "PROTOBUF;q=0.6;escaping=allow-utf-8,application/openmetrics-text;version=1.0.0;q=0.5,\
                     text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert!(is_protobuf(with) && is_protobuf(later));
        assert!(of(&[&later.replace("PROTOBUF", PROTOBUF)]).utf8, "its parameters may stand behind the weight");
        let without = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                       application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
                       text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(of(&[without]), Format { syntax: Syntax::OpenMetrics, latest: true, utf8: true, ..Format::TEXT });
        let text = format([without.as_bytes()].into_iter(), false);
        assert_eq!(text, Format { latest: true, utf8: true, ..Format::TEXT });
        let old = "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(of(&[old]), Format { syntax: Syntax::OpenMetrics, ..Format::TEXT });
        for browser in ["", "*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"] {
            assert_eq!(of(&[browser]), Format::TEXT, "{browser}");
        }
        assert_eq!(of(&[]), Format::TEXT);
    }

    #[test]
    fn the_greater_weight_wins_and_of_equal_ones_the_first() {
        assert!(is_protobuf("text/plain;q=0.5,PROTOBUF;q=0.501"));
        assert!(!is_protobuf("PROTOBUF;q=0.5,text/plain;q=0.501"));
        assert!(is_protobuf("PROTOBUF;q=0.5,text/plain;q=0.5") && !is_protobuf("text/plain;q=0.5,PROTOBUF;q=0.5"));
        assert!(is_protobuf("*/*,PROTOBUF"), "a wildcard says nothing of text");
        assert!(!is_protobuf("PROTOBUF;q=0.1,*/*"));
        assert!(is_protobuf("text/plain;q=0,*/*;q=1,PROTOBUF;q=0.1"), "the more specific range speaks for text");
        assert!(!is_protobuf("PROTOBUF;q=0") && !is_protobuf("PROTOBUF;q=0.000,text/plain;q=0"));
        assert!(is_protobuf("PROTOBUF;q=0.5,text/plain;version=2.0.0"), "another version of text is not ours");
        assert!(is_protobuf("application/openmetrics-text;version=2.0.0,PROTOBUF;q=0.5"), "nor of OpenMetrics");
        assert_eq!(of(&["text/plain;q=0.5", PROTOBUF]).syntax, Syntax::Protobuf, "several headers are one");
    }

    #[test]
    fn case_quotes_and_blanks_do_not_matter() {
        assert!(is_protobuf(
            "Application/VND.google.protobuf ; Encoding=\"deli\\mited\"; PROTO=\"io.prometheus.client.MetricFamily\" ;; Q=1."
        ));
        assert!(is_protobuf("x/y;a=\"q=1,text/plain\\\",\" , PROTOBUF;q=0.2"));
    }

    #[test]
    fn other_protobuf_is_not_ours() {
        for other in [
            "application/vnd.google.protobuf",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            "application/vnd.google.protobuf;proto=other;encoding=delimited",
            "application/*",
        ] {
            assert!(!is_protobuf(other), "{other}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_as_if_it_were_not_there() {
        for weight in ["", "2", "1.001", "0.5000", "-1", "NaN", "0,5", "1e0", ".5", "0x1", "0.a"] {
            assert!(!is_protobuf(&format!("PROTOBUF;q={weight}")), "{weight}");
            assert!(is_protobuf(&format!("text/plain;q={weight},PROTOBUF;q=0.1")), "{weight}");
        }
        assert!(is_protobuf(",;,=;=,\u{e9}/*;q,PROTOBUF,\""));
        // Any bytes at all; what matters is that it comes back.
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let pick = usize::try_from(state >> 33).unwrap();
                    *b"text/plain,*;q=01.\"\\ \xff\0".get(pick % 30).unwrap_or(&b'q')
                })
                .collect();
            format([bytes.as_slice(), PROTOBUF.as_bytes()].into_iter(), true);
        }
    }
}
