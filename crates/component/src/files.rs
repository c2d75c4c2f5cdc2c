//! Files that are read again when they change: certificates, tokens, passwords.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Some files, and what they looked like when they were read last.
#[derive(Debug, Clone)]
pub struct Files {
    paths: Vec<PathBuf>,
    /// Least time between two looks; zero means that nobody looks again.
    interval: Duration,
    looked: Instant,
    seen: Vec<Option<Stamp>>,
}

/// What differs when somebody has put another file, or other content, in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanos: i64,
}

impl Files {
    /// The files at `paths` as they are now; to be made before they are read, so that no change goes unseen.
    #[must_use]
    pub fn new<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>, interval: Duration) -> Self {
        let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
        let seen = stamps(&paths);
        Self { paths, interval, looked: Instant::now(), seen }
    }

    /// Whether it is time to read them again because one has changed since the last call that said so.
    pub fn changed(&mut self) -> bool {
        if self.interval.is_zero() || self.paths.is_empty() || self.looked.elapsed() < self.interval {
            return false;
        }
        self.changed_now()
    }

    /// The same, whatever the time.
    pub fn changed_now(&mut self) -> bool {
        self.looked = Instant::now();
        let now = stamps(&self.paths);
        // One that is not there is about to be put in place: what was read of it is good until then.
        let changed = now != self.seen && now.iter().all(Option::is_some);
        if changed {
            self.seen = now;
        }
        changed
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    paths.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.size());
    Some(Stamp { device, inode, size, seconds: metadata.mtime(), nanos: metadata.mtime_nsec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_nanos(1);

    #[test]
    fn a_change_is_told_once_and_a_file_that_is_gone_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let (path, next) = (directory.path().join("a"), directory.path().join("b"));
        fs::write(&path, "one").unwrap();
        let mut files = Files::new([&path], SOON);
        assert!(!files.changed());
        fs::write(&path, "other").unwrap();
        assert!(files.changed() && !files.changed());
        fs::write(&next, "third").unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!files.changed());
        fs::rename(&next, &path).unwrap();
        assert!(files.changed() && !files.changed());
    }

    #[test]
    fn a_link_that_is_turned_to_another_file_is_a_change() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["one", "two"] {
            fs::write(at(name), "same").unwrap();
        }
        std::os::unix::fs::symlink("one", at("link")).unwrap();
        let mut files = Files::new([at("link")], SOON);
        std::os::unix::fs::symlink("two", at("new")).unwrap();
        fs::rename(at("new"), at("link")).unwrap();
        assert!(files.changed());
    }

    #[test]
    fn an_interval_of_zero_never_looks() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "one").unwrap();
        let mut never = Files::new([&path], Duration::ZERO);
        let mut later = Files::new([&path], Duration::from_secs(3600));
        fs::write(&path, "other").unwrap();
        assert!(!never.changed() && !later.changed() && later.changed_now());
    }
}
