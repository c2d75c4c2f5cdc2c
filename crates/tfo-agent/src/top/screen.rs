//! What is on the screen and why: order, filter, place, and what keys did to them. No terminal in sight.

use std::collections::VecDeque;

use super::columns::{self, Column};
use super::figures::Figure;
use super::reading::Who;
use super::state::{Line, Picture};

/// What is typed and remembered beyond it is of no use.
const LONGEST_FILTER: usize = 40;

/// Rates that the head remembers: more than the widest screen has room for.
const HISTORY: usize = 512;

/// The state of the screen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) picture: Picture,
    /// Places of the lines that are shown, in their order.
    pub(super) order: Vec<usize>,
    pub(super) sort: Column,
    pub(super) reverse: bool,
    pub(super) filter: String,
    /// Whether keys go to the filter.
    pub(super) typing: bool,
    /// Totals in place of rates.
    pub(super) totals: bool,
    /// Whether those are hidden that do nothing.
    pub(super) busy_only: bool,
    pub(super) paused: bool,
    pub(super) help: bool,
    /// The line that the screen begins with.
    pub(super) first: usize,
    /// Lines that the last drawing had room for.
    pub(super) page: usize,
    /// Width of the last drawing.
    pub(super) width: usize,
    /// Where all of it comes from.
    pub(super) source: String,
    /// Why nothing new comes.
    pub(super) trouble: Option<String>,
    /// What the agent inside has to say.
    pub(super) message: Option<String>,
    /// Calls per second of all, the latest last.
    pub(super) history: VecDeque<f64>,
}

impl Screen {
    pub(super) fn new(source: String, sort: Column, filter: String, totals: bool) -> Self {
        Self {
            picture: Picture::default(),
            order: Vec::new(),
            sort,
            reverse: false,
            filter,
            typing: false,
            totals,
            busy_only: false,
            paused: false,
            help: false,
            first: 0,
            page: 1,
            width: 80,
            source,
            trouble: None,
            message: None,
            history: VecDeque::new(),
        }
    }

    /// Shows `picture`, unless nothing is to move.
    pub(super) fn show(&mut self, picture: Picture) {
        if picture.rated && picture.time != self.picture.time {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(picture.sum(Figure::Calls));
        }
        if !self.paused {
            self.picture = picture;
            self.arrange();
        }
    }

    /// Lines in their order.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.order.iter().filter_map(|place| self.picture.lines.get(*place))
    }

    /// Finds out anew which lines are shown in which order.
    pub(super) fn arrange(&mut self) {
        let Self { picture, order, sort, reverse, totals, .. } = self;
        let (filter, busy_only) = (self.filter.to_lowercase(), self.busy_only);
        let shown = |line: &Line| matches(line, &filter) && !(busy_only && line.is_idle());
        order.clear();
        order.extend(picture.lines.iter().enumerate().filter(|(_, line)| shown(line)).map(|(place, _)| place));
        order.sort_by(|a, b| {
            let (a, b) = (&picture.lines[*a], &picture.lines[*b]);
            let sorted = sort.order(a, b, *totals);
            let sorted = if *reverse { sorted.reverse() } else { sorted };
            // So that nothing jumps about where all is the same.
            sorted.then_with(|| rank(&a.who).cmp(&rank(&b.who)))
        });
        self.scroll(0);
    }

    /// Moves so many lines down, or up, as far as there are some.
    pub(super) fn scroll(&mut self, lines: isize) {
        let last = self.order.len().saturating_sub(self.page);
        self.first = self.first.saturating_add_signed(lines).min(last);
    }

    /// Sorts by the column that is so many to the right of the one that is sorted by, of those on the screen.
    pub(super) fn sort_beside(&mut self, places: isize) {
        let (mut columns, _) = columns::fitting(self.width, self.picture.spreads, self.sort);
        columns.insert(0, Column::Pid);
        let place = columns.iter().position(|column| *column == self.sort).unwrap_or(0);
        self.sort_by(columns[place.saturating_add_signed(places).min(columns.len() - 1)]);
    }

    /// Sorts by `column`; where it is so already, the other way round.
    pub(super) fn sort_by(&mut self, column: Column) {
        self.reverse = self.sort == column && !self.reverse;
        self.sort = column;
        self.first = 0;
        self.arrange();
    }

    /// Changes the filter.
    pub(super) fn set_filter(&mut self, filter: String) {
        if filter.chars().count() <= LONGEST_FILTER {
            self.filter = filter;
            self.first = 0;
            self.arrange();
        }
    }
}

/// Whether a line has `filter`, which is in small letters, in its name, or is of that pid.
fn matches(line: &Line, filter: &str) -> bool {
    filter.is_empty()
        || match &line.who {
            Who::Process { pid, comm } => comm.to_lowercase().contains(filter) || pid.to_string() == filter,
            Who::Overflow | Who::Nobody => name(&line.who).contains(filter),
        }
}

/// What somebody is called on the screen.
pub(super) fn name(who: &Who) -> &str {
    match who {
        Who::Process { comm, .. } => comm,
        Who::Overflow => "(overflow)",
        Who::Nobody => "(no process)",
    }
}

fn rank(who: &Who) -> (u32, &str) {
    match who {
        Who::Process { pid, comm } => (*pid, comm),
        Who::Overflow | Who::Nobody => (u32::MAX, name(who)),
    }
}
