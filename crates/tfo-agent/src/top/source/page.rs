//! A running agent's page, read when there may be news on it. Nothing is loaded.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use exporter_otlp::Post;
use http::{Request, Uri};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::text::Parser;
use crate::top::reading::{Reading, Time};

/// A page at a URL.
#[derive(Debug)]
pub(super) struct Page {
    post: Post,
    uri: Uri,
}

/// How long a page of ten thousand processes may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A page is written a moment after what stands on it was read.
const MARGIN: Duration = Duration::from_millis(100);

impl Page {
    /// Does not connect yet.
    ///
    /// # Errors
    /// A URL that is none of a page.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url:?}: {error}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(format!("{url:?} is no URL of a page, such as http://localhost:8888/metrics"));
        }
        let path = if uri.path() == "/" { "/metrics" } else { uri.path() };
        let asked = format!("{path}?{}", uri.query().unwrap_or("timestamps"));
        let asked = asked.parse().map_err(|error| format!("{url:?}: {error}"))?;
        Ok(Self { post: Post::new(url)?, uri: asked })
    }

    /// What is on it now.
    ///
    /// # Errors
    /// Why nothing is, in one line.
    pub(super) async fn fetch(&self, patience: Duration) -> Result<Reading, String> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.uri.clone();
        let mut parser = Parser::new(now());
        let answer = timeout(patience, self.post.read(request, |bytes| parser.take(bytes))).await;
        let answer = answer.map_err(|_| format!("no answer within {} s", patience.as_secs()))?;
        let status = answer.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("it answers {status}"));
        }
        let reading = parser.finish();
        if reading.known == 0 {
            return Err("no figure of a tfo-agent is on that page".to_owned());
        }
        Ok(reading)
    }

    /// Sends what is read, first of all `first`, until nobody takes it any more.
    pub(super) async fn follow(
        self,
        first: Reading,
        interval: Duration,
        readings: mpsc::Sender<Result<Reading, String>>,
    ) {
        let mut last = 0;
        let mut fetched = Ok(first);
        loop {
            let mut wait = interval;
            if let Ok(reading) = &fetched {
                let newest = reading.times().into_iter().max().unwrap_or(0);
                wait = pause(last, newest, now(), interval);
                last = newest.max(last);
            }
            if readings.send(fetched).await.is_err() {
                return;
            }
            sleep(wait).await;
            fetched = self.fetch(PATIENCE).await;
        }
    }
}

/// Time until there may be news: the agent reads as regularly as it did the last two times.
fn pause(last: Time, newest: Time, now: Time, interval: Duration) -> Duration {
    let period = newest.saturating_sub(last);
    let due = newest.saturating_add(period).saturating_sub(now);
    // A clock that is not ours says nothing.
    if last == 0 || newest == last || due > period {
        return interval;
    }
    (Duration::from_nanos(due) + MARGIN).max(interval)
}

fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_nanos().try_into().unwrap_or(Time::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_when_there_may_be_news() {
        const SECOND: Time = 1_000_000_000;
        let of =
            |last, newest, now| pause(last * SECOND, newest * SECOND, now * SECOND, Duration::from_secs(2)).as_millis();
        assert_eq!(of(0, 100, 103), 2000, "nothing is known of the one before");
        assert_eq!(of(100, 100, 103), 2000, "no news");
        assert_eq!(of(100, 115, 118), 12_100, "three of fifteen seconds are over");
        assert_eq!(of(100, 115, 129), 2000);
        assert_eq!(of(100, 115, 700), 2000, "long over");
        assert_eq!(of(100, 115, 50), 2000, "a clock that is behind");
    }

    #[test]
    fn a_url_is_one_of_a_page() {
        for (url, asked) in [
            ("http://localhost:8888", "/metrics?timestamps"),
            ("http://localhost:8888/metrics", "/metrics?timestamps"),
            ("http://[::1]:1/a?b=c", "/a?b=c"),
        ] {
            assert_eq!(Page::new(url).unwrap().uri, asked);
        }
        for url in ["localhost:8888", "ftp://x/", "", "http://", "unix:/run/x"] {
            assert!(Page::new(url).is_err(), "{url}");
        }
    }
}
