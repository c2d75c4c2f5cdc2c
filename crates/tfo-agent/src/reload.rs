//! When the configuration is to be read anew: at SIGHUP and, with `--watch-config`, when a file has changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};

/// How often watched files are looked at. A file must have been left alone for as long to count as changed, so that
/// nobody's half-written one is read.
const LOOK: Duration = Duration::from_secs(1);

/// Requests, which `hang_up` and changes of `watched` make. Those that come while one waits are the same one.
///
/// To be called inside the runtime.
pub(crate) fn requests(hang_up: Signal, watched: Option<watch::Receiver<Marks>>) -> mpsc::Receiver<()> {
    let (request, requests) = mpsc::channel(1);
    tokio::spawn(forward(hang_up, request.clone()));
    if let Some(watched) = watched {
        tokio::spawn(follow(watched, request));
    }
    requests
}

async fn forward(mut hang_up: Signal, request: mpsc::Sender<()>) {
    while hang_up.recv().await.is_some() {
        tracing::info!("SIGHUP: reading the configuration anew");
        // Full means that one waits, which will see what this one would.
        let _ = request.try_send(());
    }
}

async fn follow(mut watched: watch::Receiver<Marks>, request: mpsc::Sender<()>) {
    let mut taken = watched.borrow_and_update().clone();
    let mut last = taken.clone();
    loop {
        tokio::time::sleep(LOOK).await;
        if watched.has_changed().unwrap_or(false) {
            // Another configuration refers to other files; of those that it shares with the one before, this has seen
            // more than whoever read them since.
            let before = |(file, mark): (&PathBuf, &Option<Mark>)| (file.clone(), *taken.get(file).unwrap_or(mark));
            let marks = watched.borrow_and_update().iter().map(before).collect();
            taken = marks;
        }
        let now = marks(taken.keys());
        // Where a file is missing somebody is about to put another in its place.
        if now != taken && now == last && now.values().all(Option::is_some) {
            tracing::info!("a configuration file has changed: reading the configuration anew");
            taken.clone_from(&now);
            let _ = request.try_send(());
        }
        last = now;
    }
}

/// Another one means another content, through links too, as a mounted ConfigMap has them.
type Mark = (u64, u64, i64, i64, u64);

/// Files, and what they were when they were looked at.
pub(crate) type Marks = BTreeMap<PathBuf, Option<Mark>>;

/// What `files` are now: to be taken as soon as they have been read, or a change right after that is none.
pub(crate) fn marks<'f>(files: impl IntoIterator<Item = &'f PathBuf>) -> Marks {
    files.into_iter().map(|file| (file.clone(), mark(file))).collect()
}

fn mark(file: &PathBuf) -> Option<Mark> {
    let file = fs::metadata(file).ok()?;
    Some((file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
}
