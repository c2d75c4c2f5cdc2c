//! What is wrong with a configuration, and where.

use std::fmt;
use std::sync::Arc;

/// A place in a configuration source.
///
/// A source without lines, such as a `--set`, has line 0 and is named alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Path of the file as it was given, or another name of the source.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// One fault; prints as `FILE:LINE:COL: text`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where.
    pub position: Position,
    /// What, and what to do; one line.
    pub text: String,
}

impl Fault {
    /// A fault with this text, in which whatever would leave the line, or move the cursor, is escaped: keys and values
    /// of the user's are quoted there.
    #[must_use]
    pub fn new(position: Position, text: impl Into<String>) -> Self {
        let text: String = text.into();
        let text = if text.contains(char::is_control) { text.chars().map(shown).collect() } else { text };
        Self { position, text }
    }
}

fn shown(letter: char) -> String {
    if letter.is_control() { letter.escape_default().collect() } else { letter.into() }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.text)
    }
}

/// All faults found so far, and what is accepted but worth a word.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    faults: Vec<Fault>,
    notices: Vec<Fault>,
}

impl Faults {
    /// Notes one more fault.
    pub fn add(&mut self, position: &Position, text: impl Into<String>) {
        self.faults.push(Fault::new(position.clone(), text));
    }

    /// Notes what is accepted but has no effect, or should be written another way.
    pub fn notice(&mut self, position: &Position, text: impl Into<String>) {
        self.notices.push(Fault::new(position.clone(), text));
    }

    /// Whether no fault has been found; notices are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The notices so far, in order of file, line and column, each once.
    #[must_use]
    pub fn take_notices(&mut self) -> Vec<Fault> {
        sorted(std::mem::take(&mut self.notices))
    }

    /// All faults in order of file, line and column, each once.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Fault> {
        sorted(self.faults)
    }
}

fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort();
    faults.dedup();
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_one_line_whatever_it_quotes() {
        let position = Position { file: "f".into(), line: 1, column: 2 };
        let fault = Fault::new(position, "no \u{1b}[2J of \"a\n\u{e9}\"");
        assert_eq!(fault.to_string(), "f:1:2: no \\u{1b}[2J of \"a\\n\u{e9}\"");
    }
}
