//! Where the parts of the graph stand: columns along the flow, a lane for every pipeline and connector.

use component::{Kind, Snapshot};

/// A part in its place, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Box {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) height: f64,
}

/// The drawing's size, and the place of every node that is part of a flow.
pub(super) struct Places {
    pub(super) boxes: Vec<Option<Box>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

pub(super) const WIDTH: f64 = 148.0;
/// Between columns: room for a count, and for the bend behind it.
const GAP: f64 = 116.0;
/// Between two ways out of a part, so that their counts do not touch.
const PORT: f64 = 17.0;
const LEAST_HEIGHT: f64 = 46.0;
const SPACE: f64 = 18.0;
const MARGIN: f64 = 10.0;
/// Above the first processor of a pipeline, for the pipeline's name.
const CAPTION: f64 = 16.0;

/// `seen` with one box less a pipeline that has processors: the first of them stands for it, under its name.
/// And the ways that are left, by their places among those of `seen`.
pub(super) fn captioned(seen: &Snapshot) -> (Snapshot, Vec<usize>) {
    let stands_for = |place: usize| {
        let node = &seen.nodes[place];
        if node.kind != Kind::Pipeline {
            return place;
        }
        (0..seen.nodes.len()).find(|step| seen.nodes[*step].pipeline.as_ref() == Some(&node.id)).unwrap_or(place)
    };
    let mut merged = seen.clone();
    let (mut links, mut kept) = (Vec::new(), Vec::new());
    for (place, link) in seen.edges.iter().enumerate() {
        let link = component::Link { from: stands_for(link.from), to: stands_for(link.to), points: link.points };
        if link.from != link.to {
            links.push(link);
            kept.push(place);
        }
    }
    merged.edges = links;
    (merged, kept)
}

/// Finds a place for every node of `seen`.
#[expect(clippy::cast_precision_loss, reason = "columns are few")]
pub(super) fn place(seen: &Snapshot) -> Places {
    let ranks = ranks(seen);
    let last =
        ranks.iter().zip(&seen.nodes).filter(|(_, node)| node.kind != Kind::Extension).map(|(rank, _)| *rank).max();
    let last = last.unwrap_or(0);
    let height_of = |place: usize| {
        let out = seen.edges.iter().filter(|link| link.from == place).count();
        LEAST_HEIGHT.max(out as f64 * PORT + 12.0)
    };
    let mut boxes: Vec<Option<Box>> = vec![None; seen.nodes.len()];
    let column = |rank: usize| MARGIN + rank as f64 * (WIDTH + GAP);
    let mut lane = 0.0;
    for members in lanes(seen, &ranks) {
        let tallest = members.iter().map(|place| height_of(*place)).fold(LEAST_HEIGHT, f64::max);
        if seen.nodes[members[0]].kind == Kind::Processor {
            lane += CAPTION;
        }
        for place in members {
            let height = height_of(place);
            let y = lane + (tallest - height) / 2.0;
            boxes[place] = Some(Box { x: column(ranks[place]), y, height });
        }
        lane += tallest + SPACE;
    }
    let stack =
        |kind: Kind| -> Vec<usize> { (0..seen.nodes.len()).filter(|place| seen.nodes[*place].kind == kind).collect() };
    let receivers = stack(Kind::Receiver);
    let mut exporters = stack(Kind::Exporter);
    // In the order of the lanes that lead there, so that ways cross as little as can be.
    let comes_from = |exporter: &usize| {
        let lanes = seen.edges.iter().filter(|link| link.to == *exporter).filter_map(|link| Some(boxes[link.from]?.y));
        let (sum, count) = lanes.fold((0.0, 0.0), |(sum, count), y| (sum + y, count + 1.0));
        sum / f64::max(count, 1.0)
    };
    exporters.sort_by(|one, other| comes_from(one).total_cmp(&comes_from(other)));
    let tall = |places: &[usize]| places.iter().map(|place| height_of(*place) + SPACE).sum::<f64>();
    let height = lane.max(tall(&receivers)).max(tall(&exporters)).max(LEAST_HEIGHT);
    // Whatever is lower than the highest column is moved to its middle.
    for one in boxes.iter_mut().flatten() {
        one.y += (height - lane) / 2.0 + MARGIN;
    }
    for (places, rank) in [(receivers, 0), (exporters, last)] {
        let mut y = (height - tall(&places)) / 2.0 + MARGIN;
        for place in places {
            let height = height_of(place);
            boxes[place] = Some(Box { x: column(rank), y, height });
            y += height + SPACE;
        }
    }
    Places { boxes, width: column(last) + WIDTH + MARGIN, height: height - SPACE + 2.0 * MARGIN }
}

/// How far along the flow a node is; exporters are at its end.
fn ranks(seen: &Snapshot) -> Vec<usize> {
    let mut ranks = vec![0; seen.nodes.len()];
    // There is no circle: the longest way has fewer links than there are nodes.
    for _ in 0..seen.nodes.len() {
        for link in &seen.edges {
            ranks[link.to] = ranks[link.to].max(ranks[link.from] + 1);
        }
    }
    let end = ranks.iter().copied().max().unwrap_or(0);
    for (rank, node) in ranks.iter_mut().zip(&seen.nodes) {
        if node.kind == Kind::Exporter {
            *rank = end;
        }
    }
    ranks
}

/// What stands side by side: the processors of a pipeline, or what has a lane alone. First in the flow, first here.
fn lanes(seen: &Snapshot, ranks: &[usize]) -> Vec<Vec<usize>> {
    let all = || 0..seen.nodes.len();
    let lane = |head: usize| match seen.nodes[head].kind {
        Kind::Connector => vec![head],
        Kind::Pipeline => {
            let of_it = |place: &usize| seen.nodes[*place].pipeline.as_ref() == Some(&seen.nodes[head].id);
            let own: Vec<usize> = all().filter(of_it).collect();
            if own.is_empty() { vec![head] } else { own }
        }
        _ => Vec::new(),
    };
    let mut lanes: Vec<Vec<usize>> = all().map(lane).filter(|lane| !lane.is_empty()).collect();
    lanes.sort_by_key(|lane| ranks[lane[0]]);
    lanes
}
