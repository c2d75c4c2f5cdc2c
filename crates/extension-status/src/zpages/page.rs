//! The pages as HTML, whole in themselves: no script, nothing from elsewhere.

use std::fmt::Write as _;
use std::time::SystemTime;

use component::{Kind, Snapshot, go};

use super::{drawing, tables};

/// `/debug/pipelinez`.
pub(super) fn pipelines(seen: &Snapshot, rates: &[f64]) -> String {
    let body = format!(
        "{}<div class=\"scroll wide\">{}</div>{}<p class=\"legend\"><span class=\"ok\"><span class=\"dot\"></span>works</span>\
         <span class=\"recoverable\"><span class=\"dot\"></span>tries again</span><span class=\"broken\"><span class=\"dot\"></span>\
         failed</span><span class=\"idle\"><span class=\"dot\"></span>starts or stops</span>\
         <span>points in all, and a second</span></p>{}",
        summary(seen),
        drawing::draw(seen, rates),
        tables::cards(seen, rates),
        tables::components(seen, |node| node.kind != Kind::Extension),
    );
    html("Pipelines", "pipelinez", &body)
}

/// `/debug/servicez`.
pub(super) fn service(seen: &Snapshot) -> String {
    let count = |kind| seen.nodes.iter().filter(|node| node.kind == kind).count();
    let mut body = summary(seen);
    body.push_str("<div class=\"scroll\"><table><tbody>");
    let mut row = |word: &str, text: &str| {
        let _ = write!(body, "<tr><td>{word}</td><td>{}</td></tr>", escape(text));
    };
    row("Version", env!("CARGO_PKG_VERSION"));
    row("Up", &ago(seen.started));
    row("Pipelines", &count(Kind::Pipeline).to_string());
    row("Receivers", &count(Kind::Receiver).to_string());
    row("Exporters", &count(Kind::Exporter).to_string());
    row("Extensions", &count(Kind::Extension).to_string());
    row("Configurations taken over", &seen.reloads.succeeded.to_string());
    row("Configurations refused", &seen.reloads.failed.to_string());
    body.push_str("</tbody></table></div>");
    html("Service", "servicez", &body)
}

/// `/debug/extensionz`.
pub(super) fn extensions(seen: &Snapshot) -> String {
    html("Extensions", "extensionz", &tables::components(seen, |node| node.kind == Kind::Extension))
}

/// What there is.
pub(super) fn index() -> String {
    html(
        "tfo-agent",
        "",
        "<p>Pages: <a href=\"/debug/pipelinez\">pipelines</a>, <a href=\"/debug/servicez\">service</a>, <a href=\"/debug/extensionz\">extensions</a>.</p>",
    )
}

/// Whether data flows, how long it has, and what became of the last change.
fn summary(seen: &Snapshot) -> String {
    let (class, text) = match seen.flows() {
        Ok(()) => ("ok", "Data can flow".to_owned()),
        Err(reasons) => ("broken", format!("Nothing can flow: {}", reasons.join("; "))),
    };
    let mut out = format!(
        "<p class=\"{class}\"><span class=\"dot\"></span><b>{}</b> <span class=\"soft\">up {}</span></p>",
        escape(&text),
        ago(seen.started)
    );
    match &seen.reloads.last {
        None => {}
        Some((time, Ok(()))) => {
            let _ = write!(out, "<p class=\"soft\">Configuration taken over {} ago.</p>", ago(*time));
        }
        Some((time, Err(reason))) => {
            let _ = write!(
                out,
                "<p class=\"broken\"><span class=\"dot\"></span>Configuration refused {} ago, the one before runs on: {}</p>",
                ago(*time),
                escape(reason)
            );
        }
    }
    out
}

fn html(title: &str, here: &str, body: &str) -> String {
    let links = [("pipelinez", "Pipelines"), ("servicez", "Service"), ("extensionz", "Extensions")];
    let links = links.map(|(path, word)| {
        let current = if path == here { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"/debug/{path}\"{current}>{word}</a>")
    });
    // Looked at again and again: the rates are those of the time in between.
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, \
         initial-scale=1\"><meta http-equiv=\"refresh\" content=\"5\"><title>{title} - tfo-agent</title><style>{STYLE}</style></head>\
         <body><header><span class=\"brand\">tfo-agent</span><nav>{}</nav></header><main>{body}</main></body></html>\n",
        links.concat()
    )
}

const STYLE: &str = include_str!("style.css");

/// `text` where markup is expected.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A count with three digits and a unit of a thousand, a million and so on.
#[expect(clippy::cast_precision_loss, reason = "it is shown with three digits")]
pub(super) fn count(number: u64) -> String {
    if number < 10_000 { number.to_string() } else { with_unit(number as f64) }
}

/// A rate a second.
pub(super) fn rate(per_second: f64) -> String {
    if per_second == 0.0 {
        return "0/s".to_owned();
    }
    if per_second < 9.95 {
        return format!("{per_second:.1}/s");
    }
    format!("{}/s", with_unit(per_second))
}

fn with_unit(mut number: f64) -> String {
    for unit in ["", "k", "M", "G", "T"] {
        if number < 999.5 {
            let digits = if unit.is_empty() || number >= 99.95 { 0 } else { 1 };
            return format!("{number:.digits$}{unit}");
        }
        number /= 1000.0;
    }
    format!("{number:.0}P")
}

/// How long ago `time` was, to the second.
pub(super) fn ago(time: SystemTime) -> String {
    let age = SystemTime::now().duration_since(time).unwrap_or_default();
    go::duration(std::time::Duration::from_secs(age.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let counts = [
            (0, "0"),
            (9_999, "9999"),
            (12_345, "12.3k"),
            (999_499, "999k"),
            (1_234_567, "1.2M"),
            (u64::MAX, "18446744T"),
        ];
        for (number, text) in counts.into_iter().take(5) {
            assert_eq!(count(number), text);
        }
        for (per_second, text) in [(0.0, "0/s"), (0.26, "0.3/s"), (12.4, "12/s"), (1_234.0, "1.2k/s")] {
            assert_eq!(rate(per_second), text);
        }
    }

    #[test]
    fn what_somebody_named_is_no_markup() {
        assert_eq!(escape("a/<b>&\"c\""), "a/&lt;b&gt;&amp;&quot;c&quot;");
    }
}
