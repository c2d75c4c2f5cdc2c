//! Both text formats: Prometheus' 0.0.4 and 1.0.0, and OpenMetrics, which differ in little.

use std::io::Write as _;

use pdata::Distribution;

use super::buckets;
use super::options::Options;
use super::plan::{Family, Kind, without};
use super::samples::{Samples, Span};
use super::value::{Number, Observed};
use crate::format::{Format, Syntax};
use crate::translate::{is_plain_label, is_plain_metric};

/// A label, with a comma between it and the one before.
pub(super) fn label(out: &mut Vec<u8>, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(b',');
    }
    if is_plain_label(name) {
        out.extend_from_slice(name.as_bytes());
    } else {
        quoted(out, name);
    }
    out.push(b'=');
    quoted(out, value);
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// One family on its way to the page.
pub(super) struct Writer<'f> {
    options: &'f Options,
    family: &'f Family,
    open_metrics: bool,
    timestamps: bool,
    /// What the lines begin with, and what describes them, which OpenMetrics has without a suffix.
    base: &'f str,
    /// What stands behind `base` in a line of a number.
    suffix: &'static str,
    out: Vec<u8>,
}

impl<'f> Writer<'f> {
    pub(super) fn new(options: &'f Options, format: Format, family: &'f Family) -> Self {
        let open_metrics = format.syntax == Syntax::OpenMetrics;
        let timestamps = options.send_timestamps || format.timestamps;
        let suffix = match family.kind {
            Kind::Counter if open_metrics => "_total",
            Kind::Info if open_metrics => "_info",
            _ => "",
        };
        let stripped = without(&family.name, suffix);
        let (base, suffix) = stripped.map_or((&*family.name, ""), |base| (base, suffix));
        let mut writer = Self { options, family, open_metrics, timestamps, base, suffix, out: Vec::new() };
        writer.head();
        writer
    }

    /// The samples of a family of numbers.
    pub(super) fn numbers(mut self, samples: &Samples<Number>) -> Vec<u8> {
        for (labels, span, value) in samples.iter() {
            self.sample(self.suffix, labels, None, value, span);
            if self.suffix == "_total" {
                self.created(labels, span);
            }
        }
        self.out
    }

    /// The samples of a family of histograms, each with the edges that it has used, or of summaries.
    pub(super) fn histograms(mut self, samples: &Samples<Observed>) -> Vec<u8> {
        for (labels, span, Observed { distribution, sum }) in samples.iter() {
            let count = Number::Whole(distribution.count());
            let mut sum = *sum;
            if let Distribution::Summary(summary) = &**distribution {
                for (quantile, value) in buckets::quantiles(summary) {
                    self.sample("", labels, Some(("quantile", quantile)), &Number::Double(value), span);
                }
            } else {
                for (edge, below) in buckets::of(distribution) {
                    // OpenMetrics has none where there may be observations below zero.
                    sum = sum.filter(|_| !self.open_metrics || edge >= 0.0);
                    self.sample("_bucket", labels, Some(("le", edge)), &Number::Whole(below), span);
                }
                self.sample("_bucket", labels, Some(("le", f64::INFINITY)), &count, span);
            }
            if let Some(sum) = sum {
                self.sample("_sum", labels, None, &Number::Double(sum), span);
            }
            if sum.is_some() || !self.open_metrics {
                self.sample("_count", labels, None, &count, span);
            }
            self.created(labels, span);
        }
        self.out
    }

    fn head(&mut self) {
        let Family { kind, help, unit, .. } = self.family;
        let kind = match kind {
            // OpenMetrics has no counter whose name does not say so.
            Kind::Counter if self.open_metrics && self.suffix.is_empty() => "unknown",
            Kind::Counter => "counter",
            Kind::Info if !self.suffix.is_empty() => "info",
            Kind::Info | Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        if !help.is_empty() {
            let mut help = help.replace('\\', "\\\\").replace('\n', "\\n");
            if self.open_metrics {
                help = help.replace('"', "\\\"");
            }
            self.describe("HELP", &help);
        }
        self.describe("TYPE", kind);
        if self.open_metrics && !unit.is_empty() {
            self.describe("UNIT", unit);
        }
    }

    fn describe(&mut self, what: &str, text: &str) {
        let _ = write!(self.out, "# {what} ");
        if is_plain_metric(self.base) {
            self.out.extend_from_slice(self.base.as_bytes());
        } else {
            quoted(&mut self.out, self.base);
        }
        let _ = writeln!(self.out, " {text}");
    }

    /// When a total began, where that is known and wanted.
    fn created(&mut self, labels: &[u8], span: Span) {
        if self.open_metrics && self.options.send_created && span.start > 0 {
            self.line("_created", labels, None);
            seconds(&mut self.out, span.start);
            self.end(span);
        }
    }

    /// One line; `place` is the edge of a bucket or a quantile, with its label.
    fn sample(&mut self, suffix: &str, labels: &[u8], place: Option<(&str, f64)>, value: &Number, span: Span) {
        self.line(suffix, labels, place);
        match value {
            Number::Whole(value) => {
                let _ = write!(self.out, "{value}");
            }
            Number::Signed(value) => {
                let _ = write!(self.out, "{value}");
            }
            Number::Double(value) => double(&mut self.out, *value),
        }
        self.end(span);
    }

    /// A line up to its value.
    fn line(&mut self, suffix: &str, labels: &[u8], place: Option<(&str, f64)>) {
        let out = &mut self.out;
        let plain = is_plain_metric(self.base);
        if plain {
            out.extend_from_slice(self.base.as_bytes());
            out.extend_from_slice(suffix.as_bytes());
        }
        if !plain || !labels.is_empty() || place.is_some() {
            out.push(b'{');
            let mut comma = "";
            if !plain {
                quoted(out, &format!("{}{suffix}", self.base));
                comma = ",";
            }
            if !labels.is_empty() {
                out.extend_from_slice(comma.as_bytes());
                out.extend_from_slice(labels);
                comma = ",";
            }
            if let Some((label, number)) = place {
                let _ = write!(out, "{comma}{label}=\"");
                if self.open_metrics {
                    canonical(out, number);
                } else {
                    edge_text(out, number);
                }
                out.push(b'"');
            }
            out.push(b'}');
        }
        out.push(b' ');
    }

    fn end(&mut self, span: Span) {
        if self.timestamps && span.time > 0 {
            self.out.push(b' ');
            if self.open_metrics {
                seconds(&mut self.out, span.time);
            } else {
                let _ = write!(self.out, "{}", span.time / 1_000_000);
            }
        }
        self.out.push(b'\n');
    }
}

fn seconds(out: &mut Vec<u8>, nanos: u64) {
    let _ = write!(out, "{}.{:03}", nanos / 1_000_000_000, nanos / 1_000_000 % 1000);
}

/// These formats spell infinity with a capital.
fn double(out: &mut Vec<u8>, value: f64) {
    let _ = match value.is_infinite() {
        true => write!(out, "{}Inf", if value > 0.0 { '+' } else { '-' }),
        false => write!(out, "{value}"),
    };
}

/// The shortest text that reads back as the same double; many zeros are worth an exponent.
fn edge_text(out: &mut Vec<u8>, edge: f64) {
    if edge == 0.0 || !edge.is_finite() || (1e-4..1e16).contains(&edge.abs()) {
        double(out, edge);
    } else {
        let _ = write!(out, "{edge:e}");
    }
}

/// OpenMetrics' one way of writing an edge, which is Go's: from a million on with an exponent, always with a point.
fn canonical(out: &mut Vec<u8>, edge: f64) {
    if !edge.is_finite() {
        return double(out, edge);
    }
    if edge == 0.0 || (1e-4..1e6).contains(&edge.abs()) {
        let _ = write!(out, "{edge:?}");
        return;
    }
    let text = format!("{edge:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_written_the_one_way_that_openmetrics_allows() {
        let cases = [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (0.001, "0.001"),
            (0.00001, "1e-05"),
            (9.313_225_746_154_785e-10, "9.313225746154785e-10"),
            (999_999.0, "999999.0"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (1e100, "1e+100"),
            (-2.5e7, "-2.5e+07"),
            (f64::INFINITY, "+Inf"),
        ];
        for (edge, expected) in cases {
            let mut out = Vec::new();
            canonical(&mut out, edge);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
