//! The running service as others see it: what is wired to what, how each is doing, how much went through.
//!
//! The runtime implements [`Observe`]; `health_check`, `zpages`, the scrape page and the agent's own
//! telemetry look at it when they are asked, so that nobody looking costs nothing.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use pdata::Batch;

use crate::{ComponentId, Status};

/// What a part of the graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The end of one pipeline and the beginning of another.
    Connector,
    /// A way out.
    Exporter,
    /// Something beside the pipelines.
    Extension,
    /// A chain of processors with its receivers and exporters.
    Pipeline,
    /// A step of a pipeline.
    Processor,
    /// A source of batches.
    Receiver,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connector => "connector",
            Self::Exporter => "exporter",
            Self::Extension => "extension",
            Self::Pipeline => "pipeline",
            Self::Processor => "processor",
            Self::Receiver => "receiver",
        })
    }
}

/// Looks at the running service.
pub trait Observe: Send + Sync + fmt::Debug {
    /// All of it, now.
    fn snapshot(&self) -> Snapshot;

    /// The same as metrics under the Collector's names; `None` where they are not wanted.
    fn own_metrics(&self) -> Option<Arc<Batch>>;
}

/// The service at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When the process began to serve.
    pub started: SystemTime,
    /// Whether it has been told to stop.
    pub stopping: bool,
    /// Everything that runs; an edge names them by their places here.
    pub nodes: Vec<Node>,
    /// What flows where.
    pub edges: Vec<Link>,
    /// What became of requests to read the configuration anew.
    pub reloads: Reloads,
}

/// One part of the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: ComponentId,
    /// Of a processor: the pipeline whose step it is.
    pub pipeline: Option<ComponentId>,
    /// How it is doing.
    pub status: Status,
    /// Since when.
    pub since: SystemTime,
    /// What it has counted.
    pub counts: Counts,
}

/// What a node counts, in points unless said otherwise; all of it since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Counts {
    /// Nothing.
    #[default]
    None,
    /// A receiver.
    Receiver {
        /// Handed to the pipelines.
        accepted: u64,
        /// Turned away, so that whoever sent them knows.
        refused: u64,
    },
    /// A processor.
    Processor {
        /// Came in.
        incoming: u64,
        /// Went out.
        outgoing: u64,
    },
    /// An exporter.
    Exporter(ExporterCounts),
}

/// What an exporter counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExporterCounts {
    /// Taken by the far side.
    pub sent: u64,
    /// Refused by the far side, or given up.
    pub failed: u64,
    /// Found no room in the queue.
    pub enqueue_failed: u64,
    /// Replaced by a later point of their stream in a full queue.
    pub merged: u64,
    /// Added up under `otel.metric.overflow`: found no place of their own, no total is gone.
    pub folded: u64,
    /// Times that what the far side has could not be stored.
    pub unsaved: u64,
    /// Batches that wait.
    pub queue_size: u64,
    /// Most batches that may wait; zero where there is no queue.
    pub queue_capacity: u64,
}

/// A way that points take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Place of the node that they leave.
    pub from: usize,
    /// Place of the node that they reach.
    pub to: usize,
    /// How many went it.
    pub points: u64,
}

/// What became of requests to read the configuration anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloads {
    /// Were taken over.
    pub succeeded: u64,
    /// Were refused, what ran before runs on.
    pub failed: u64,
    /// When the last one came and, where it was refused, why.
    pub last: Option<(SystemTime, Result<(), String>)>,
}

impl Snapshot {
    /// Whether data can get from a receiver that works to an exporter that works.
    ///
    /// # Errors
    /// Who stands in the way, one text each.
    pub fn flows(&self) -> Result<(), Vec<String>> {
        if self.stopping {
            return Err(vec!["the service is stopping".to_owned()]);
        }
        let passes = |place: usize| self.nodes.get(place).is_some_and(|node| node.status.works());
        let mut reached: Vec<bool> =
            (0..self.nodes.len()).map(|place| self.nodes[place].kind == Kind::Receiver && passes(place)).collect();
        // At most as many rounds as there are nodes: each but the last reaches another one.
        loop {
            let news: Vec<usize> = self.edges.iter().filter(|edge| reached[edge.from]).map(|edge| edge.to).collect();
            let news: Vec<usize> = news.into_iter().filter(|to| !reached[*to] && passes(*to)).collect();
            if news.is_empty() {
                break;
            }
            news.into_iter().for_each(|to| reached[to] = true);
        }
        if (0..self.nodes.len()).any(|place| reached[place] && self.nodes[place].kind == Kind::Exporter) {
            return Ok(());
        }
        let broken = self.nodes.iter().filter(|node| !node.status.works() && node.kind != Kind::Extension);
        Err(broken.map(|node| format!("{} {}: {}", node.kind, node.id, node.status)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(statuses: &[(Kind, Status)], edges: &[(usize, usize)]) -> Snapshot {
        let node = |(kind, status): &(Kind, Status)| Node {
            kind: *kind,
            id: "x".parse().unwrap(),
            pipeline: None,
            status: status.clone(),
            since: SystemTime::UNIX_EPOCH,
            counts: Counts::None,
        };
        Snapshot {
            started: SystemTime::UNIX_EPOCH,
            stopping: false,
            nodes: statuses.iter().map(node).collect(),
            edges: edges.iter().map(|(from, to)| Link { from: *from, to: *to, points: 0 }).collect(),
            reloads: Reloads::default(),
        }
    }

    #[test]
    fn data_flows_while_one_way_from_end_to_end_works() {
        let broken = || Status::PermanentError("refused".into());
        let retrying = || Status::RecoverableError("away".into());
        let flows = |receivers: [Status; 2], exporters: [Status; 2]| {
            let [a, b] = receivers;
            let [c, d] = exporters;
            let nodes = [
                (Kind::Receiver, a),
                (Kind::Receiver, b),
                (Kind::Pipeline, Status::Ok),
                (Kind::Pipeline, Status::Ok),
                (Kind::Exporter, c),
                (Kind::Exporter, d),
            ];
            snapshot(&nodes, &[(0, 2), (1, 3), (2, 4), (3, 5)]).flows()
        };
        assert_eq!(flows([Status::Ok, broken()], [Status::Ok, broken()]), Ok(()));
        assert_eq!(flows([Status::Ok, broken()], [retrying(), broken()]), Ok(()), "what is tried again may yet arrive");
        assert!(flows([Status::Ok, broken()], [broken(), Status::Ok]).is_err(), "the halves are not connected");
        assert!(flows([Status::Starting, Status::Stopped], [Status::Ok, Status::Ok]).is_err());
        let reasons = flows([broken(), broken()], [Status::Ok, Status::Ok]).unwrap_err();
        assert_eq!(reasons, ["receiver x: StatusPermanentError: refused"; 2]);
    }
}
