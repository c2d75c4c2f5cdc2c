//! Where readings come from: programs of the view's own, or the page of an agent that runs.

mod own;
mod page;
mod sink;
#[cfg(test)]
mod tests;
mod text;

use std::process::ExitCode;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Failure;
use super::options::Options;
use super::reading::Reading;
use own::{Own, Running};
use page::Page;

/// Where an agent has its page unless told otherwise, as a number: no name need be resolved.
const DEFAULT_PAGE: &str = "http://127.0.0.1:8888/metrics";

/// How long the one that may not be there has to answer.
const BRIEF: Duration = Duration::from_secs(2);

/// Receivers read one after the other; what comes within so long is of one moment.
const TOGETHER: Duration = Duration::from_millis(40);

/// A source that runs.
pub(super) struct Source {
    /// What it is called in the head of the view.
    pub(super) name: String,
    readings: mpsc::Receiver<Result<Reading, String>>,
    running: Option<Running>,
}

impl Source {
    /// The source that `options` ask for: an agent's page if there is one, or else programs of our own. To be called
    /// inside a set of local tasks.
    ///
    /// # Errors
    /// What is wrong, and the exit code for it.
    pub(super) async fn find(options: &Options) -> Result<Self, Failure> {
        let failed = |text| (text, ExitCode::FAILURE);
        if let Some(url) = &options.url {
            let page = Page::new(url).map_err(|text| (text, ExitCode::from(2)))?;
            let first = page.fetch(options.patience()).await.map_err(|error| failed(format!("{url}: {error}")))?;
            return Ok(Self::of_page(page, first, url, options));
        }
        if !options.own {
            let page = Page::new(DEFAULT_PAGE).map_err(failed)?;
            if let Ok(first) = page.fetch(BRIEF).await {
                return Ok(Self::of_page(page, first, "http://localhost:8888/metrics", options));
            }
        }
        let (readings, running) = Own::load(options.interval.0, &options.set)?.run();
        let name = if options.own { "own programs" } else { "own programs (no agent at localhost:8888)" };
        Ok(Self { name: name.to_owned(), readings, running: Some(running) })
    }

    fn of_page(page: Page, first: Reading, url: &str, options: &Options) -> Self {
        let (sender, readings) = mpsc::channel(1);
        tokio::spawn(page.follow(first, options.interval.0, sender));
        Self { name: format!("agent at {url}"), readings, running: None }
    }

    /// What came, of one moment; an error where the page is away, which may come back. `None` where nothing comes any
    /// more. May be dropped before it is ready: nothing is lost by that.
    pub(super) async fn next(&mut self) -> Option<Result<Reading, String>> {
        self.readings.recv().await
    }

    /// Whether it is programs of our own.
    pub(super) fn is_own(&self) -> bool {
        self.running.is_some()
    }

    /// What else came by now.
    pub(super) async fn more(&mut self) -> Vec<Result<Reading, String>> {
        if self.is_own() {
            sleep(TOGETHER).await;
        }
        std::iter::from_fn(|| self.readings.try_recv().ok()).collect()
    }

    /// Ends it; programs of our own are detached then.
    pub(super) async fn stop(self) {
        drop(self.readings);
        if let Some(running) = self.running {
            running.stop().await;
        }
    }
}
