//! The page as an HTTP body that renders one family when the last one has been sent.
//!
//! A page of all streams can be many times what the agent holds; this way memory is
//! that of the largest family, and what is held is locked only while rendering one.

mod series;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use component::Observe;
use http_body::{Body, Frame};
use pdata::{Batch, Latest};
use tokio::time::{Sleep, sleep};

use crate::accept;
use crate::clients::{Client, Clients, RETRY};
use crate::exporter::Config;
use crate::family::{self, Options, Plan, Refused};
use crate::format::Format;
use crate::naming::Naming;
use series::Series;

/// What is held between batches and scrapes.
#[derive(Debug)]
pub(crate) struct Held {
    series: Mutex<Series>,
    options: Options,
    /// Expiry goes by our own clock, which never goes back: those of others may be slow, and late what they send.
    epoch: Instant,
    /// Metrics that were said to be on no page.
    refused: Mutex<BTreeSet<String>>,
    /// Whose own figures stand on the page too.
    service: OnceLock<Arc<dyn Observe>>,
}

impl Held {
    pub(crate) fn new(options: Options, expiration: Duration, max_streams: usize) -> Arc<Self> {
        let (series, epoch) = (Mutex::new(Series::new(max_streams, expiration)), Instant::now());
        Arc::new(Self { series, options, epoch, refused: Mutex::default(), service: OnceLock::new() })
    }

    /// Has the figures of `service` itself on the page, as they are when it is asked for.
    pub(crate) fn show(&self, service: Arc<dyn Observe>) {
        let _ = self.service.set(service);
    }

    /// Takes in `batch`, which came `now`, and forgets what has expired.
    pub(crate) fn merge(&self, batch: Arc<Batch>, now: Instant) {
        self.series().merge(batch, self.nanos(now));
    }

    /// The page of what has not expired by `now`, on its way to `reader`.
    pub(crate) fn page(self: &Arc<Self>, format: Format, now: Instant, reader: Reader) -> Page {
        let own = self.service.get().and_then(|service| service.own_metrics());
        let mut series = self.series();
        if let Some(own) = own {
            series.merge(own, self.nanos(now));
        }
        series.expire(self.nanos(now));
        let (plan, refused) = Plan::new(&series.latest, &self.options, format);
        drop(series);
        self.tell(refused);
        Page::Families { held: self.clone(), plan: Box::new(plan), next: 0, reader, wait: None }
    }

    /// Says once of each metric that it is left out; of so many that memory stays bounded.
    fn tell(&self, refused: Vec<Refused>) {
        let mut told = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        for Refused { metric, family } in refused {
            if told.len() < MOST_TOLD && told.insert(metric.clone()) {
                tracing::warn!(
                    metric,
                    family,
                    "metric left off the page: its name there is that of another of another kind"
                );
            }
        }
    }

    /// How the page is made.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        // Totals stay true whatever panicked while they were held.
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nanos(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.epoch).as_nanos().try_into().unwrap_or(u64::MAX)
    }
}

/// The whole page of `batch`, as a scraper gets it that sends `accept`; for tests of whatever may come.
#[must_use]
pub fn page_of(batch: &Batch, config: &Config, accept: &str) -> Vec<u8> {
    let negotiated = config.naming == Naming::Otel;
    let accepted = std::iter::once(accept.as_bytes());
    let format = if negotiated { accept::format(accepted, config.enable_open_metrics) } else { Format::TEXT };
    let (mut latest, options) = (Latest::default(), config.options());
    latest.merge(batch);
    let (plan, _) = Plan::new(&latest, &options, format);
    let families = (0..plan.len()).flat_map(|index| family::render(&latest, &options, &plan, index));
    families.chain(family::end(&plan).bytes()).collect()
}

/// Who a page is for.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) client: Arc<Client>,
    pub(crate) clients: Arc<Clients>,
}

/// Body of a response.
pub(crate) enum Page {
    /// The families of a plan, from `next` on.
    Families { held: Arc<Held>, plan: Box<Plan>, next: usize, reader: Reader, wait: Option<Pin<Box<Sleep>>> },
    /// A short text.
    Text(Option<&'static str>),
}

impl Body for Page {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match self.get_mut() {
            Self::Text(text) => text.take().map(|text| Bytes::from_static(text.as_bytes())),
            Self::Families { held, plan, next, reader, wait } => loop {
                if let Some(sleep) = wait {
                    ready!(sleep.as_mut().poll(context));
                    *wait = None;
                }
                if !reader.clients.may_render(&reader.client) {
                    *wait = Some(Box::pin(sleep(RETRY)));
                    continue;
                }
                let index = *next;
                *next = next.saturating_add(1);
                let bytes = match index.cmp(&plan.len()) {
                    std::cmp::Ordering::Less => family::render(&held.series().latest, &held.options, plan, index),
                    std::cmp::Ordering::Equal => family::end(plan).into(),
                    std::cmp::Ordering::Greater => break None,
                };
                if !bytes.is_empty() {
                    reader.clients.rendered(&reader.client, bytes.len());
                    break Some(bytes.into());
                }
            },
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

const MOST_TOLD: usize = 100;

#[cfg(test)]
mod tests;
