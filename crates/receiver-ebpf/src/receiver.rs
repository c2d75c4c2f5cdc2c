//! The receiver that all sub-collectors share: reads at once, then every interval, then once more at the end.

use std::sync::Arc;
use std::time::Duration;

use component::config::Section;
use component::{BoxFuture, BuildContext, Builder, Output, Predicate, PushDown, Receiver, Reporter, Shutdown, Status};
use pdata::{Batch, Metrics, Resource, Scope};
use tokio::time::Instant;

use crate::collectors::{Collector, MakeReader, Reader};
use crate::extension::EXTENSION;
use crate::host::{Host, ReaderId, Wish};
use crate::resource;

/// The first read comes at once and finds next to nothing; whoever has just started the agent
/// need not wait a whole interval for figures.
const SECOND_READ: Duration = Duration::from_secs(1);

/// What cannot wait for the next read is looked after this often: two words in memory.
const MAINTENANCE: Duration = Duration::from_millis(100);

/// Keys of every eBPF receiver; those that only one has are its own.
struct Config {
    collection_interval: Duration,
    histograms: bool,
    reader: MakeReader,
}

impl Config {
    fn read(collector: &Collector, section: &mut Section<'_>) -> Self {
        let collection_interval = section.field(
            "collection_interval",
            "time between two reads of the maps; the first comes at once, the second within 1s",
            Duration::from_secs(15),
        );
        if collection_interval < Duration::from_millis(10) {
            section.fault_at("collection_interval", "must be at least 10ms");
        }
        let histograms = collector.histograms.is_some()
            && section.field("histograms", "exponential histograms per process, beside the sums", false);
        Self { collection_interval, histograms, reader: (collector.reader)(section) }
    }
}

/// Reads the configuration of a receiver for `collector`.
pub(crate) fn configure(collector: &'static Collector, section: &mut Section<'_>) -> Builder<Box<dyn Receiver>> {
    let config = Config::read(collector, section);
    let make = Arc::new(config.reader);
    let (interval, histograms) = (config.collection_interval, config.histograms);
    Box::new(move |context: &BuildContext<'_>| {
        let host: Arc<Host> = context
            .extensions
            .get(EXTENSION)
            .ok_or_else(|| format!("{}: the {EXTENSION} extension is missing", context.id))?;
        let (receiver, settings) = (context.id.clone(), make().settings());
        let reader = host.register(&Wish { receiver, collector, histograms, settings })?;
        let status = context.status.clone();
        Ok(Box::new(EbpfReceiver { collector, host, reader, interval, make: make.clone(), status }))
    })
}

struct EbpfReceiver {
    collector: &'static Collector,
    host: Arc<Host>,
    reader: ReaderId,
    interval: Duration,
    make: Arc<MakeReader>,
    status: Reporter,
}

impl Receiver for EbpfReceiver {
    fn push_down(&self) -> Option<PushDown> {
        let (host, reader) = (self.host.clone(), self.reader);
        Some(Arc::new(move |predicate: Option<Arc<Predicate>>| host.push_down(reader, predicate)))
    }

    fn run(self: Box<Self>, output: Output, shutdown: Shutdown) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            if let Some(Err(reason)) = self.host.outcome(self.reader) {
                self.status.report(Status::PermanentError(format!("nothing is attached: {reason}")));
            }
            let mut reader = self.host.take_reader(self.reader).unwrap_or_else(|| (self.make)());
            self.read_on(reader.as_mut(), &output, shutdown).await;
            self.host.keep_reader(self.reader, reader);
            Ok(())
        })
    }
}

impl EbpfReceiver {
    async fn read_on(&self, reader: &mut dyn Reader, output: &Output, mut shutdown: Shutdown) {
        let mut lead = self.host.lead();
        let mut maintenance = tokio::time::interval(MAINTENANCE);
        maintenance.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let resource = resource::of_this_host();
        let scope = Arc::new(Scope::new(self.collector.factory.component_type, env!("CARGO_PKG_VERSION")));
        let mut next = Instant::now();
        let mut pause = self.interval.min(SECOND_READ);
        loop {
            let leads = *lead.borrow_and_update() == self.reader;
            let last = tokio::select! {
                biased;
                () = shutdown.requested() => true,
                () = tokio::time::sleep_until(next) => false,
                // One receiver does it for all.
                _ = maintenance.tick(), if leads => {
                    self.host.maintain();
                    continue;
                }
                Ok(()) = lead.changed() => continue,
            };
            let metrics = self.host.read(self.reader, reader);
            output.send(self.batch(&resource, &scope, metrics)).await;
            if last {
                return;
            }
            // After a wait for a slow pipeline there is one read, not one for every tick missed.
            next = (next + pause).max(Instant::now());
            pause = self.interval;
        }
    }

    fn batch(&self, resource: &Arc<Resource>, scope: &Arc<Scope>, metrics: Metrics) -> Arc<Batch> {
        let mut batch = Batch::of(resource.clone(), scope.clone(), metrics);
        batch.retain(|_| true);
        tracing::debug!(sub_collector = self.collector.name, points = batch.items(), "ebpf: maps read");
        Arc::new(batch)
    }
}

impl Drop for EbpfReceiver {
    fn drop(&mut self) {
        self.host.leave(self.reader);
    }
}
