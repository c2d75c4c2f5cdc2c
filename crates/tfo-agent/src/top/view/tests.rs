//! The picture, letter by letter, at the sizes that people have, and no harm at any other.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw;
use crate::top::columns::Column;
use crate::top::figures::{Figure, ORIGINS, Place};
use crate::top::keys::{Next, press};
use crate::top::reading::{OWN_ORIGINS, Own, Reading, Time, Who};
use crate::top::screen::Screen;
use crate::top::state::State;

const SECOND: Time = 1_000_000_000;

/// Three processes whose figures are known, read twice with two seconds in between.
fn screen(spreads: bool) -> Screen {
    let mut state = State::default();
    let mut screen = Screen::new("own programs".to_owned(), Column::Calls, String::new(), false);
    for round in 1..=3_u32 {
        let time = Time::from(round) * 2 * SECOND;
        let mut reading = Reading::default();
        let names = [(7, "postgres"), (4_194_303, "a-name-of-15-le"), (1, "systemd")];
        for (place, (pid, comm)) in names.into_iter().enumerate() {
            let who = Who::Process { pid, comm: comm.into() };
            let factor = [1000.0, 3.0, 0.0][place] * f64::from(round);
            for origin in &ORIGINS {
                match origin.place {
                    Place::Number(Figure::CallTime | Figure::RunQueue | Figure::OnCpu) => {
                        reading.number(origin, &who, time, factor * 0.001);
                    }
                    Place::Number(figure) => reading.number(origin, &who, time, factor * (1.0 + figure as u32 as f64)),
                    Place::Buckets(spread) if spreads && place < 2 => {
                        reading.observed((origin.group, spread), &who, time, 0.000_5, u64::from(round) * 100);
                        reading.observed((origin.group, spread), &who, time, 2.0, u64::from(round) * 5);
                    }
                    Place::Buckets(_) => {}
                }
            }
        }
        for (number, (_, own)) in (1_u32..).zip(OWN_ORIGINS) {
            let value = if own == Own::Difference { 0.0 } else { f64::from(number * round) };
            reading.own(own, time, value);
        }
        state.take(reading);
        screen.show(state.picture());
    }
    screen
}

fn picture(screen: &mut Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, screen)).unwrap();
    let text = terminal.backend().to_string();
    text.lines().map(|line| line.trim_matches('"').trim_end().to_owned() + "\n").collect()
}

fn type_keys(screen: &mut Screen, keys: &str) -> Next {
    let press = |letter| press(screen, KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE));
    keys.chars().map(press).last().unwrap()
}

/// A picture that somebody has looked at.
fn drawn(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/top/view/");
    std::fs::read_to_string(folder.to_owned() + name).unwrap()
}

#[test]
fn eighty_by_twenty_four() {
    let text = picture(&mut screen(true), 80, 24);
    assert_eq!(text, drawn("80x24.txt"), "\n{text}");
}

#[test]
fn a_hundred_and_sixty_by_fifty() {
    let text = picture(&mut screen(true), 160, 50);
    assert_eq!(text, drawn("160x50.txt"), "\n{text}");
}

#[test]
fn without_distributions_their_columns_give_way_to_the_mean() {
    let text = picture(&mut screen(false), 80, 24);
    let head = text.lines().nth(2).unwrap();
    assert!(head.contains("MEAN") && head.contains("CPU") && !head.contains("P99"), "{head}");
}

#[test]
fn no_size_is_too_small_and_none_too_large() {
    let mut screen = screen(true);
    for help in [false, true] {
        for width in (1..60).chain([79, 80, 200, 400]) {
            for height in (1..40).chain([100]) {
                screen.help = help;
                picture(&mut screen, width, height);
            }
        }
    }
    screen.help = false;
    screen.picture.lines.clear();
    screen.arrange();
    assert!(picture(&mut screen, 80, 24).contains("nothing has been counted"));
}

#[test]
fn keys_do_what_the_help_says() {
    let mut screen = screen(true);
    let first = |screen: &mut Screen| picture(screen, 80, 24).lines().nth(3).unwrap().trim_start().to_owned();
    assert!(first(&mut screen).starts_with("7 postgres"));
    type_keys(&mut screen, "r");
    assert!(first(&mut screen).starts_with("1 systemd"));
    type_keys(&mut screen, "rt");
    assert!(picture(&mut screen, 80, 24).contains("CALLS "), "totals");
    assert!(first(&mut screen).contains(" 3.0k "), "{}", first(&mut screen));
    type_keys(&mut screen, "ti");
    assert!(picture(&mut screen, 80, 24).contains("2 of 3 processes"));
    type_keys(&mut screen, "i/NAME");
    assert!(first(&mut screen).starts_with("4194303 a-name-of-15-le"));
    assert!(screen.typing && screen.filter == "NAME");
    press(&mut screen, KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
    assert!(!screen.typing && screen.order.len() == 3);
    type_keys(&mut screen, "/7");
    press(&mut screen, KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    assert_eq!((screen.order.len(), screen.typing), (1, false), "the pid, not part of one");
    assert_eq!(type_keys(&mut screen, "h"), Next::Draw);
    assert!(picture(&mut screen, 80, 24).contains("sort by the column beside"));
    assert_eq!(type_keys(&mut screen, "h"), Next::Draw);
    assert_eq!(type_keys(&mut screen, "q"), Next::Quit);
    assert_eq!(press(&mut screen, KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Next::Quit);
}

#[test]
fn every_column_can_be_sorted_by_from_the_keyboard() {
    use Column::*;
    let mut screen = screen(true);
    picture(&mut screen, 80, 24);
    for _ in 0..30 {
        press(&mut screen, KeyEvent::new(KeyCode::Left, KeyModifiers::NONE));
    }
    assert_eq!(screen.sort, Pid);
    let mut met = vec![screen.sort];
    for _ in 0..8 {
        press(&mut screen, KeyEvent::new(KeyCode::Right, KeyModifiers::NONE));
        met.push(screen.sort);
    }
    assert_eq!(met, [Pid, Calls, Errors, P50, P99, Net, File, RunQueue, Faults]);
    for (letter, column) in "celunfwm".chars().zip([Calls, Errors, P99, Cpu, Net, File, RunQueue, Faults]) {
        type_keys(&mut screen, &letter.to_string());
        assert_eq!(screen.sort, column);
        assert!(picture(&mut screen, 80, 24).contains('\u{25be}') || screen.reverse);
    }
}

#[test]
fn what_is_paused_stays_while_the_history_goes_on() {
    let mut screen = screen(true);
    let before = picture(&mut screen, 160, 50);
    type_keys(&mut screen, "p");
    let mut state = State::default();
    let mut reading = Reading::default();
    reading.number(&ORIGINS[0], &Who::Nobody, 90 * SECOND, 1.0);
    state.take(reading);
    screen.show(state.picture());
    assert_eq!(picture(&mut screen, 160, 50).lines().nth(7), before.lines().nth(7));
    assert!(picture(&mut screen, 160, 50).contains("PAUSED"));
    type_keys(&mut screen, "p");
    screen.show(state.picture());
    assert!(picture(&mut screen, 160, 50).contains("(no process)"));
}

#[test]
fn ten_thousand_processes_scroll() {
    let mut state = State::default();
    for time in [1, 2] {
        let mut reading = Reading::default();
        for pid in 0..10_000_u32 {
            let who = Who::Process { pid, comm: "many".into() };
            reading.number(&ORIGINS[0], &who, time * SECOND, f64::from(pid) * time as f64);
        }
        state.take(reading);
    }
    let mut screen = screen(true);
    screen.show(state.picture());
    assert!(picture(&mut screen, 80, 24).contains("9999 many"));
    press(&mut screen, KeyEvent::new(KeyCode::End, KeyModifiers::NONE));
    let text = picture(&mut screen, 80, 24);
    assert!(text.contains("      0 many") && !text.contains("9999"), "{text}");
    press(&mut screen, KeyEvent::new(KeyCode::PageUp, KeyModifiers::NONE));
    assert_eq!(screen.first, 10_000 - 2 * screen.page);
    press(&mut screen, KeyEvent::new(KeyCode::Home, KeyModifiers::NONE));
    assert_eq!(screen.first, 0);
}

#[test]
fn trouble_and_what_the_agent_says_are_told() {
    let mut screen = screen(true);
    screen.message = Some("WARN something".to_owned());
    assert!(picture(&mut screen, 80, 24).contains("WARN something"));
    screen.trouble = Some("connection refused".to_owned());
    assert!(picture(&mut screen, 80, 24).contains("nothing new: connection refused"));
}
