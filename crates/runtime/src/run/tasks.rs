//! All tasks of the service in one set, so that none ends unseen.

use std::collections::HashMap;

use component::{ComponentId, Reporter, Status};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, error, error_span, info};

use crate::Kind;

type Ending = Result<(), String>;

/// The tasks that run.
#[derive(Default)]
pub(super) struct Tasks {
    set: JoinSet<Ending>,
    running: HashMap<Id, Task>,
}

struct Task {
    kind: Kind,
    id: ComponentId,
    reporter: Reporter,
    handle: AbortHandle,
}

impl Tasks {
    /// Runs `work`; `reporter` says of whom it is when it has ended.
    pub(super) fn spawn(
        &mut self,
        kind: Kind,
        id: &ComponentId,
        reporter: &Reporter,
        work: impl Future<Output = Ending> + Send + 'static,
    ) {
        // The ids stand on every line that is logged inside, whatever the level of the log.
        let span = match kind {
            Kind::Pipeline => error_span!("pipeline", otelcol.pipeline.id = %id),
            _ => error_span!("component", otelcol.component.kind = %kind, otelcol.component.id = %id),
        };
        let handle = self.set.spawn(work.instrument(span));
        self.running.insert(handle.id(), Task { kind, id: id.clone(), reporter: reporter.clone(), handle });
    }

    /// Whether a task of `kind`, or any where that is `None`, has not ended.
    pub(super) fn runs(&self, kind: Option<Kind>) -> bool {
        self.running.values().any(|task| kind.is_none_or(|kind| task.kind == kind))
    }

    /// Waits for the next task to end and logs how it did. Safe to drop and call again.
    pub(super) async fn ended(&mut self) -> Option<Kind> {
        let joined = self.set.join_next_with_id().await?;
        let (id, ending) = match joined {
            Ok((id, ending)) => (id, ending),
            Err(error) => (error.id(), Err(reason(&error))),
        };
        let Task { kind, id, reporter, .. } = self.running.remove(&id)?;
        reporter.report(match &ending {
            Ok(()) => Status::Stopped,
            Err(reason) => Status::PermanentError(reason.clone()),
        });
        match ending {
            Ok(()) if kind == Kind::Receiver => info!(otelcol.component.id = %id, "receiver ended"),
            Ok(()) => {}
            Err(error) => error!(otelcol.component.kind = %kind, otelcol.component.id = %id, error, "task failed"),
        }
        Some(kind)
    }

    /// Waits until no task of `kind`, or none at all, runs; false where some still do at `deadline`.
    pub(super) async fn all_ended(&mut self, kind: Option<Kind>, deadline: Instant) -> bool {
        while self.runs(kind) {
            if timeout_at(deadline, self.ended()).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Aborts the tasks of `kind`, or all; [`ended`](Self::ended) tells when they are gone.
    pub(super) fn abort(&self, kind: Option<Kind>) {
        for task in self.running.values().filter(|task| kind.is_none_or(|kind| task.kind == kind)) {
            task.handle.abort();
        }
    }
}

fn reason(error: &JoinError) -> String {
    if error.is_cancelled() {
        return "did not stop within the deadline and was aborted".to_owned();
    }
    error.to_string()
}
