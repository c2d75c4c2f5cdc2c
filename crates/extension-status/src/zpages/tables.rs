//! The same graph as lists, for narrow screens, and a table of all components.

use std::fmt::Write as _;

use component::{Counts, ExporterCounts, Kind, Node, Snapshot};

use super::drawing::state;
use super::page::{ago, count, escape, rate};

/// A card for every pipeline: what comes in, what happens to it, where it goes.
pub(super) fn cards(seen: &Snapshot, rates: &[f64]) -> String {
    let mut out = String::from("<div class=\"cards\">");
    for (place, node) in seen.nodes.iter().enumerate().filter(|(_, node)| node.kind == Kind::Pipeline) {
        let _ = write!(out, "<section class=\"card\"><h2>{}</h2><ul>", escape(&node.id.to_string()));
        let way = |from: usize, to: usize| {
            let found = seen.edges.iter().zip(rates).find(|(link, _)| link.from == from && link.to == to);
            found.map_or_else(String::new, |(link, now)| format!("{} <i>{}</i>", count(link.points), rate(*now)))
        };
        for link in seen.edges.iter().filter(|link| link.to == place) {
            row(&mut out, "in", &seen.nodes[link.from], &way(link.from, place));
        }
        let mut last = place;
        for (step, processor) in
            seen.nodes.iter().enumerate().filter(|(_, step)| step.pipeline.as_ref() == Some(&node.id))
        {
            row(&mut out, "step", processor, &way(last, step));
            last = step;
        }
        for link in seen.edges.iter().filter(|link| link.from == last) {
            row(&mut out, "out", &seen.nodes[link.to], &way(last, link.to));
        }
        out.push_str("</ul></section>");
    }
    out.push_str("</div>");
    out
}

fn row(out: &mut String, class: &str, node: &Node, figures: &str) {
    let _ = write!(
        out,
        "<li class=\"{class} {}\"><span class=\"dot\"></span><span class=\"id\">{}</span><span class=\"figures\">{figures}</span></li>",
        state(&node.status),
        escape(&node.id.to_string()),
    );
}

/// Every component with its state, since when, and what it counted.
pub(super) fn components(seen: &Snapshot, which: impl Fn(&Node) -> bool) -> String {
    let mut out = String::from(
        "<div class=\"scroll\"><table><thead><tr><th>Component</th><th>State</th><th>Since</th><th>Counted</th></tr></thead><tbody>",
    );
    for node in seen.nodes.iter().filter(|node| which(node)) {
        let of = node.pipeline.as_ref().map_or_else(String::new, |id| format!(" in {id}"));
        let reason = node
            .status
            .reason()
            .map_or_else(String::new, |reason| format!("<div class=\"reason\">{}</div>", escape(reason)));
        let _ = write!(
            out,
            "<tr class=\"{}\"><td><b>{}</b><div class=\"kind\">{}{}</div></td>\
             <td><span class=\"dot\"></span>{}{reason}</td><td>{}</td><td>{}</td></tr>",
            state(&node.status),
            escape(&node.id.to_string()),
            node.kind,
            escape(&of),
            node.status.word(),
            ago(node.since),
            figures(node),
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

fn figures(node: &Node) -> String {
    let mut parts = Vec::new();
    let mut add = |word: &str, number: u64, always: bool| {
        if always || number > 0 {
            parts.push(format!("{word} {}", count(number)));
        }
    };
    match node.counts {
        Counts::None => {}
        Counts::Receiver { accepted, refused } => {
            add("accepted", accepted, true);
            add("refused", refused, false);
        }
        Counts::Processor { incoming, outgoing } => {
            add("in", incoming, true);
            add("out", outgoing, true);
        }
        Counts::Exporter(ExporterCounts {
            sent,
            failed,
            enqueue_failed,
            merged,
            folded,
            unsaved,
            queue_size,
            queue_capacity,
        }) => {
            add("sent", sent, true);
            add("failed", failed, false);
            add("not queued", enqueue_failed, false);
            add("merged", merged, false);
            add("folded", folded, false);
            add("not stored", unsaved, false);
            if queue_capacity > 0 {
                parts.push(format!("queue {queue_size} of {queue_capacity}"));
            }
        }
    }
    parts.join(" \u{b7} ")
}
