//! Where requests of both protocols end: decoded, and handed to every pipeline or to none.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use component::Output;
use otlp::Decoder;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// What requests share.
#[derive(Debug)]
pub(crate) struct Intake {
    output: Output,
    decoder: Mutex<Decoder>,
    /// A permit for each request that is read or waits for a pipeline.
    places: Arc<Semaphore>,
    /// Of those that have a place, one at a time is unpacked and waits for a pipeline: the others are in memory as they came.
    turn: Semaphore,
}

/// What was taken of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Points that were not.
    pub(crate) rejected: u64,
    /// Why.
    pub(crate) reason: &'static str,
}

/// Why nothing was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no request.
    Invalid(String),
    /// Later there may be room.
    Full(&'static str),
}

/// Requests that are read or wait for a pipeline at a time: with the size of each they bound the memory.
const PLACES: usize = 64;
/// How long a request waits for its turn, and then for room in a pipeline.
const PATIENCE: Duration = Duration::from_millis(500);
const FULL: &str = "the pipelines are full";
/// When a sender that was turned away should try again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A request that takes longer to come takes a place from others.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(30);

impl Intake {
    pub(crate) fn new(output: Output) -> Arc<Self> {
        Arc::new(Self {
            output,
            decoder: Mutex::default(),
            places: Arc::new(Semaphore::new(PLACES)),
            turn: Semaphore::new(1),
        })
    }

    /// A place for a request, before it is read.
    ///
    /// # Errors
    /// If too many others keep theirs for too long.
    pub(crate) async fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        match timeout(PATIENCE, self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Refusal::Full("too many requests at a time")),
        }
    }

    /// The turn of a request that has come, before it is unpacked.
    ///
    /// # Errors
    /// If the pipelines are full for too long.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        match timeout(PATIENCE, self.turn.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Refusal::Full(FULL)),
        }
    }

    /// Takes the request in `bytes`, whose turn it is: when this returns, every pipeline has its points.
    pub(crate) async fn take(&self, _turn: SemaphorePermit<'_>, bytes: Bytes) -> Result<Taken, Refusal> {
        let decoded = self.decoder.lock().unwrap_or_else(PoisonError::into_inner).decode(&bytes);
        let decoded = decoded.map_err(|error| Refusal::Invalid(error.to_string()))?;
        let points = decoded.batch.items() as u64;
        if points > 0 && self.output.offer(Arc::new(decoded.batch), PATIENCE).await.is_err() {
            self.output.refuse(points);
            return Err(Refusal::Full(FULL));
        }
        self.output.refuse(decoded.rejected);
        Ok(Taken { rejected: decoded.rejected, reason: decoded.reason.unwrap_or_default() })
    }
}
