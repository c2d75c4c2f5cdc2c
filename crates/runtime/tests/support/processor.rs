//! `hold`: keeps the latest point of every stream until it is flushed. `only`: states a predicate.

use std::sync::Arc;
use std::time::Duration;

use component::config::Section;
use component::{Builder, Predicate, Processor, ProcessorFactory, Stability};
use pdata::{Batch, Latest};

use super::note;

pub(crate) static HOLD: ProcessorFactory = ProcessorFactory {
    component_type: "hold",
    alias: None,
    stability: Stability::Stable,
    summary: "keeps the latest",
    requires: &[],
    configure: hold,
};

pub(crate) static ONLY: ProcessorFactory = ProcessorFactory {
    component_type: "only",
    alias: None,
    stability: Stability::Stable,
    summary: "lets one name through",
    requires: &[],
    configure: only,
};

fn hold(section: &mut Section<'_>) -> Builder<Box<dyn Processor>> {
    let period = section.field("period", "time between flushes", Duration::ZERO);
    Box::new(move |context| Ok(Box::new(Hold { id: context.id.to_string(), period, latest: Latest::default() })))
}

struct Hold {
    id: String,
    period: Duration,
    latest: Latest,
}

impl Processor for Hold {
    fn process(&mut self, batch: Batch, _output: &mut Vec<Batch>) {
        self.latest.merge(&batch);
    }

    fn period(&self) -> Option<Duration> {
        Some(self.period)
    }

    fn flush(&mut self, output: &mut Vec<Batch>) {
        note(format!("{} flushed {} streams", self.id, self.latest.streams()));
        if self.latest.streams() > 0 {
            output.push(self.latest.take());
        }
    }
}

fn only(section: &mut Section<'_>) -> Builder<Box<dyn Processor>> {
    let comm = section.field("comm", "a name", String::new());
    Box::new(move |_| {
        let predicate = Predicate::rule(std::slice::from_ref(&comm), &[], &[], &[], false)
            .map_err(|faults| faults[0].to_string())?;
        Ok(Box::new(Only(Arc::new(predicate))))
    })
}

struct Only(Arc<Predicate>);

impl Processor for Only {
    fn process(&mut self, batch: Batch, output: &mut Vec<Batch>) {
        output.push(batch);
    }

    fn predicate(&self) -> Option<Arc<Predicate>> {
        Some(self.0.clone())
    }
}
