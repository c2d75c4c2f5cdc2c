//! The foot: how the pipeline is doing, what the agent costs, which keys there are.

use ratatui::style::Style;

use super::{Paper, theme};
use crate::top::reading::Own;
use crate::top::screen::Screen;
use crate::top::state::Picture;
use crate::top::units::Unit;

/// How many lines it takes where there is room.
pub(super) const LINES: u16 = 3;

type Word = Vec<(String, Style)>;

pub(super) fn draw(paper: &mut Paper<'_>, screen: &Screen, top: u16) {
    let (bottom, width) = (paper.area.height - 1, paper.area.width);
    if top < bottom {
        paper.write_words(1, top, width, &pipeline(&screen.picture));
        paper.write_words(1, top + 1, width, &cost(&screen.picture));
    }
    if screen.typing {
        let x = paper.write(1, bottom, &format!("/{}", screen.filter), theme::VALUE);
        let x = paper.write(x, bottom, "\u{2588}", theme::VALUE);
        paper.write(x + 2, bottom, "part of a name, or a pid; Enter keeps it, Esc shows all", theme::LABEL);
    } else if let Some(trouble) = &screen.trouble {
        paper.write(1, bottom, &format!("nothing new: {trouble}"), theme::ALARM);
    } else if let Some(message) = &screen.message {
        paper.write(1, bottom, message, theme::WARNING);
    } else {
        let key = |(key, does): (&str, &str)| -> Word {
            vec![(format!("{key} "), theme::KEY), (does.to_owned(), theme::LABEL)]
        };
        paper.write_words(1, bottom, width, &KEYS.map(key));
    }
}

const KEYS: [(&str, &str); 8] = [
    ("q", "quit"),
    ("h", "help"),
    ("< >", "sort"),
    ("/", "filter"),
    ("t", "totals"),
    ("p", "pause"),
    ("i", "hide idle"),
    ("r", "reverse"),
];

fn pipeline(picture: &Picture) -> Vec<Word> {
    let agent = &picture.agent;
    let rate = |own| picture.agent_rate(own).map_or_else(dash, |rate| Unit::Count.show(rate) + "/s");
    let mut words = vec![
        word("pipeline  in ", rate(Own::Accepted), theme::NUMBER),
        word("out ", rate(Own::Delivered), theme::NUMBER),
    ];
    if let Some(failed) = agent.get(Own::Failed) {
        let failing = picture.agent_rate(Own::Failed).is_some_and(|rate| rate > 0.0);
        words.push(word("failed ", Unit::Count.show(failed), if failing { theme::ALARM } else { theme::NUMBER }));
    }
    if let Some(loss) = agent.get(Own::Loss) {
        let losing = picture.agent_rate(Own::Loss).is_some_and(|rate| rate > 0.0);
        words.push(word("loss ", Unit::Count.show(loss), if losing { theme::WARNING } else { theme::NUMBER }));
    }
    if let Some(difference) = agent.get(Own::Difference) {
        words.push(match difference {
            0.0 => word("self-check ", "ok".to_owned(), theme::GOOD),
            _ => word("self-check off by ", Unit::Count.show(difference), theme::ALARM),
        });
    }
    if let Some(queued) = agent.get(Own::Queued) {
        words.push(word("queued ", Unit::Count.show(queued), theme::NUMBER));
    }
    words
}

fn cost(picture: &Picture) -> Vec<Word> {
    let agent = &picture.agent;
    let share = |own| picture.agent_rate(own).map_or_else(dash, |rate| Unit::Share.show(rate));
    let bytes = |own| agent.get(own).map_or_else(dash, |bytes| Unit::Bytes.show(bytes));
    let mut words = vec![
        word("agent     cpu ", share(Own::Cpu), theme::NUMBER),
        word("memory ", bytes(Own::Memory), theme::NUMBER),
        word("programs ", share(Own::ProgramTime), theme::NUMBER),
        word("maps ", bytes(Own::MapMemory), theme::NUMBER),
    ];
    if let Some(free) = agent.get(Own::FreeSlots) {
        words.push(word(
            "free slots ",
            Unit::Count.show(free),
            if free > 0.0 { theme::NUMBER } else { theme::WARNING },
        ));
    }
    let runs = picture.agent_rate(Own::Events).map_or_else(dash, |rate| Unit::Count.show(rate) + "/s");
    words.push(word("runs ", runs, theme::NUMBER));
    words
}

fn word(label: &str, text: String, style: Style) -> Word {
    vec![(label.to_owned(), theme::LABEL), (text, style)]
}

fn dash() -> String {
    "-".to_owned()
}
