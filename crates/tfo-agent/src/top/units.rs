//! Numbers for people: at most six letters, three digits of them significant.

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Count,
    Bytes,
    Seconds,
    /// A share of one, shown in percent.
    Share,
}

impl Unit {
    /// The number with its unit; a dot for nothing, a dash for what is not known.
    pub(super) fn show(self, value: f64) -> String {
        if value.is_nan() {
            return "-".to_owned();
        }
        if value == 0.0 {
            return "\u{b7}".to_owned();
        }
        match self {
            Self::Count | Self::Bytes if value < 999.5 && value.fract() == 0.0 => format!("{value:.0}"),
            Self::Count => scaled(value, 1000.0, ["", "k", "M", "G", "T", "P"]),
            Self::Bytes => scaled(value, 1024.0, ["", "K", "M", "G", "T", "P"]),
            Self::Share => scaled(value * 100.0, 1000.0, ["", "k", "M", "G", "T", "P"]) + "%",
            Self::Seconds => duration(value),
        }
    }
}

fn scaled(value: f64, step: f64, suffixes: [&str; 6]) -> String {
    let mut value = value;
    for suffix in &suffixes[..5] {
        // 999.5 would be a digit more.
        if value < 999.5 {
            return digits(value) + suffix;
        }
        value /= step;
    }
    if value < 999.5 { digits(value) + suffixes[5] } else { "huge".to_owned() }
}

fn duration(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s")];
    for (unit, name) in UNITS {
        if seconds / unit < 999.5 {
            return digits(seconds / unit) + name;
        }
    }
    const LONG: [(f64, &str); 3] = [(60.0, "m"), (3600.0, "h"), (86400.0, "d")];
    for (unit, name) in LONG {
        if seconds / unit < 99.5 {
            return digits(seconds / unit) + name;
        }
    }
    scaled(seconds / 86400.0, 1000.0, ["d", "kd", "Md", "Gd", "Td", "Pd"])
}

/// Three digits, or fewer where the last ones say nothing.
fn digits(value: f64) -> String {
    match value {
        ..0.095 => "0.1".to_owned(),
        ..9.995 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (Unit::Count, 0.0, "\u{b7}"),
            (Unit::Count, f64::NAN, "-"),
            (Unit::Count, 0.01, "0.1"),
            (Unit::Count, 3.25, "3.2"),
            (Unit::Count, 3.0, "3"),
            (Unit::Count, 12.0, "12"),
            (Unit::Count, 999.4, "999"),
            (Unit::Count, 999.6, "1.0k"),
            (Unit::Count, 123_456.0, "123k"),
            (Unit::Bytes, 1024.0, "1.0K"),
            (Unit::Bytes, 5.5e9, "5.1G"),
            (Unit::Seconds, 8.5e-7, "850ns"),
            (Unit::Seconds, 0.0012, "1.2ms"),
            (Unit::Seconds, 12.0, "12s"),
            (Unit::Seconds, 3000.0, "50m"),
            (Unit::Seconds, 7200.0, "2.0h"),
            (Unit::Seconds, 864_000.0, "10d"),
            (Unit::Share, 1.284, "128%"),
            (Unit::Share, 0.0004, "0.1%"),
        ];
        for (unit, value, expected) in cases {
            assert_eq!(unit.show(value), expected, "{unit:?} {value}");
        }
        for unit in [Unit::Count, Unit::Bytes, Unit::Seconds, Unit::Share] {
            for exponent in -12..14 {
                for digit in [1.0, 9.949, 9.951, 9.994, 9.996] {
                    let text = unit.show(digit * 10f64.powi(exponent));
                    assert!(text.chars().count() <= 6, "{unit:?} {text}");
                }
            }
        }
    }
}
