//! Colours: the terminal's own sixteen, so that they fit whatever is behind them.

use ratatui::style::{Color, Modifier, Style};

const PLAIN: Style = Style::new();

/// The name of the program.
pub(super) const BRAND: Style = PLAIN.fg(Color::Black).bg(Color::Cyan).add_modifier(Modifier::BOLD);
/// The line that it stands in.
pub(super) const BAR: Style = PLAIN.add_modifier(Modifier::BOLD);
/// What a number is of.
pub(super) const LABEL: Style = PLAIN.fg(Color::DarkGray);
/// A number that people look for.
pub(super) const VALUE: Style = PLAIN.add_modifier(Modifier::BOLD);
/// A number among others.
pub(super) const NUMBER: Style = PLAIN;
/// Nothing.
pub(super) const FAINT: Style = PLAIN.fg(Color::DarkGray);
/// Who it is.
pub(super) const NAME: Style = PLAIN.fg(Color::Green);
/// What is sorted by.
pub(super) const SORTED: Style = PLAIN.fg(Color::Cyan).add_modifier(Modifier::BOLD);
/// The heads of columns.
pub(super) const TITLE: Style = PLAIN.fg(Color::Black).bg(Color::Gray);
/// The head of that which is sorted by.
pub(super) const SORTED_TITLE: Style = BRAND;
/// What went wrong for somebody.
pub(super) const ERROR: Style = PLAIN.fg(Color::Red);
/// What is not as it should be.
pub(super) const ALARM: Style = PLAIN.fg(Color::Red).add_modifier(Modifier::BOLD);
/// What people should know.
pub(super) const WARNING: Style = PLAIN.fg(Color::Yellow);
/// A state that is not the usual one.
pub(super) const BADGE: Style = PLAIN.fg(Color::Black).bg(Color::Yellow).add_modifier(Modifier::BOLD);
/// All is well.
pub(super) const GOOD: Style = PLAIN.fg(Color::Green);
/// A key.
pub(super) const KEY: Style = PLAIN.fg(Color::Cyan).add_modifier(Modifier::BOLD);
/// The chart.
pub(super) const CHART: Style = PLAIN.fg(Color::Cyan);
