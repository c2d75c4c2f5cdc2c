//! The report for people: a line a check, and below it what to do.

use std::fmt::Write as _;

use super::report::{Check, Report, State};

/// How it is drawn.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    pub(super) color: bool,
    /// Columns after which text goes on below; `None` leaves that to who shows it.
    pub(super) width: Option<usize>,
}

/// Where what was found begins, after the state and the name.
const STATE: usize = 8;

pub(super) fn draw(report: &Report, style: Style) -> String {
    let names = report.checks().map(|check| check.name.len()).max().unwrap_or(0);
    let indent = STATE + names + 2;
    let mut text = String::new();
    let mut told: Vec<&str> = Vec::new();
    for section in &report.0 {
        let _ = writeln!(text, "{}", style.paint(BOLD, section.title));
        for check in &section.checks {
            let state = style.paint(color(check.state), &format!("{:<5}", check.state.word()));
            let _ = write!(text, "  {state} {:<names$}  ", check.name);
            style.fill(&mut text, &check.found, indent);
            if !check.mend.is_empty() && check.state != State::Ok {
                // What mends six lines is said once.
                let mend = if told.contains(&&*check.mend) { "as above" } else { &*check.mend };
                told.push(&check.mend);
                let _ = write!(text, "{:indent$}{} ", "", style.paint(DIM, "->"));
                style.fill(&mut text, mend, indent + 3);
            }
        }
        text.push('\n');
    }
    text + &verdict(report, style)
}

fn verdict(report: &Report, style: Style) -> String {
    let counts = [(State::Ok, "ok"), (State::Note, "to note"), (State::Wrong, "wrong")]
        .map(|(state, words)| (report.count(state), words))
        .map(|(count, words)| format!("{count} {words}"))
        .join(", ");
    let wrong: Vec<&str> =
        report.checks().filter(|check| check.state == State::Wrong).map(|check: &Check| &*check.name).collect();
    let words = if wrong.is_empty() {
        style.paint(GREEN, "The agent works here.")
    } else {
        style.paint(RED, &format!("This will not work as it is: {}.", wrong.join(", ")))
    };
    format!("{counts}. {words}\n")
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "1;31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

fn color(state: State) -> &'static str {
    match state {
        State::Ok => GREEN,
        State::Note => YELLOW,
        State::Wrong => RED,
    }
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Adds `words`, which begin at `indent` and go on there. A command stays whole, to be copied.
    fn fill(self, text: &mut String, words: &str, indent: usize) {
        let room = self.width.map(|width| width.saturating_sub(indent).max(20));
        let Some(room) = room.filter(|_| !words.starts_with("run: ")) else {
            text.push_str(words);
            text.push('\n');
            return;
        };
        let mut used = 0;
        for word in words.split(' ') {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > room {
                let _ = write!(text, "\n{:indent$}", "");
                used = 0;
            }
            if used > 0 {
                text.push(' ');
                used += 1;
            }
            text.push_str(word);
            used += length;
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use receiver_ebpf::Trouble;

    use super::super::report::Section;
    use super::*;

    fn report() -> Report {
        let same = || Trouble::new("Failed to load", "run: sudo true");
        Report(vec![
            Section { title: "Host", checks: vec![Check::ok("kernel", "Linux 6.1")] },
            Section {
                title: "Sub-collectors",
                checks: vec![Check::wrong("syscalls", same()), Check::wrong("network", same())],
            },
        ])
    }

    #[test]
    fn a_line_a_check_and_what_mends_several_is_said_once() {
        let text = "\
Host
  ok    kernel    Linux 6.1

Sub-collectors
  wrong syscalls  Failed to load
                  -> run: sudo true
  wrong network   Failed to load
                  -> as above

1 ok, 0 to note, 2 wrong. This will not work as it is: syscalls, network.
";
        assert_eq!(draw(&report(), Style::default()), text);
    }

    #[test]
    fn long_words_go_on_below_and_commands_stay_whole() {
        let style = Style { color: false, width: Some(30) };
        let mut text = String::new();
        style.fill(&mut text, "one two three four five six", 10);
        style.fill(&mut text, "run: sudo setcap cap_bpf,cap_perfmon+ep /usr/bin/tfo-agent", 10);
        assert_eq!(
            text,
            "one two three four\n          five six\nrun: sudo setcap cap_bpf,cap_perfmon+ep /usr/bin/tfo-agent\n"
        );
    }

    #[test]
    fn colors_are_left_out_where_nobody_sees_them() {
        let colored = draw(&report(), Style { color: true, width: None });
        assert!(colored.contains("\u{1b}[1;31mwrong\u{1b}[0m"), "{colored}");
        assert!(!draw(&report(), Style::default()).contains('\u{1b}'));
    }
}
