//! The help: keys, and what the columns on the screen mean.

use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget as _};

use super::{Paper, theme};
use crate::top::columns;
use crate::top::keys;
use crate::top::screen::Screen;

/// Letters of the widest line, and those of its key.
const WIDTH: u16 = 72;
const KEYS: u16 = 15;

pub(super) fn draw(paper: &mut Paper<'_>, screen: &Screen) {
    let (columns, _) = columns::fitting(screen.width, screen.picture.spreads, screen.sort);
    let meanings = columns.iter().map(|column| (column.title(screen.totals), column.meaning()));
    let lines: Vec<_> = keys::HELP.into_iter().chain([("", "")]).chain(meanings).collect();
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(paper.area.height);
    let width = WIDTH.min(paper.area.width);
    let (x, y) = ((paper.area.width - width) / 2, (paper.area.height - height) / 2);
    let area = Rect { x: paper.area.x + x, y: paper.area.y + y, width, height };
    Clear.render(area, paper.buffer);
    Block::bordered().title(" help ").border_style(theme::KEY).render(area, paper.buffer);
    let mut inside =
        Paper { buffer: paper.buffer, area: Rect { width: area.width - 1, height: area.height - 1, ..area } };
    for (y, (key, does)) in (1..).zip(lines) {
        inside.write(2, y, key, theme::KEY);
        inside.write(2 + KEYS, y, does, theme::NUMBER);
    }
}
