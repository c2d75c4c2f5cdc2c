//! A receiver's task: it begins when its predecessor has gone, and ends in time.

use std::time::Duration;

use component::{Output, Receiver, Shutdown};
use tokio::sync::oneshot;
use tokio::time::sleep;

/// Closed by whoever had a place, when he has left it.
pub(super) type Gone = oneshot::Receiver<()>;

/// Waits until a place is free.
pub(super) async fn left(before: Option<Gone>) {
    if let Some(gone) = before {
        // Its far end is dropped, which is an error here.
        let _ = gone.await;
    }
}

/// Runs `receiver`, and at most `patience` beyond the request to stop.
pub(super) async fn receive(
    receiver: Box<dyn Receiver>,
    output: Output,
    mut shutdown: Shutdown,
    patience: Duration,
) -> Result<(), String> {
    let run = receiver.run(output, shutdown.clone());
    let late = async {
        shutdown.requested().await;
        sleep(patience).await;
    };
    tokio::select! {
        biased;
        ended = run => ended,
        () = late => Err("did not stop within the deadline and was aborted".to_owned()),
    }
}
