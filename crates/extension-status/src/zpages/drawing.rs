//! The graph as SVG: boxes with a stripe for the state, lines with what went along them.

use std::fmt::Write as _;

use component::{Counts, Kind, Link, Node, Snapshot, Status};

use super::page::{count, escape, rate};
use super::place::{self, Box, WIDTH};

/// A drawing that is too wide for the window is made smaller down to this, and scrolled beyond it.
const LEAST_SCALE: f64 = 0.78;

/// Draws `seen`; `rates` are points a second on each of its ways.
pub(super) fn draw(seen: &Snapshot, rates: &[f64]) -> String {
    let (seen, kept) = &place::captioned(seen);
    let rates: Vec<f64> = kept.iter().filter_map(|place| rates.get(*place).copied()).collect();
    let places = place::place(seen);
    let (width, height) = (places.width, places.height);
    let mut svg = format!(
        "<svg class=\"graph\" role=\"img\" aria-label=\"The pipelines that run\" width=\"{width:.0}\" \
         style=\"min-width:{:.0}px\" viewBox=\"0 0 {width:.0} {height:.0}\">",
        width * LEAST_SCALE,
    );
    let mut used = vec![0; seen.nodes.len()];
    for (link, rate) in seen.edges.iter().zip(&rates) {
        if let (Some(from), Some(to)) = (places.boxes[link.from], places.boxes[link.to]) {
            let port = used[link.from];
            used[link.from] += 1;
            let ports = seen.edges.iter().filter(|other| other.from == link.from).count();
            way(&mut svg, seen, link, *rate, (from, to), (port, ports));
        }
    }
    for (node, place) in seen.nodes.iter().zip(&places.boxes) {
        if let Some(place) = place {
            part(&mut svg, node, *place);
        }
        let of_it = |step: &Node| node.kind == Kind::Pipeline && step.pipeline.as_ref() == Some(&node.id);
        if let Some(place) = seen.nodes.iter().position(of_it).and_then(|first| places.boxes[first]) {
            let (x, y, id) = (place.x, place.y - 6.0, escape(&node.id.to_string()));
            let _ = write!(
                svg,
                "<text class=\"caption {}\" data-id=\"{id}\" data-kind=\"pipeline\" x=\"{x:.1}\" y=\"{y:.1}\">{id}</text>",
                state(&node.status)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// A line from its port at the one to the middle of the other, and its count behind the port.
#[expect(clippy::cast_precision_loss, reason = "ports are few")]
fn way(
    svg: &mut String,
    seen: &Snapshot,
    link: &Link,
    rate_now: f64,
    (from, to): (Box, Box),
    (port, ports): (usize, usize),
) {
    let (x0, x1) = (from.x + WIDTH, to.x - 7.0);
    let y0 = from.y + from.height * (port as f64 + 1.0) / (ports as f64 + 1.0);
    let y1 = to.y + to.height / 2.0;
    // Along its own lane there is nothing in the way: that of a receiver is none, so it bends at once.
    let (bend, straight) =
        if seen.nodes[link.from].kind == Kind::Receiver { (x0 + 80.0, x0 + 109.0) } else { (x1 - 29.0, x1) };
    let middle = f64::midpoint(bend, straight);
    let flowing = if rate_now > 0.0 { "way flowing" } else { "way" };
    let _ = write!(
        svg,
        "<path class=\"{flowing}\" d=\"M{x0:.1} {y0:.1}H{bend:.1}C{middle:.1} {y0:.1} {middle:.1} {y1:.1} {straight:.1} {y1:.1}H{x1:.1}\"/>\
         <path class=\"head\" d=\"M{x1:.1} {:.1}l7 4l-7 4z\"/>\
         <text class=\"count\" x=\"{:.1}\" y=\"{:.1}\">{}<tspan class=\"rate\"> {}</tspan></text>",
        y1 - 4.0,
        x0 + 6.0,
        y0 - 4.0,
        count(link.points),
        rate(rate_now),
    );
}

/// A box: its name, and what there is to say of it.
fn part(svg: &mut String, node: &Node, Box { x, y, height }: Box) {
    let name = escape(&node.id.to_string());
    // The whole name and state are told by the browser when the pointer rests there.
    let title = escape(&format!("{} {}: {}", node.kind, node.id, node.status));
    let shown = shortened(&node.id.to_string(), 20);
    // A long name is pressed into its box.
    let pressed = if shown.chars().count() > 15 { " textLength=\"126\" lengthAdjust=\"spacingAndGlyphs\"" } else { "" };
    let middle = y + height / 2.0;
    let _ = write!(
        svg,
        "<g class=\"part {}\" data-id=\"{name}\" data-kind=\"{}\"><title>{title}</title>\
         <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{WIDTH}\" height=\"{height:.1}\" rx=\"7\"/>\
         <rect class=\"state\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"5\" height=\"{height:.1}\" rx=\"2.5\"/>\
         <text class=\"name\"{pressed} x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"note\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
        state(&node.status),
        node.kind,
        x + 14.0,
        middle - 4.0,
        escape(&shown),
        x + 14.0,
        middle + 13.0,
        escape(&shortened(&note(node), 22)),
    );
}

/// The class of a state, by which it is coloured.
pub(super) fn state(status: &Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::RecoverableError(_) => "recoverable",
        Status::PermanentError(_) | Status::FatalError(_) => "broken",
        Status::Starting | Status::Stopping | Status::Stopped => "idle",
    }
}

/// What is worth a line: what is wrong, or how full the queue is.
fn note(node: &Node) -> String {
    match (&node.status, node.counts) {
        (Status::RecoverableError(_), Counts::Exporter(counts)) => format!("retrying, {} wait", counts.queue_size),
        (Status::RecoverableError(_), _) => "trying again".to_owned(),
        (Status::PermanentError(_) | Status::FatalError(_), _) => format!("{} failed", node.kind),
        (_, Counts::Exporter(counts)) if counts.queue_capacity > 0 => {
            format!("queue {} of {}", counts.queue_size, counts.queue_capacity)
        }
        (_, Counts::Receiver { refused, .. }) if refused > 0 => format!("{} refused", count(refused)),
        _ => node.kind.to_string(),
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    // Names differ at their ends: type/name.
    let (head, tail) = (most / 2 - 1, most - most / 2);
    let characters: Vec<char> = text.chars().collect();
    let start: String = characters[..head].iter().collect();
    let end: String = characters[characters.len() - tail..].iter().collect();
    format!("{start}\u{2026}{end}")
}
