//! When the configuration is to be read anew: at SIGHUP and, with `--watch-config`, when a file has changed.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

/// How often watched files are looked at. A file must have been left alone for as long to count as changed, so that
/// nobody's half-written one is read.
const LOOK: Duration = Duration::from_secs(1);

/// Requests, which `hang_up` and changes of `watched` make. Those that come while one waits are the same one.
///
/// To be called inside the runtime.
pub(crate) fn requests(hang_up: Signal, watched: Vec<PathBuf>) -> mpsc::Receiver<()> {
    let (request, requests) = mpsc::channel(1);
    tokio::spawn(forward(hang_up, request.clone()));
    if !watched.is_empty() {
        tokio::spawn(watch(watched, request));
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

async fn watch(files: Vec<PathBuf>, request: mpsc::Sender<()>) {
    let look = || files.iter().map(mark).collect::<Vec<_>>();
    let (mut taken, mut last) = (look(), look());
    loop {
        tokio::time::sleep(LOOK).await;
        let now = look();
        // Where a file is missing somebody is about to put another in its place.
        if now != taken && now == last && now.iter().all(Option::is_some) {
            tracing::info!("a configuration file has changed: reading the configuration anew");
            taken.clone_from(&now);
            let _ = request.try_send(());
        }
        last = now;
    }
}

/// Another one means another content, through links too, as a mounted ConfigMap has them.
fn mark(file: &PathBuf) -> Option<(u64, u64, i64, i64, u64)> {
    let file = fs::metadata(file).ok()?;
    Some((file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
}
