//! OpenTelemetry's names as Prometheus has them: compatibility/prometheus_and_openmetrics.md, "Metric Metadata".

use std::borrow::Cow;

use pdata::Instrument;

/// `translation_strategy`: what becomes of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Letters, digits and underscores; the unit and `total` at the end.
    UnderscoreEscapingWithSuffixes,
    /// Letters, digits and underscores.
    UnderscoreEscapingWithoutSuffixes,
    /// Any character; the unit and `total` at the end.
    NoUtf8EscapingWithSuffixes,
    /// As it is.
    NoTranslation,
}

impl Strategy {
    /// Whether any character may stand in a name, where the scraper says so too.
    pub(crate) fn keeps_characters(self) -> bool {
        matches!(self, Self::NoUtf8EscapingWithSuffixes | Self::NoTranslation)
    }

    /// The name of a metric under `namespace`, which may be empty.
    pub(crate) fn metric(self, namespace: &str, name: &str, unit: &str, instrument: Instrument) -> String {
        match self {
            Self::UnderscoreEscapingWithSuffixes => words(namespace, name, unit, instrument),
            Self::UnderscoreEscapingWithoutSuffixes => plain(namespace, name),
            Self::NoUtf8EscapingWithSuffixes => suffixed(prefixed(namespace, name), unit, instrument),
            Self::NoTranslation => prefixed(namespace, name),
        }
    }
}

/// Words joined by underscores, then the unit, then `total` on counters; no word of these twice.
fn words(namespace: &str, name: &str, unit: &str, instrument: Instrument) -> String {
    let mut words: Vec<&str> = name.split(|c: char| !is_letter(c)).filter(|word| !word.is_empty()).collect();
    let (main, per) = unit_words(unit);
    let (main, per) = (underscored(&main), underscored(&per));
    for word in [&main, &per] {
        if !word.is_empty() && !words.contains(&word.as_str()) {
            words.push(word);
        }
    }
    if let Some(last) = last_word(unit, instrument) {
        words.retain(|word| *word != last);
        words.push(last);
    }
    let namespace = plain("", namespace);
    if !namespace.is_empty() {
        words.insert(0, &namespace);
    }
    no_digit_first(words.join("_"))
}

/// Whatever cannot stand in a name is an underscore, several of them one.
fn plain(namespace: &str, name: &str) -> String {
    let escape = |text: &str| {
        let words: Vec<&str> =
            text.split(|c: char| !is_letter(c) && c != '_').filter(|word| !word.is_empty()).collect();
        words.join("_")
    };
    no_digit_first(prefixed(&escape(namespace), &escape(name)))
}

fn prefixed(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}_{name}") }
}

/// The same name with its suffixes; those that it ends in already are not put there again.
fn suffixed(mut name: String, unit: &str, instrument: Instrument) -> String {
    let last = last_word(unit, instrument);
    let (main, per) = unit_words(unit);
    for word in [last.unwrap_or_default(), &per] {
        trim(&mut name, word);
    }
    if !name.ends_with(main.as_ref()) {
        name = format!("{name}_{main}");
    }
    for word in [&per, last.unwrap_or_default()].into_iter().filter(|word| !word.is_empty()) {
        name = format!("{name}_{word}");
    }
    name
}

/// Takes `word` and what separates it off the end.
fn trim(name: &mut String, word: &str) {
    if let Some(rest) = name.strip_suffix(word).filter(|_| !word.is_empty()) {
        let mut rest = rest.chars();
        rest.next_back();
        if !rest.as_str().is_empty() {
            let length = rest.as_str().len();
            name.truncate(length);
        }
    }
}

/// What stands behind the unit.
fn last_word(unit: &str, instrument: Instrument) -> Option<&'static str> {
    match instrument {
        Instrument::Counter => Some("total"),
        Instrument::Gauge if unit == "1" => Some("ratio"),
        _ => None,
    }
}

/// A unit in words, and what it is per: `bytes` and `per_second` of `By/s`. Annotations in braces are no words.
pub(crate) fn unit_words(unit: &str) -> (Cow<'_, str>, Cow<'_, str>) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let word = |symbol: &'static [(&str, &str)], text: &'_ str| {
        let text = text.trim();
        match symbol.iter().find(|(symbol, _)| *symbol == text) {
            Some((_, word)) => (*word).to_owned(),
            None if text.contains(['{', '}']) => String::new(),
            None => text.to_owned(),
        }
    };
    let per = word(&PER_UNITS, per);
    (word(&UNITS, main).into(), if per.is_empty() { per.into() } else { format!("per_{per}").into() })
}

fn underscored(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| !is_letter(c)).filter(|word| !word.is_empty()).collect();
    words.join("_")
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

fn no_digit_first(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

/// A name of a metric that every scraper takes: what it may not have in it is an underscore.
pub(crate) fn escaped(name: &str) -> Cow<'_, str> {
    if is_plain_metric(name) {
        return name.into();
    }
    let fits = |(place, c): (usize, char)| {
        if c == '_' || is_letter(c) && (place > 0 || !c.is_ascii_digit()) { c } else { '_' }
    };
    name.chars().enumerate().map(fits).collect::<String>().into()
}

/// Whether `name` can stand in front of a brace.
pub(crate) fn is_plain_metric(name: &str) -> bool {
    let digit_first = name.starts_with(|c: char| c.is_ascii_digit());
    !name.is_empty() && !digit_first && name.chars().all(|c| c == '_' || is_letter(c))
}

/// Whether `name` can stand in front of an equals sign.
pub(crate) fn is_plain_label(name: &str) -> bool {
    is_plain_metric(name) && !name.contains(':')
}

/// A label name: letters, digits and underscores, no digit first, nor one underscore alone.
pub(crate) fn label(key: &str) -> Cow<'_, str> {
    if is_plain_label(key) && (!key.starts_with('_') || key.starts_with("__")) {
        return key.into();
    }
    let label = key.replace(|c: char| c != '_' && !c.is_ascii_alphanumeric(), "_");
    if label.starts_with(|c: char| c.is_ascii_digit()) {
        format!("key_{label}").into()
    } else if label.starts_with('_') && !label.starts_with("__") {
        format!("key{label}").into()
    } else if label.is_empty() {
        "_".into()
    } else {
        label.into()
    }
}

const UNITS: [(&str, &str); 26] = [
    ("1", ""),
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];

const PER_UNITS: [(&str, &str); 7] =
    [("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

#[cfg(test)]
mod tests {
    use Instrument::{Counter, ExponentialHistogram, Gauge, UpDownCounter};

    use super::*;

    #[test]
    fn words_follow_the_translation_rules() {
        let cases = [
            ("ebpf.syscalls", "{call}", Counter, "ebpf_syscalls_total"),
            ("ebpf.sched.oncpu.time", "s", Counter, "ebpf_sched_oncpu_time_seconds_total"),
            ("process.network.io", "By", Counter, "process_network_io_bytes_total"),
            ("tfo.budget.cpu.utilization", "1", Gauge, "tfo_budget_cpu_utilization_ratio"),
            ("a..total.bytes", "By", Counter, "a_bytes_total"),
            ("9.lives", "1", UpDownCounter, "_9_lives"),
            ("x", "By/s", Gauge, "x_bytes_per_second"),
            ("x", "{packet}/s", Gauge, "x_per_second"),
            ("x", "furlong/fortnight", Gauge, "x_furlong_per_fortnight"),
            ("ebpf.tcp.rtt", "s", ExponentialHistogram, "ebpf_tcp_rtt_seconds"),
            ("\u{fc}ber:fast", "", Gauge, "ber:fast"),
        ];
        for (name, unit, instrument, expected) in cases {
            assert_eq!(words("", name, unit, instrument), expected);
        }
        assert_eq!(words("my-app", "9.lives", "s", Counter), "my_app_9_lives_seconds_total");
    }

    #[test]
    fn each_strategy_does_what_its_name_says() {
        let of = |strategy: Strategy, namespace| strategy.metric(namespace, "http.server_x.duration", "s", Counter);
        assert_eq!(of(Strategy::UnderscoreEscapingWithSuffixes, ""), "http_server_x_duration_seconds_total");
        assert_eq!(of(Strategy::UnderscoreEscapingWithoutSuffixes, "n.s"), "n_s_http_server_x_duration");
        assert_eq!(of(Strategy::NoUtf8EscapingWithSuffixes, ""), "http.server_x.duration_seconds_total");
        assert_eq!(of(Strategy::NoTranslation, "n.s"), "n.s_http.server_x.duration");
        let kept = |name: &str, unit, instrument| suffixed(name.to_owned(), unit, instrument);
        assert_eq!(kept("a.total", "By", Counter), "a_bytes_total");
        assert_eq!(kept("a.bytes", "By/s", Gauge), "a.bytes_per_second");
        assert_eq!(kept("a.ratio", "1", Gauge), "a_ratio");
        assert_eq!(kept("total", "", Counter), "total_total", "nothing would be left of it");
    }

    #[test]
    fn names_that_are_not_negotiated_are_escaped() {
        assert_eq!(escaped("http.server.duration_seconds"), "http_server_duration_seconds");
        assert_eq!(escaped("9\u{fc}:a-"), "__:a_");
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn labels_are_sanitized() {
        let cases = [
            ("process.pid", "process_pid"),
            ("9a-b", "key_9a_b"),
            ("_x", "key_x"),
            ("__name", "__name"),
            ("a:b", "a_b"),
        ];
        for (key, expected) in cases {
            assert_eq!(label(key), expected);
        }
    }
}
