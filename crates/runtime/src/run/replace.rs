//! Another exporter in the place of the one that runs, as a new configuration wants it: what waits stays.

use component::{BuiltExporter, Delivery, Status};
use pdata::Acknowledged;
use tracing::warn;

use super::delivery::Plan;
use super::exporter::{ExporterTask, Replacement};

impl ExporterTask {
    /// Puts another exporter in the place of the one that runs, which has no attempt under way.
    ///
    /// What comes waits until all of the new configuration is taken over: where it is not, the new one has written
    /// nothing, and the one that ran is back.
    pub(super) async fn replace(&mut self, Replacement { mut built, reporter, answers, taken }: Replacement) {
        if answers.is_closed() {
            return;
        }
        let started = self.exchange(&mut built).await;
        let has_started = started.is_ok();
        // Whoever asked may have given up, which `taken` tells; there is room for both answers.
        let _ = answers.try_send(started);
        if !has_started {
            return;
        }
        let before = std::mem::replace(&mut self.controls.reporter, reporter);
        self.report(Status::Ok);
        if self.inbox.fill_while(taken).await.is_err() {
            let back = self.exchange(&mut built).await;
            let is_back = back.is_ok();
            let _ = answers.try_send(back);
            if is_back {
                self.controls.reporter = before;
                return;
            }
            warn!("the exporter as it was before cannot be had back, the new one runs");
        }
        self.adopt(&built.delivery).await;
    }

    /// Exchanges the exporter that runs for that of `built`, or says why not.
    async fn exchange(&mut self, built: &mut BuiltExporter) -> Result<(), String> {
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
        self.inbox.fill_while(exchanged).await?;
        std::mem::swap(&mut self.exporter, &mut built.exporter);
        Ok(())
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
