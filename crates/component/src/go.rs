//! Moments, durations and numbers as Go, and so the Collector, writes them.

use std::time::{Duration, SystemTime};

/// As RFC 3339 has it, in UTC, with the nanoseconds that there are.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let (date, clock) = parts(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    format!("{date}T{clock}Z")
}

/// As `Time.String` has it, in UTC.
#[must_use]
pub fn time(nanos: u64) -> String {
    let (date, clock) = parts(Duration::from_nanos(nanos));
    format!("{date} {clock} +0000 UTC")
}

/// As `%v` has it: the shortest text that reads back the same, with an exponent where there would be many zeros.
#[must_use]
pub fn float(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    if number == 0.0 || (1e-4..1e21).contains(&number.abs()) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// Date and time of day.
fn parts(since_epoch: Duration) -> (String, String) {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let fraction = format!("{:09}", since_epoch.subsec_nanos());
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    (format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}{fraction}"))
}

/// As Go's `Duration.String` has it, such as `1h2m3.5s`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let rest = format!("{}.{:09}", seconds % 60, duration.subsec_nanos());
    let rest = rest.trim_end_matches('0').trim_end_matches('.');
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}

/// The date of a day since 1970-01-01, of the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years that begin in March have their leap day at the end, eras of 400 of them are alike.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339() {
        let at = |seconds, nanos| rfc3339(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(at(951_782_400, 0), "2000-02-29T00:00:00Z");
        assert_eq!(at(1_605_067_951, 684_717_400), "2020-11-11T04:12:31.6847174Z");
        assert_eq!(at(4_107_542_399, 0), "2100-02-28T23:59:59Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn times_and_numbers_are_go_s() {
        assert_eq!(time(1_581_452_772_000_000_321), "2020-02-11 20:26:12.000000321 +0000 UTC");
        assert_eq!(time(0), "1970-01-01 00:00:00 +0000 UTC");
        for (number, text) in [
            (1.5, "1.5"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (2.5e-5, "2.5e-05"),
            (0.0001, "0.0001"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(float(number), text);
        }
    }

    #[test]
    fn durations_are_go_s() {
        for (nanos, text) in
            [(0, "0s"), (49_013_251_800, "49.0132518s"), (60_000_000_000, "1m0s"), (3_723_500_000_000, "1h2m3.5s")]
        {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }
}
