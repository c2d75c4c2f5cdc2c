//! A plain table for scripts: numbers without units, the name last since it may have blanks in it.

use std::io::{self, Write};

use super::columns::{COLUMNS, Column};
use super::reading::Who;
use super::screen::{self, Screen};

/// Prints the lines of `screen` in their order, under their heads.
///
/// Times are microseconds; rates are per second, totals since counting began. What is not known is `-`.
///
/// # Errors
/// Those of `out`.
pub(super) fn print(out: &mut dyn Write, screen: &Screen) -> io::Result<()> {
    let head = COLUMNS.map(|column| column.plain(screen.totals).0);
    for title in head {
        write!(out, "{title:>WIDTH$} ")?;
    }
    writeln!(out, "NAME")?;
    for line in screen.lines() {
        for column in COLUMNS {
            let (_, scale) = column.plain(screen.totals);
            let value = column.value(line, screen.totals) * scale;
            let text = match (column, &line.who) {
                (Column::Pid, Who::Process { pid, .. }) => pid.to_string(),
                (Column::Pid, _) => "-".to_owned(),
                _ if value.is_nan() => "-".to_owned(),
                _ if value.fract() == 0.0 => format!("{value:.0}"),
                _ => format!("{value:.1}"),
            };
            write!(out, "{text:>WIDTH$} ")?;
        }
        // A process may call itself what it likes.
        let name: String = screen::name(&line.who).chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        writeln!(out, "{name}")?;
    }
    out.flush()
}

const WIDTH: usize = 11;
