//! Taking pins away: nothing is touched unless all of it is ours.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Magic number of a bpffs, from `statfs(2)`.
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// Where a bpffs is mounted by convention.
pub(super) const BPFFS: &str = "/sys/fs/bpf";

/// Removes what an agent that is gone left pinned under `directory`; returns how many objects there were.
///
/// # Errors
/// Where an agent runs on it, or something in it cannot be removed or is not ours.
pub fn unpin_abandoned(directory: &Path) -> io::Result<usize> {
    if directory.exists() && File::open(directory)?.try_lock().is_err() {
        return Err(io::Error::other("a running tfo-agent holds it; stop that first"));
    }
    remove_tree(directory)
}

/// Removes `path` with all that is pinned below it; returns how many objects there were. Links go before maps.
pub(super) fn remove_tree(path: &Path) -> io::Result<usize> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(0) };
    if !is_bpffs(path) {
        return Err(io::Error::other("it is not on a BPF filesystem"));
    }
    check_ours(path)?;
    remove(path, metadata.is_dir())
}

fn check_ours(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = if entry.file_type()?.is_dir() {
            name.starts_with("programs_") || (name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
        } else {
            name.starts_with("tfo_")
        };
        if !ours {
            return Err(io::Error::other(format!("{} was not pinned by tfo-agent", entry.path().display())));
        }
        check_ours(&entry.path())?;
    }
    Ok(())
}

fn remove(path: &Path, is_directory: bool) -> io::Result<usize> {
    if !is_directory {
        fs::remove_file(path)?;
        return Ok(1);
    }
    let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| entry.file_type().is_ok_and(|kind| !kind.is_dir()));
    let mut removed = 0;
    for entry in entries {
        removed += remove(&entry.path(), entry.file_type()?.is_dir())?;
    }
    fs::remove_dir(path)?;
    Ok(removed)
}

pub(super) fn is_bpffs(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: a terminated path and room for one struct, both alive for the call.
    let status = unsafe { libc::statfs(path.as_ptr(), stat.as_mut_ptr()) };
    // SAFETY: integers only, zeroed before and filled by a successful call.
    status == 0 && unsafe { stat.assume_init() }.f_type as u64 == BPF_FS_MAGIC
}
