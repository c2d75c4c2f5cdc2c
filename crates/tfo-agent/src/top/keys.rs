//! What keys do.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::columns::Column;
use super::screen::Screen;

/// What the help says of keys, in its order.
pub(super) const HELP: [(&str, &str); 12] = [
    ("Left Right", "sort by the column beside"),
    ("c e l u", "sort by calls, errors, latency, CPU"),
    ("n f w m", "sort by network, files, run queue, faults"),
    ("r", "the other way round"),
    ("/", "show only names that contain, or the pid; Esc: all"),
    ("i", "hide those that do nothing"),
    ("t", "totals or rates"),
    ("p Space", "pause"),
    ("Up Down j k", "one line"),
    ("PgUp PgDn", "one page; Home End: begin, end"),
    ("h ?", "this help"),
    ("q Ctrl-C", "quit"),
];

/// What is to be done after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Draw,
    Quit,
}

/// Does what `key` says.
pub(super) fn press(screen: &mut Screen, key: KeyEvent) -> Next {
    screen.message = None;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    if control {
        return match key.code {
            KeyCode::Char('c' | 'd') => Next::Quit,
            _ => Next::Draw,
        };
    }
    if screen.typing {
        return type_filter(screen, key.code);
    }
    if screen.help {
        screen.help = false;
        return if key.code == KeyCode::Char('q') { Next::Quit } else { Next::Draw };
    }
    let page = isize::try_from(screen.page).unwrap_or(isize::MAX);
    match key.code {
        KeyCode::Char('q') => return Next::Quit,
        KeyCode::Char('h' | '?') | KeyCode::F(1) => screen.help = true,
        KeyCode::Char('p' | ' ') => screen.paused = !screen.paused,
        KeyCode::Char('/') => screen.typing = true,
        KeyCode::Esc => screen.set_filter(String::new()),
        KeyCode::Char('t') => {
            screen.totals = !screen.totals;
            screen.arrange();
        }
        KeyCode::Char('i') => {
            screen.busy_only = !screen.busy_only;
            screen.arrange();
        }
        KeyCode::Char('r') => {
            screen.reverse = !screen.reverse;
            screen.arrange();
        }
        KeyCode::Left | KeyCode::Char('<') => screen.sort_beside(-1),
        KeyCode::Right | KeyCode::Char('>') => screen.sort_beside(1),
        KeyCode::Up | KeyCode::Char('k') => screen.scroll(-1),
        KeyCode::Down | KeyCode::Char('j') => screen.scroll(1),
        KeyCode::PageUp => screen.scroll(-page),
        KeyCode::PageDown => screen.scroll(page),
        KeyCode::Home | KeyCode::Char('g') => screen.first = 0,
        KeyCode::End | KeyCode::Char('G') => screen.scroll(isize::MAX),
        KeyCode::Char(letter) => {
            if let Some(column) = sorted_by(letter, screen.picture.spreads) {
                screen.sort_by(column);
            }
        }
        _ => {}
    }
    Next::Draw
}

fn sorted_by(letter: char, spreads: bool) -> Option<Column> {
    Some(match letter {
        'c' => Column::Calls,
        'e' => Column::Errors,
        'l' if spreads => Column::P99,
        'l' => Column::Mean,
        'u' => Column::Cpu,
        'n' => Column::Net,
        'f' => Column::File,
        'w' => Column::RunQueue,
        'm' => Column::Faults,
        _ => return None,
    })
}

fn type_filter(screen: &mut Screen, code: KeyCode) -> Next {
    match code {
        KeyCode::Enter => screen.typing = false,
        KeyCode::Esc => {
            screen.typing = false;
            screen.set_filter(String::new());
        }
        KeyCode::Backspace => {
            let mut filter = screen.filter.clone();
            filter.pop();
            screen.set_filter(filter);
        }
        KeyCode::Char(letter) if !letter.is_control() => {
            let filter = format!("{}{letter}", screen.filter);
            screen.set_filter(filter);
        }
        _ => {}
    }
    Next::Draw
}
