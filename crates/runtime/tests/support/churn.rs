//! `churn`: processes that are born, work and end, and the count of all that they did.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use component::config::{Configuration, Section};
use component::{BoxFuture, Builder, Output, Receiver, ReceiverFactory, Shutdown, Stability};
use pdata::{
    AttributeValue, Attributes, Batch, Descriptor, ExponentialHistogram, HistogramPoint, Instrument, Metric, Metrics,
    OwnAttributes, Point, Resource, Scope,
};

use super::process;

pub(crate) static FACTORY: ReceiverFactory = ReceiverFactory {
    component_type: "churn",
    alias: None,
    stability: Stability::Stable,
    summary: "processes that come and go",
    requires: &[],
    configure,
};

thread_local! {
    static COUNTED: Cell<u64> = const { Cell::new(0) };
    /// When the last one of this test ended, by the times of its points: time is paused, the clock of the wall is not.
    static ENDED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// What all processes did so far.
pub(crate) fn counted() -> u64 {
    COUNTED.get()
}

pub(crate) fn forget() {
    COUNTED.set(0);
}

#[derive(Clone, Copy)]
struct Churn {
    births: u32,
    stay: u32,
    every: Duration,
    reads: u64,
}

impl Configuration for Churn {
    fn read(section: &mut Section<'_>) -> Self {
        Self {
            births: section.field("births", "processes that are born before each read, and end after the next", 10),
            stay: section.field("stay", "processes that live on", 10),
            every: section.field("every", "time between two reads", Duration::from_secs(1)),
            reads: section.field("reads", "how many", 600),
        }
    }
}

fn configure(section: &mut Section<'_>) -> Builder<Box<dyn Receiver>> {
    let churn = Churn::read(section);
    Box::new(move |_| Ok(Box::new(churn)))
}

struct Stream {
    attributes: Arc<Attributes>,
    start: u64,
    count: u64,
    ends: u64,
}

impl Churn {
    fn born(pid: u32, start: u64, ends: u64) -> Stream {
        let mut process = process("worker");
        process.pid = pid;
        let own = OwnAttributes::new(vec![("call", AttributeValue::Int(i64::from(pid % 7)))]);
        Stream { attributes: Arc::new(Attributes::of_process(Arc::new(process), own)), start, count: 0, ends }
    }

    async fn go(self, output: Output, mut shutdown: Shutdown) {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().max(ENDED.get());
        ENDED.set(began + self.every * 10 * u32::try_from(self.reads).unwrap());
        let at = |read: u64| u64::try_from((began + self.every * u32::try_from(read).unwrap()).as_nanos()).unwrap();
        let mut streams: Vec<Stream> = (0..self.stay).map(|pid| Self::born(pid, at(0), u64::MAX)).collect();
        let mut next = self.stay;
        for read in 1..=self.reads {
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                () = shutdown.requested() => return,
            }
            for _ in 0..self.births {
                streams.push(Self::born(next, at(read) - 1, read + 1));
                next += 1;
            }
            for (index, stream) in (read..).zip(&mut streams) {
                let more = index % 13 + 1;
                stream.count += more;
                COUNTED.set(COUNTED.get() + more);
            }
            output.send(Arc::new(batch(&streams, at(read)))).await;
            streams.retain(|stream| stream.ends > read);
        }
        shutdown.requested().await;
    }
}

impl Receiver for Churn {
    fn run(self: Box<Self>, output: Output, shutdown: Shutdown) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            self.go(output, shutdown).await;
            Ok(())
        })
    }
}

/// The same count of every stream as a number, and as observations.
fn batch(streams: &[Stream], time: u64) -> Batch {
    let descriptor = |name: &'static str, instrument| {
        Arc::new(Descriptor { name: name.into(), instrument, ..Descriptor::default() })
    };
    let number = |stream: &Stream| Point {
        attributes: stream.attributes.clone(),
        start: stream.start,
        time,
        bits: stream.count,
    };
    let distribution = |stream: &Stream| {
        let counts = [stream.count / 2, stream.count - stream.count / 2].into();
        let histogram = Arc::new(ExponentialHistogram { counts, ..Default::default() }.into());
        HistogramPoint { attributes: stream.attributes.clone(), start: stream.start, time, histogram }
    };
    let numbers = streams.iter().map(number).collect();
    let histograms = streams.iter().map(distribution).collect();
    let metrics = Metrics {
        numbers: vec![Metric { descriptor: descriptor("calls", Instrument::Counter), points: numbers }],
        histograms: vec![Metric {
            descriptor: descriptor("times", Instrument::ExponentialHistogram),
            points: histograms,
        }],
    };
    Batch::of(Arc::new(Resource::default()), Arc::new(Scope::new("test", "0")), metrics)
}
