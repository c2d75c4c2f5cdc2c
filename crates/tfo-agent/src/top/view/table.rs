//! The table: a line for each process.

use ratatui::style::{Modifier, Style};

use super::{Paper, theme};
use crate::top::columns::{self, Column, IDENTITY};
use crate::top::reading::Who;
use crate::top::screen::{self, Screen};
use crate::top::state::Line;

/// Letters of a pid: there are four million at most.
const PID: u16 = 7;

pub(super) fn draw(paper: &mut Paper<'_>, screen: &Screen, top: u16, end: u16) {
    let (columns, width) = columns::fitting(screen.width, screen.picture.spreads, screen.sort);
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    titles(paper, screen, &columns, width, top);
    for (y, line) in (top + 1..end).zip(screen.lines().skip(screen.first)) {
        row(paper, screen, &columns, width, (y, line));
    }
    if screen.order.is_empty() {
        let why = match (screen.picture.lines.is_empty(), screen.busy_only && screen.filter.is_empty()) {
            (true, _) => "nothing has been counted yet",
            (false, true) => "nobody does anything",
            (false, false) => "nobody is called that (Esc shows all)",
        };
        paper.write(1, top + 2, why, theme::FAINT);
    }
}

fn titles(paper: &mut Paper<'_>, screen: &Screen, columns: &[Column], width: u16, y: u16) {
    paper.colour(y, theme::TITLE);
    let style = |column| if column == screen.sort { theme::SORTED_TITLE } else { theme::TITLE };
    paper.write_before(PID, y, "PID", style(Column::Pid));
    paper.write(PID + 1, y, "NAME", theme::TITLE);
    let mut end = identity();
    for column in columns {
        end += width;
        let title = column.title(screen.totals);
        if *column == screen.sort {
            // An arrow where it goes the other way round.
            let arrow = if screen.reverse { "\u{25b4}" } else { "\u{25be}" };
            paper.write_before(end, y, &format!("{arrow}{title}"), theme::SORTED_TITLE);
        } else {
            paper.write_before(end, y, title, theme::TITLE);
        }
    }
}

fn row(paper: &mut Paper<'_>, screen: &Screen, columns: &[Column], width: u16, (y, line): (u16, &Line)) {
    let idle = line.is_idle() && !screen.totals;
    let of = |style: Style| if idle { theme::FAINT } else { style };
    if let Who::Process { pid, .. } = line.who {
        let style = if screen.sort == Column::Pid { theme::SORTED } else { theme::FAINT };
        paper.write_before(PID, y, &pid.to_string(), of(style));
    }
    let name =
        if let Who::Process { .. } = line.who { theme::NAME } else { theme::NAME.add_modifier(Modifier::ITALIC) };
    paper.write(PID + 1, y, screen::name(&line.who), of(name));
    let mut end = identity();
    for column in columns {
        end += width;
        let value = column.value(line, screen.totals);
        let style = match column {
            _ if value.is_nan() || value == 0.0 => theme::FAINT,
            column if *column == screen.sort => theme::SORTED,
            Column::Errors | Column::Retransmits => theme::ERROR,
            _ => theme::NUMBER,
        };
        paper.write_before(end, y, &column.text(line, screen.totals), of(style));
    }
}

fn identity() -> u16 {
    u16::try_from(IDENTITY).unwrap_or(u16::MAX)
}
