//! What runs, drawn up for those who look at it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use component::{ComponentId, Kind, Reporter};

use super::board::{Layout, Meter, Passed, Placed, Wired};
use super::live::{Live, Way};

impl Live {
    /// Its nodes, and what flows between them.
    pub(super) fn layout(&self) -> Layout {
        let mut drawing = Drawing::default();
        for extension in &self.extensions {
            drawing.place(Kind::Extension, &extension.id, &extension.reporter, Meter::None);
        }
        for (id, receiver) in &self.receivers {
            drawing.place(Kind::Receiver, id, &receiver.reporter, Meter::Receiver(receiver.output.flow()));
        }
        for (id, exporter) in &self.exporters {
            drawing.place(Kind::Exporter, id, &exporter.reporter, Meter::Exporter(exporter.counters.clone()));
        }
        for connector in self.pipelines.iter().flat_map(|pipeline| &pipeline.joined_to) {
            if !drawing.places.contains_key(&(Kind::Connector, connector.clone())) {
                let reporter = Reporter::default();
                reporter.report_started();
                drawing.place(Kind::Connector, connector, &reporter, Meter::None);
            }
        }
        let ends: BTreeMap<&ComponentId, usize> =
            self.chains.iter().map(|(id, chain)| (id, drawing.chain(id, chain))).collect();
        drawing.ways(&self.ways, &ends);
        drawing.layout
    }
}

#[derive(Default)]
struct Drawing {
    layout: Layout,
    places: BTreeMap<(Kind, ComponentId), usize>,
}

impl Drawing {
    fn place(&mut self, kind: Kind, id: &ComponentId, reporter: &Reporter, meter: Meter) -> usize {
        let place = self.layout.nodes.len();
        let node = Placed { kind, id: id.clone(), pipeline: None, reporter: reporter.clone(), meter };
        self.layout.nodes.push(node);
        self.places.insert((kind, id.clone()), place);
        place
    }

    /// A pipeline and its processors, one after the other; the place of the last.
    fn chain(&mut self, id: &ComponentId, chain: &super::live::LivePipeline) -> usize {
        let mut last = self.place(Kind::Pipeline, id, &chain.reporter, Meter::None);
        for step in &chain.steps {
            let place = self.layout.nodes.len();
            self.layout.nodes.push(Placed {
                kind: Kind::Processor,
                id: step.id.clone(),
                pipeline: Some(id.clone()),
                reporter: step.reporter.clone(),
                meter: Meter::Processor(step.counters.clone()),
            });
            self.layout.links.push(Wired { from: last, to: place, points: Passed::Into(step.counters.clone()) });
            last = place;
        }
        last
    }

    fn ways(&mut self, ways: &BTreeMap<Way, Arc<AtomicU64>>, ends: &BTreeMap<&ComponentId, usize>) {
        // What goes through a connector is one line to it and one from it, whatever it joins.
        let mut into: BTreeMap<(usize, usize), Arc<AtomicU64>> = BTreeMap::new();
        let mut out: BTreeMap<(usize, usize), Vec<Arc<AtomicU64>>> = BTreeMap::new();
        for ((from, connector, to), points) in ways {
            let Some(to) = self.places.get(to).copied() else { continue };
            let pipeline = ends.get(from).copied();
            let Some(connector) = connector else {
                let receiver = self.places.get(&(Kind::Receiver, from.clone())).copied();
                // An id may be both a receiver's and, spelt alike, a pipeline's: what it leads to tells.
                let from = if self.layout.nodes[to].kind == Kind::Pipeline { receiver } else { pipeline };
                let Some(from) = from else { continue };
                self.layout.links.push(Wired { from, to, points: Passed::Counted(vec![points.clone()]) });
                continue;
            };
            let place = self.places.get(&(Kind::Connector, connector.clone())).copied();
            let (Some(from), Some(place)) = (pipeline, place) else { continue };
            into.entry((from, place)).or_insert_with(|| points.clone());
            out.entry((place, to)).or_default().push(points.clone());
        }
        let into = into.into_iter().map(|(ends, points)| (ends, vec![points]));
        for ((from, to), strands) in into.chain(out) {
            self.layout.links.push(Wired { from, to, points: Passed::Counted(strands) });
        }
    }
}
