//! What the agent inside the view has to say: kept while the terminal is drawn on, told afterwards.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;

/// The last lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Messages(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    /// How many there were in all.
    count: u64,
}

/// Most that are kept.
const MOST: usize = 50;

impl Messages {
    /// Has warnings kept from here on.
    pub(super) fn keep(&self) {
        let kept = self.clone();
        let lines = fmt().with_max_level(LevelFilter::WARN).without_time().with_target(false).with_ansi(false);
        // Whoever runs it in the same process twice keeps the first.
        let _ = lines.with_writer(move || kept.clone()).try_init();
    }

    /// Has warnings go to standard error.
    pub(super) fn tell() {
        let lines = fmt().with_max_level(LevelFilter::WARN).with_target(false).with_ansi(false);
        let _ = lines.with_writer(io::stderr).try_init();
    }

    /// How many there were, and the last one.
    pub(super) fn last(&self) -> (u64, Option<String>) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.count, kept.lines.back().cloned())
    }

    /// Those that are kept, which are not any more.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).lines).into()
    }
}

/// One line each time.
impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.lines.len() == MOST {
            kept.lines.pop_front();
        }
        kept.lines.push_back(String::from_utf8_lossy(bytes).trim().to_owned());
        kept.count += 1;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
