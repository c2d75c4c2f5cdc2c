//! `source`: sends batches of rising totals, then ends as it is told. `needy` requires an extension.

use std::sync::Arc;
use std::time::Duration;

use component::config::{Configuration, Section};
use component::{BoxFuture, Builder, Output, Predicate, PushDown, Receiver, ReceiverFactory, Shutdown, Stability};

use super::{batch, note, process};

pub(crate) static FACTORY: ReceiverFactory = ReceiverFactory {
    component_type: "source",
    alias: None,
    stability: Stability::Stable,
    summary: "sends totals",
    requires: &[],
    configure,
};

pub(crate) static NEEDY: ReceiverFactory = ReceiverFactory {
    component_type: "needy",
    alias: None,
    stability: Stability::Stable,
    summary: "requires an extension",
    requires: &["shared"],
    configure: |_| {
        Box::new(|context| {
            let word = context.extensions.get::<String>("shared").ok_or("no extension")?;
            note(format!("{} built with {word}", context.id));
            Ok(Box::new(Source { id: context.id.to_string(), batches: 0, ..Source::default() }))
        })
    },
};

#[derive(Clone, Copy, Default, Debug)]
enum Then {
    #[default]
    Wait,
    Fail,
    Panic,
    End,
    Hang,
}

#[derive(Clone, Default)]
struct Source {
    id: String,
    streams: u64,
    batches: u64,
    every: Duration,
    then: Then,
    last: bool,
    broken: bool,
}

fn configure(section: &mut Section<'_>) -> Builder<Box<dyn Receiver>> {
    let source = Source::read(section);
    Box::new(move |context| match source.broken {
        true => Err("is broken".into()),
        false => Ok(Box::new(Source { id: context.id.to_string(), ..source.clone() })),
    })
}

impl Configuration for Source {
    fn read(section: &mut Section<'_>) -> Self {
        let then = [
            ("wait", Then::Wait),
            ("fail", Then::Fail),
            ("panic", Then::Panic),
            ("end", Then::End),
            ("hang", Then::Hang),
        ];
        Self {
            id: String::new(),
            streams: section.field("streams", "streams per batch", 1),
            batches: section.field("batches", "how many to send", 1),
            every: section.field("every", "time between them", Duration::from_secs(1)),
            then: section.choice("then", "how it goes on", &then),
            last: section.field("last", "sends one more when told to stop", false),
            broken: section.field("broken", "cannot be built", false),
        }
    }
}

impl Receiver for Source {
    fn push_down(&self) -> Option<PushDown> {
        let id = self.id.clone();
        Some(Arc::new(move |predicate: Option<Arc<Predicate>>| {
            let Some(predicate) = predicate else { return note(format!("{id} is asked for everything")) };
            let admitted = ["a", "b", "c"].map(|comm| if predicate.admits(&process(comm)) { comm } else { "-" });
            note(format!("{id} is asked for {}", admitted.concat()));
        }))
    }

    fn run(self: Box<Self>, output: Output, mut shutdown: Shutdown) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            for value in 1..=self.batches {
                output.send(Arc::new(batch(&self.id, self.streams, value))).await;
                tokio::time::sleep(self.every).await;
            }
            match self.then {
                Then::Wait => shutdown.requested().await,
                Then::Fail => return Err("out of luck".into()),
                Then::Panic => panic!("as told"),
                Then::End => {}
                Then::Hang => std::future::pending().await,
            }
            if self.last {
                output.send(Arc::new(batch(&self.id, self.streams, self.batches + 1))).await;
            }
            note(format!("{} stopped", self.id));
            Ok(())
        })
    }
}
