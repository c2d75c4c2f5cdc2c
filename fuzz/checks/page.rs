//! What must hold of the page, whatever names and texts stand in what came to the `otlp` receiver.

use std::collections::HashSet;

use component::config::{Configuration as _, Faults, Section};
use exporter_prometheus::{Config, Naming, Strategy};
use otlp::Decoder;

/// The first byte chooses how the page is written, the others are a request, in protobuf or JSON.
pub(crate) fn page(bytes: &[u8]) {
    let Some((choice, request)) = bytes.split_first() else { return };
    let json = || Decoder::default().decode(&otlp::transcode_json(request).ok()?.into()).ok();
    let Some(decoded) = Decoder::default().decode(&request.to_vec().into()).ok().or_else(json) else { return };
    let is = |bit: u8| choice >> bit & 1 == 1;
    let strategies = [
        Strategy::UnderscoreEscapingWithSuffixes,
        Strategy::UnderscoreEscapingWithoutSuffixes,
        Strategy::NoUtf8EscapingWithSuffixes,
        Strategy::NoTranslation,
    ];
    let config = Config {
        naming: if is(0) { Naming::Seed } else { Naming::Otel },
        translation_strategy: if is(0) { strategies[0] } else { strategies[usize::from(choice >> 1 & 3)] },
        send_timestamps: is(3),
        send_created_timestamps: is(4),
        resource_labels: is(5),
        ..Section::read_node(None, &mut Faults::default(), Config::read)
    };
    for accept in [
        "text/plain;version=0.0.4",
        "text/plain;version=1.0.0;escaping=allow-utf-8",
        "application/openmetrics-text;version=1.0.0",
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8",
    ] {
        let page = exporter_prometheus::page_of(&decoded.batch, &config, accept);
        let page = str::from_utf8(&page).expect("a page is text");
        // The guide's page is text, whatever is asked for.
        let asked = |what| !is(0) && accept.contains(what);
        Reading { page, open_metrics: asked("openmetrics"), utf8: asked("utf-8") }.check();
    }
}

/// A page under the rules of its format.
struct Reading<'p> {
    page: &'p str,
    open_metrics: bool,
    utf8: bool,
}

impl Reading<'_> {
    fn check(&self) {
        let body = if self.open_metrics {
            self.page.strip_suffix("# EOF\n").expect("OpenMetrics has an end")
        } else {
            self.page
        };
        assert!(body.is_empty() || body.ends_with('\n'), "the last line has no end");
        let (mut families, mut series) = (HashSet::new(), HashSet::new());
        let mut family = String::new();
        for line in body.split_terminator('\n') {
            if let Some(described) = line.strip_prefix("# ") {
                let (what, rest) = described.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
                let (name, rest) = self.metric(rest);
                assert!(rest.starts_with(' '), "{line:?}");
                match what {
                    "TYPE" => {
                        let kinds = ["counter", "gauge", "histogram", "summary", "info", "unknown"];
                        assert!(kinds.contains(&&rest[1..]), "{line:?}");
                        assert!(families.insert(name.clone()), "a family twice: {line:?}");
                        family = name;
                    }
                    "HELP" => assert!(!families.contains(&name), "{line:?}"),
                    "UNIT" => assert!(self.open_metrics && name == family && family.ends_with(&rest[1..]), "{line:?}"),
                    _ => panic!("{line:?}"),
                }
                continue;
            }
            let (name, labels, rest) = self.series(line);
            assert!(name.starts_with(&family), "{line:?} in the family {family:?}");
            let mut numbers = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line:?}")).split(' ');
            assert!((1..=2).contains(&numbers.clone().count()), "{line:?}");
            assert!(numbers.all(|number| number.parse::<f64>().is_ok()), "{line:?}");
            let names: HashSet<_> = labels.iter().map(|(label, _)| label).collect();
            assert_eq!(names.len(), labels.len(), "a label twice: {line:?}");
            let mut sorted = labels.clone();
            sorted.sort();
            assert!(series.insert((name, sorted)), "a series twice: {line:?}");
        }
    }

    /// A name in front of a space, with quotes where it needs them, and what follows.
    fn metric<'t>(&self, text: &'t str) -> (String, &'t str) {
        if let Some(rest) = text.strip_prefix('"') {
            return self.quoted_name(rest);
        }
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
        assert!(end > 0 && !text.starts_with(|c: char| c.is_ascii_digit()), "{text:?}");
        (text[..end].to_owned(), &text[end..])
    }

    fn quoted_name<'t>(&self, rest: &'t str) -> (String, &'t str) {
        assert!(self.utf8, "a name that this scraper does not take: {rest:?}");
        let (name, rest) = unquote(rest);
        assert!(!name.is_empty(), "{rest:?}");
        (name, rest)
    }

    /// Name, labels and what follows.
    fn series<'t>(&self, line: &'t str) -> (String, Vec<(String, String)>, &'t str) {
        let (mut name, mut rest) = if line.starts_with('{') { (String::new(), line) } else { self.metric(line) };
        let mut labels = Vec::new();
        let Some(mut inner) = rest.strip_prefix('{') else { return (name, labels, rest) };
        loop {
            let (label, after) = if let Some(quoted) = inner.strip_prefix('"') {
                self.quoted_name(quoted)
            } else {
                let (label, after) = self.metric(inner);
                assert!(!label.contains(':'), "{line:?}");
                (label, after)
            };
            if let Some(value) = after.strip_prefix("=\"") {
                let (value, after) = unquote(value);
                labels.push((label, value));
                inner = after;
            } else {
                assert!(name.is_empty() && labels.is_empty(), "{line:?}");
                name = label;
                inner = after;
            }
            if let Some(after) = inner.strip_prefix('}') {
                rest = after;
                break;
            }
            inner = inner.strip_prefix(',').unwrap_or_else(|| panic!("{line:?}"));
        }
        assert!(!name.is_empty(), "{line:?}");
        (name, labels, rest)
    }
}

/// The text up to the closing quote, and what follows.
fn unquote(text: &str) -> (String, &str) {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    loop {
        match characters.next() {
            Some((place, '"')) => return (value, &text[place + 1..]),
            Some((_, '\\')) => value.push(match characters.next() {
                Some((_, 'n')) => '\n',
                Some((_, c @ ('\\' | '"'))) => c,
                other => panic!("{other:?} is escaped in {text:?}"),
            }),
            Some((_, c)) => value.push(c),
            None => panic!("no end of {text:?}"),
        }
    }
}
