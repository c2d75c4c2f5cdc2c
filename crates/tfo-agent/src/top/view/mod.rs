//! The picture: head, table, foot. Drawn from the screen's state alone, at any size.

mod foot;
mod head;
mod help;
mod table;
#[cfg(test)]
mod tests;
mod theme;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::screen::Screen;

/// What is smaller shows nothing that anybody could read.
const SMALLEST: (u16, u16) = (40, 8);

/// From so many lines on there is room for a chart, and for what the agent says of itself.
const CHART_FROM: u16 = 30;
const FOOT_FROM: u16 = 16;

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &mut Screen) {
    let area = frame.area();
    let mut paper = Paper { buffer: frame.buffer_mut(), area };
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        paper.write(0, 0, "too small: 40x8 at least", theme::WARNING);
        return;
    }
    let chart = if area.height >= CHART_FROM { head::CHART } else { 0 };
    let foot = if area.height >= FOOT_FROM { foot::LINES } else { 1 };
    let head = head::LINES + chart;
    screen.width = usize::from(area.width);
    screen.page = usize::from(area.height - head - foot - 1);
    screen.scroll(0);
    head::draw(&mut paper, screen, chart);
    table::draw(&mut paper, screen, head, area.height - foot);
    foot::draw(&mut paper, screen, area.height - foot);
    if screen.help {
        help::draw(&mut paper, screen);
    }
}

/// What is drawn on. What does not fit is cut off.
struct Paper<'b> {
    buffer: &'b mut Buffer,
    area: Rect,
}

impl Paper<'_> {
    /// Writes `text` and says where it ends.
    fn write(&mut self, x: u16, y: u16, text: &str, style: impl Into<Style>) -> u16 {
        if x >= self.area.width || y >= self.area.height {
            return x;
        }
        let most = usize::from(self.area.width - x);
        self.buffer.set_stringn(self.area.x + x, self.area.y + y, text, most, style).0 - self.area.x
    }

    /// Writes `text` so that it ends before `end`.
    fn write_before(&mut self, end: u16, y: u16, text: &str, style: impl Into<Style>) {
        let length = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        self.write(end.saturating_sub(length), y, text, style);
    }

    /// Writes words one after the other, a word with its style, as long as each fits as a whole before `end`.
    fn write_words(&mut self, x: u16, y: u16, end: u16, words: &[Vec<(String, Style)>]) {
        let mut x = x;
        for word in words {
            let length: usize = word.iter().map(|(text, _)| text.chars().count()).sum();
            if usize::from(x) + length > usize::from(end) {
                return;
            }
            for (text, style) in word {
                x = self.write(x, y, text, *style);
            }
            x = x.saturating_add(2);
        }
    }

    /// Colours a whole line.
    fn colour(&mut self, y: u16, style: Style) {
        self.buffer.set_style(Rect { y: self.area.y + y, height: 1, ..self.area }, style);
    }
}
