//! Text format 0.0.4: `# HELP`, `# TYPE` and a line per sample.

use std::io::Write as _;

use pdata::{Descriptor, Distribution, Instrument};

use super::buckets;
use super::samples::Samples;
use super::value::{Number, Observed};

/// A label, with a comma between it and the one before.
pub(super) fn label(out: &mut Vec<u8>, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    for byte in value.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\n' => out.extend_from_slice(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// A family of numbers.
pub(super) fn numbers(name: &str, descriptor: &Descriptor, samples: &Samples<Number>) -> Vec<u8> {
    let kind = if descriptor.instrument == Instrument::Counter { "counter" } else { "gauge" };
    let mut out = head(name, kind, descriptor);
    for (labels, value) in samples.iter() {
        sample(&mut out, (name, ""), labels, None, value);
    }
    out
}

/// A family of histograms, each with the edges that it has used, or of summaries.
pub(super) fn histograms(name: &str, descriptor: &Descriptor, samples: &Samples<Observed>) -> Vec<u8> {
    let summaries = descriptor.instrument == Instrument::Summary;
    let mut out = head(name, if summaries { "summary" } else { "histogram" }, descriptor);
    for (labels, Observed { distribution, sum }) in samples.iter() {
        let count = Number::Whole(distribution.count());
        if let Distribution::Summary(summary) = &**distribution {
            for (quantile, value) in &summary.quantiles {
                sample(&mut out, (name, ""), labels, Some(("quantile", *quantile)), &Number::Double(*value));
            }
        } else {
            for (edge, below) in buckets::of(distribution) {
                sample(&mut out, (name, "_bucket"), labels, Some(("le", edge)), &Number::Whole(below));
            }
            sample(&mut out, (name, "_bucket"), labels, Some(("le", f64::INFINITY)), &count);
        }
        if let Some(sum) = sum {
            sample(&mut out, (name, "_sum"), labels, None, &Number::Double(*sum));
        }
        sample(&mut out, (name, "_count"), labels, None, &count);
    }
    out
}

fn head(name: &str, kind: &str, descriptor: &Descriptor) -> Vec<u8> {
    let mut out = Vec::new();
    if !descriptor.description.is_empty() {
        let help = descriptor.description.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(out, "# HELP {name} {help}");
    }
    let _ = writeln!(out, "# TYPE {name} {kind}");
    out
}

/// One line; `place` is the edge of a bucket or a quantile, with its label.
fn sample(out: &mut Vec<u8>, (name, suffix): (&str, &str), labels: &[u8], place: Option<(&str, f64)>, value: &Number) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix.as_bytes());
    if !labels.is_empty() || place.is_some() {
        out.push(b'{');
        out.extend_from_slice(labels);
        if let Some((label, number)) = place {
            let comma = if labels.is_empty() { "" } else { "," };
            let _ = write!(out, "{comma}{label}=\"");
            edge_text(out, number);
            out.push(b'"');
        }
        out.push(b'}');
    }
    out.push(b' ');
    match value {
        Number::Whole(value) => {
            let _ = write!(out, "{value}");
        }
        Number::Signed(value) => {
            let _ = write!(out, "{value}");
        }
        Number::Double(value) => double(out, *value),
    }
    out.push(b'\n');
}

/// This format spells infinity with a capital.
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
