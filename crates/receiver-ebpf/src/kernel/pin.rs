//! Pinned maps: what `bpftool` and `ls /sys/fs/bpf/tfo-agent` show of a running agent.
//!
//! Pins of an agent that was killed are replaced at the next start, with a log
//! line; a clean stop removes them.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use aya::maps::MapData;

use super::requirements::LoadError;

/// Magic number of a bpffs, from `statfs(2)`.
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// Where a bpffs is mounted by convention.
const BPFFS: &str = "/sys/fs/bpf";

/// The maps pinned in one directory, removed again when this is dropped.
#[derive(Debug)]
pub(super) struct Pins {
    directory: PathBuf,
    /// Locked for as long as the agent lives: one agent a directory.
    _lock: File,
}

/// Why there are no pins.
enum NotPinned {
    /// Another agent has them: going on would count everything twice under one name.
    Locked,
    /// Going on without is fine.
    Unable(String),
}

impl Pins {
    /// Makes `directory` (mode 0700) ours; `None`, with a warning that says what to do, where that cannot be.
    ///
    /// # Errors
    /// Where another agent runs on the same directory.
    pub(super) fn open(directory: &Path) -> Result<Option<Self>, LoadError> {
        match prepare(directory) {
            Ok(lock) => Ok(Some(Self { directory: directory.to_owned(), _lock: lock })),
            Err(NotPinned::Locked) => Err(LoadError::Locked { path: directory.to_owned() }),
            Err(NotPinned::Unable(reason)) => {
                tracing::warn!(pin_path = %directory.display(), %reason, "ebpf: maps are not pinned, going on without");
                Ok(None)
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.directory
    }

    pub(super) fn pin(&self, name: &str, map: &MapData) -> Result<(), aya::pin::PinError> {
        map.pin(self.directory.join(name))
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if let Err(error) = unpin(&self.directory) {
            tracing::warn!(pin_path = %self.directory.display(), %error, "ebpf: pins not removed");
        }
    }
}

/// Removes what was pinned under `directory`, and the directory; returns how many objects there were.
fn unpin(directory: &Path) -> io::Result<usize> {
    if !directory.exists() {
        return Ok(0);
    }
    let removed = remove_objects(directory)?;
    fs::remove_dir(directory)?;
    Ok(removed)
}

/// Removes what an agent that is gone left pinned under `directory`; returns how many objects there were.
///
/// # Errors
/// Where an agent runs on it, or something in it cannot be removed or is not ours.
pub fn unpin_abandoned(directory: &Path) -> io::Result<usize> {
    if directory.exists() && File::open(directory)?.try_lock().is_err() {
        return Err(io::Error::other("a running tfo-agent holds it; stop that first"));
    }
    unpin(directory)
}

/// Removes nothing unless all of it is ours to remove.
fn remove_objects(directory: &Path) -> io::Result<usize> {
    if !is_bpffs(directory) {
        return Err(io::Error::other("it is not on a BPF filesystem"));
    }
    let entries: Vec<fs::DirEntry> = fs::read_dir(directory)?.collect::<io::Result<_>>()?;
    if let Some(other) = entries.iter().find(|entry| !entry.file_name().to_string_lossy().starts_with("tfo_")) {
        return Err(io::Error::other(format!("{} was not pinned by tfo-agent", other.path().display())));
    }
    for entry in &entries {
        fs::remove_file(entry.path())?;
    }
    Ok(entries.len())
}

fn prepare(directory: &Path) -> Result<File, NotPinned> {
    let parent = directory.ancestors().skip(1).find(|path| path.exists()).unwrap_or(Path::new("/"));
    if !is_bpffs(parent) {
        return Err(NotPinned::Unable(if is_bpffs(Path::new(BPFFS)) {
            format!("{} is not on a BPF filesystem; use a directory in {BPFFS}", parent.display())
        } else {
            format!("BPF filesystem not mounted at {}; run: sudo mount -t bpf bpf {BPFFS}", parent.display())
        }));
    }
    let made = DirBuilder::new().mode(0o700).recursive(true).create(directory);
    let lock = made.and_then(|()| File::open(directory));
    let lock = lock.map_err(|error| NotPinned::Unable(format!("{error}; {}", owner(parent))))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(NotPinned::Locked),
        Err(TryLockError::Error(error)) => return Err(NotPinned::Unable(error.to_string())),
    }
    match remove_objects(directory) {
        Ok(0) => Ok(lock),
        Ok(removed) => {
            tracing::info!(pin_path = %directory.display(), removed, "ebpf: pins of an earlier agent replaced");
            Ok(lock)
        }
        Err(error) => Err(NotPinned::Unable(error.to_string())),
    }
}

fn owner(path: &Path) -> String {
    fs::metadata(path)
        .map_or("unknown owner".to_owned(), |data| format!("{} belongs to uid {}", path.display(), data.uid()))
}

fn is_bpffs(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: a terminated path and room for one struct, both alive for the call.
    let status = unsafe { libc::statfs(path.as_ptr(), stat.as_mut_ptr()) };
    // SAFETY: integers only, zeroed before and filled by a successful call.
    status == 0 && unsafe { stat.assume_init() }.f_type as u64 == BPF_FS_MAGIC
}
