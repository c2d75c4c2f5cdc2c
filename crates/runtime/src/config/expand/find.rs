//! Which reference of a text is expanded next: the first `}` and the last `${` before it.
//!
//! A port of `findURI` of the Collector's confmap, with its quirks: one that is escaped
//! by an odd number of dollar signs is passed over, and so is all that stands before it.

/// The next reference of `text`, with `${` and `}`.
pub(super) fn reference(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(close) = rest.find('}') {
        let open = rest[..=close].rfind("${");
        if let Some(open) = open.filter(|open| dollars_before(rest, *open).is_multiple_of(2)) {
            return Some(&rest[open..=close]);
        }
        rest = &rest[close + 1..];
    }
    None
}

fn dollars_before(text: &str, place: usize) -> usize {
    text.as_bytes()[..place].iter().rev().take_while(|byte| **byte == b'$').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_comes_first_and_an_escaped_one_never() {
        assert_eq!(reference("a ${env:X} ${Y}"), Some("${env:X}"));
        assert_eq!(reference("${env:${env:N}}"), Some("${env:N}"));
        assert_eq!(reference("$${env:X}"), None);
        assert_eq!(reference("$$${env:X}"), Some("${env:X}"));
        assert_eq!(reference("$${a} ${b}"), Some("${b}"));
        assert_eq!(reference("} ${b}"), Some("${b}"));
        for none in ["", "$X", "${", "}", "{}", "$}", "}${"] {
            assert_eq!(reference(none), None, "{none}");
        }
    }
}
