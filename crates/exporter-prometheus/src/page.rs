//! The page as an HTTP body that renders one family when the last one has been sent.
//!
//! A page of all streams can be many times what the agent holds; this way memory is
//! that of the largest family, and what is held is locked only while rendering one.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body::{Body, Frame};
use pdata::{Batch, Latest, UnixNanos};

use crate::family::{self, Format};
use crate::naming::Naming;

/// What is held between batches and scrapes.
#[derive(Debug)]
pub(crate) struct Held {
    latest: Mutex<Latest>,
    naming: Naming,
    expiration: Duration,
}

impl Held {
    pub(crate) fn new(naming: Naming, expiration: Duration) -> Arc<Self> {
        Arc::new(Self { latest: Mutex::default(), naming, expiration })
    }

    /// Takes `batch` in and forgets what has expired by `now`.
    pub(crate) fn merge(&self, batch: &Batch, now: SystemTime) {
        let mut latest = self.latest();
        latest.merge(batch);
        latest.expire(self.oldest(now));
    }

    /// The page of what has not expired by `now`.
    pub(crate) fn page(self: &Arc<Self>, format: Format, now: SystemTime) -> Page {
        let mut latest = self.latest();
        latest.expire(self.oldest(now));
        Page::Families { held: self.clone(), format, names: family::names(&latest, self.naming).into_iter() }
    }

    /// Whose names the page uses.
    pub(crate) fn naming(&self) -> Naming {
        self.naming
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        // Totals stay true whatever panicked while they were held.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn oldest(&self, now: SystemTime) -> UnixNanos {
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        since_epoch.saturating_sub(self.expiration).as_nanos().try_into().unwrap_or(UnixNanos::MAX)
    }
}

/// Body of a response.
pub(crate) enum Page {
    /// The families of these names, those to come.
    Families { held: Arc<Held>, format: Format, names: std::vec::IntoIter<String> },
    /// A short text.
    Text(Option<&'static str>),
}

impl Body for Page {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Text(text) => text.take().map(|text| Bytes::from_static(text.as_bytes())),
            Self::Families { held, format, names } => names
                .map(|name| family::render(&held.latest(), held.naming, *format, &name))
                .find(|family| !family.is_empty())
                .map(Bytes::from),
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use pdata::{AttributeValue, Attributes, Descriptor, Instrument, Metric, NumberKind, Point, Resource, Scope};

    use super::*;

    fn batch(id: i64, time: UnixNanos) -> Batch {
        let descriptor = Descriptor {
            name: "m".into(),
            unit: "".into(),
            description: "".into(),
            instrument: Instrument::Gauge,
            number: NumberKind::Unsigned,
            ..Default::default()
        };
        let attributes = Arc::new(Attributes::new(vec![("id", AttributeValue::Int(id))]));
        let points = vec![Point { attributes, start: time, time, bits: 1 }];
        let (resource, scope) = (Resource::default(), Scope::new("", ""));
        Batch::of(Arc::new(resource), Arc::new(scope), vec![Metric { descriptor: Arc::new(descriptor), points }])
    }

    fn text(mut page: Page) -> String {
        let mut text = String::new();
        let mut context = Context::from_waker(std::task::Waker::noop());
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut page).poll_frame(&mut context) {
            text.push_str(str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
        text
    }

    #[test]
    fn streams_not_updated_for_the_expiration_leave_the_page() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let held = Held::new(Naming::Otel, Duration::from_secs(300));
        held.merge(&batch(1, 1_000_000_000_000), at(1000));
        held.merge(&batch(2, 1_200_000_000_000), at(1200));
        assert!(text(held.page(Format::Text, at(1300))).contains("id=\"1\""));
        assert_eq!(text(held.page(Format::Text, at(1301))), "# TYPE m gauge\nm{id=\"2\"} 1\n");
        let begun = held.page(Format::Text, at(1301));
        held.merge(&Batch::default(), at(1501));
        assert_eq!(text(begun), "", "it expired while the page was being sent");
    }
}
