//! Another exporter in the place of the one that runs, as a new configuration wants it: what waits stays.

use component::{Delivery, Status};
use pdata::Acknowledged;

use super::delivery::Plan;
use super::exporter::{ExporterTask, Replacement};

impl ExporterTask {
    /// Puts another exporter in the place of the one that runs, which has no attempt under way.
    pub(super) async fn replace(&mut self, Replacement { mut built, reporter, answer }: Replacement) {
        if answer.is_closed() {
            return;
        }
        // Both may want the same port.
        let exchanged = async {
            self.exporter.shutdown().await;
            let Err(reason) = built.exporter.start().await else { return Ok(()) };
            match self.exporter.start().await {
                Ok(()) => Err(reason),
                Err(again) => {
                    let reason = format!("{reason}; nor does the one that ran start again: {again}");
                    self.controls.reporter.report(Status::PermanentError(reason.clone()));
                    Err(reason)
                }
            }
        };
        let outcome = match self.inbox.fill_while(exchanged).await {
            Ok(()) => {
                self.adopt(&built.delivery).await;
                self.controls.reporter = reporter;
                self.report(Status::Ok);
                std::mem::swap(&mut self.exporter, &mut built.exporter);
                std::mem::swap(&mut self.delivery, &mut built.delivery);
                Ok(built)
            }
            Err(reason) => Err(reason),
        };
        // Whoever asked may have given up; the place is taken all the same.
        let _ = answer.send(outcome);
    }

    /// Delivers as `delivery` says from now on; what is known of the far side stays, where it is of any use.
    async fn adopt(&mut self, delivery: &Delivery) {
        let Plan { retry, bounds, mut known, queued, keeps, keeper } = Plan::new(&self.id, delivery);
        self.inbox.resize(bounds, queued);
        (self.retry, self.keeps, self.keeper) = (retry, keeps, keeper);
        let now = &mut self.inbox.backlog.known.acknowledged;
        match (now, &mut known.acknowledged) {
            (Acknowledged::Until(_), Acknowledged::Until(_)) => {}
            (Acknowledged::Exactly(differences), Acknowledged::Exactly(wanted)) => differences.adopt(wanted),
            (now, wanted) => {
                // Totals have gone out as the other kind: what began before may be there.
                if let (Acknowledged::Until(until), Delivery::Queued { built, .. }) = (&mut *wanted, delivery) {
                    *until = *built;
                }
                std::mem::swap(now, wanted);
                self.restore().await;
            }
        }
    }
}
