//! The head: where the figures come from, what all processes do together, and how that was.

use ratatui::style::Style;

use super::{Paper, theme};
use crate::top::figures::Figure;
use crate::top::screen::Screen;
use crate::top::units::Unit;

/// Lines without the chart.
pub(super) const LINES: u16 = 2;

/// Lines of the chart.
pub(super) const CHART: u16 = 4;

pub(super) fn draw(paper: &mut Paper<'_>, screen: &Screen, chart: u16) {
    bar(paper, screen);
    sums(paper, screen);
    if chart > 0 {
        draw_chart(paper, screen, LINES, chart);
    }
}

fn bar(paper: &mut Paper<'_>, screen: &Screen) {
    let width = paper.area.width;
    let (shown, all) = (screen.order.len(), screen.picture.lines.len());
    let number = if shown == all { format!("{all} processes") } else { format!("{shown} of {all} processes") };
    let period = if screen.picture.rated { format!("{:.1} s", screen.picture.period) } else { "first read".to_owned() };
    let right = format!(" {number}  {period} ");
    let length = u16::try_from(right.len()).unwrap_or(u16::MAX);
    let mut x = paper.write(0, 0, " tfo-agent top ", theme::BRAND);
    for (badge, is) in [(" PAUSED ", screen.paused), (" TOTALS ", screen.totals), (" BUSY ", screen.busy_only)] {
        if is {
            x = paper.write(x, 0, badge, theme::BADGE);
        }
    }
    if !screen.filter.is_empty() {
        x = paper.write(x, 0, &format!(" /{} ", screen.filter), theme::BADGE);
    }
    let room = usize::from(width.saturating_sub(length).saturating_sub(x + 2));
    paper.write(x + 1, 0, &shortened(&screen.source, room), theme::BAR);
    if x + length <= width {
        paper.write(width - length, 0, &right, theme::BAR);
    }
}

/// As much of `text` as there is room for, with dots where some is missing.
fn shortened(text: &str, room: usize) -> String {
    match text.chars().count() {
        length if length <= room => text.to_owned(),
        _ if room < 3 => String::new(),
        _ => text.chars().take(room - 2).chain("..".chars()).collect(),
    }
}

fn sums(paper: &mut Paper<'_>, screen: &Screen) {
    let picture = &screen.picture;
    let of = |figures: &[Figure]| figures.iter().map(|figure| picture.sum(*figure)).sum::<f64>();
    let bytes = Unit::Bytes;
    let words = [
        ("calls", Unit::Count, of(&[Figure::Calls])),
        ("errors", Unit::Count, of(&[Figure::Errors])),
        ("net", bytes, of(&[Figure::Received, Figure::Sent])),
        ("file", bytes, of(&[Figure::Read, Figure::Written])),
        ("cpu", Unit::Share, of(&[Figure::OnCpu])),
        ("runq", Unit::Seconds, of(&[Figure::RunQueue])),
        ("faults", Unit::Count, of(&[Figure::Faults])),
        ("switches", Unit::Count, of(&[Figure::Switches])),
        ("connections", Unit::Count, of(&[Figure::Connections])),
        ("retransmits", Unit::Count, of(&[Figure::Retransmits])),
    ];
    let word = |(label, unit, value): (&str, Unit, f64)| {
        let text = if picture.rated { unit.show(value) } else { "-".to_owned() };
        vec![(format!("{label} "), theme::LABEL), (text, theme::VALUE)]
    };
    let mut words: Vec<Vec<(String, Style)>> = words.into_iter().map(word).collect();
    words.push(vec![("per second".to_owned(), theme::LABEL)]);
    paper.write_words(1, 1, paper.area.width, &words);
}

/// Bars of eighths of a letter, one for each reading, the latest at the right.
fn draw_chart(paper: &mut Paper<'_>, screen: &Screen, top: u16, lines: u16) {
    let width = usize::from(paper.area.width).saturating_sub(2);
    let begin = screen.history.len().saturating_sub(width);
    let highest = screen.history.iter().skip(begin).fold(0.0_f64, |highest, value| highest.max(*value));
    if highest <= 0.0 {
        return;
    }
    let shown = screen.history.len() - begin;
    for (place, value) in screen.history.iter().skip(begin).enumerate() {
        let x = u16::try_from(1 + width - shown + place).unwrap_or(u16::MAX);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to some dozen")]
        let mut eighths = (value / highest * f64::from(lines) * 8.0).round() as u32;
        for y in (top..top + lines).rev() {
            let part = eighths.min(8);
            eighths -= part;
            // U+2581 is an eighth, U+2588 the whole.
            if let Some(bar) = (part > 0).then(|| char::from_u32(0x2580 + part)).flatten() {
                paper.write(x, y, bar.encode_utf8(&mut [0; 4]), theme::CHART);
            }
        }
    }
    paper.write(1, top, &format!("calls/s, at most {} ", Unit::Count.show(highest)), theme::LABEL);
}
