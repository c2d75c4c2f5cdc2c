//! Pins: what keeps counting while no agent is there.
//!
//! `pin_path` is locked by the agent that uses it. Below it stands one directory a
//! map layout, named by a hash, with the maps; in that one directory a set of
//! programs, named by their hash and generation, with the links. A crash leaves all of it,
//! and the next agent takes over what fits.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::requirements::LoadError;
use super::unpin::{BPFFS, is_bpffs, remove_tree};
use crate::trouble::Trouble;

/// The pins of one map layout below `pin_path`.
#[derive(Debug)]
pub(super) struct Pins {
    /// As configured.
    root: PathBuf,
    /// Of this layout.
    maps: PathBuf,
    /// Whether the next agent is to find all of it after a clean stop too.
    pub(super) keep: bool,
    /// Locked for as long as the agent lives: one agent a directory.
    _lock: File,
}

/// The pinned links of one set of programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProgramSet {
    pub(super) hash: u64,
    pub(super) generation: u64,
    pub(super) directory: PathBuf,
}

/// Why there are no pins.
enum NotPinned {
    /// Another agent has them: going on would count everything twice under one name.
    Locked,
    /// Going on without is fine.
    Unable(Trouble),
}

impl Pins {
    /// Makes `root` (mode 0700) ours, and in it the directory of `layout`; `None`, with a warning that says what
    /// to do, where that cannot be.
    ///
    /// # Errors
    /// Where another agent runs on the same directory.
    pub(super) fn open(root: &Path, layout: u64, keep: bool) -> Result<Option<Self>, LoadError> {
        // None is wanted.
        if root.as_os_str().is_empty() {
            return Ok(None);
        }
        match prepare(root, layout) {
            Ok((maps, lock)) => Ok(Some(Self { root: root.to_owned(), maps, keep, _lock: lock })),
            Err(NotPinned::Locked) => Err(LoadError::Locked { path: root.to_owned() }),
            Err(NotPinned::Unable(reason)) => {
                tracing::warn!(
                    pin_path = %root.display(),
                    %reason,
                    "ebpf: maps are not pinned, going on without: counts end with the agent"
                );
                Ok(None)
            }
        }
    }

    /// The directory that was configured.
    pub(super) fn path(&self) -> &Path {
        &self.root
    }

    /// Where the map `name` is pinned.
    pub(super) fn map(&self, name: &str) -> PathBuf {
        self.maps.join(name)
    }

    /// Where all maps are pinned.
    pub(super) fn maps(&self) -> &Path {
        &self.maps
    }

    /// Where the parts of page number `page` are pinned, see [`page`].
    pub(super) fn page(&self, page: u32) -> impl Iterator<Item = PathBuf> {
        self::page(&self.maps, page)
    }

    /// Every set of programs that is pinned here, complete or not.
    pub(super) fn program_sets(&self) -> Vec<ProgramSet> {
        let entries = fs::read_dir(&self.maps).into_iter().flatten().flatten();
        let sets = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (hash, generation) = name.strip_prefix("programs_")?.split_once('_')?;
            Some(ProgramSet {
                hash: u64::from_str_radix(hash, 16).ok()?,
                generation: generation.parse().ok()?,
                directory: entry.path(),
            })
        });
        sets.collect()
    }

    /// A new, empty directory for a set of programs.
    pub(super) fn make_set(&self, hash: u64, generation: u64) -> io::Result<ProgramSet> {
        let directory = self.maps.join(format!("programs_{hash:016x}_{generation}"));
        remove_tree(&directory)?;
        DirBuilder::new().mode(0o700).create(&directory)?;
        Ok(ProgramSet { hash, generation, directory })
    }
}

impl ProgramSet {
    /// Where the link of `program` is pinned.
    pub(super) fn link(&self, program: &str) -> PathBuf {
        self.directory.join(format!("{program}_link"))
    }

    /// Where `program` itself is pinned, for its statistics.
    pub(super) fn program(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// Detaches the whole set.
    pub(super) fn remove(&self) -> io::Result<usize> {
        remove_tree(&self.directory)
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if self.keep {
            tracing::info!(pin_path = %self.root.display(), "ebpf: programs go on counting, as on_stop: keep says");
            return;
        }
        let removed = remove_tree(&self.root);
        // Where somebody prepared it for us it may not be ours to remove; empty, it is as we found it.
        let empty = || fs::read_dir(&self.root).is_ok_and(|mut entries| entries.next().is_none());
        if let Err(error) = removed
            && !empty()
        {
            tracing::warn!(pin_path = %self.root.display(), %error, "ebpf: pins not removed");
        }
    }
}

/// Where in `maps` the parts of page number `page` are pinned: its directory, then copies of its counters without end.
pub(super) fn page(maps: &Path, page: u32) -> impl Iterator<Item = PathBuf> {
    let (maps, directory) = (maps.to_owned(), maps.join(format!("tfo_directory_{page}")));
    std::iter::once(directory).chain((0u32..).map(move |copy| maps.join(format!("tfo_counters_{page}_{copy}"))))
}

/// Where the maps of `layout` are pinned.
pub(super) fn directory(root: &Path, layout: u64) -> PathBuf {
    root.join(format!("{layout:016x}"))
}

fn prepare(root: &Path, layout: u64) -> Result<(PathBuf, File), NotPinned> {
    let unable = |error: io::Error| NotPinned::Unable(Trouble::new(error.to_string(), ""));
    on_bpffs(root).map_err(NotPinned::Unable)?;
    let made = DirBuilder::new().mode(0o700).recursive(true).create(root);
    let lock = made.and_then(|()| File::open(root)).map_err(|error| NotPinned::Unable(refused(root, &error)))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(NotPinned::Locked),
        Err(TryLockError::Error(error)) => return Err(unable(error)),
    }
    is_ours(root, &lock).map_err(NotPinned::Unable)?;
    let maps = directory(root, layout);
    replace_others(root, &maps).map_err(unable)?;
    DirBuilder::new().mode(0o700).recursive(true).create(&maps).map_err(unable)?;
    Ok((maps, lock))
}

/// How things stand where an agent is to pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinPath {
    /// Nothing is pinned there, and it can be.
    Free,
    /// An agent runs on it, with this pid where it can be seen.
    Held(Option<u32>),
    /// An agent that is gone left something, which the next one takes over.
    Abandoned,
}

/// Looks at `root` as an agent that starts would, and leaves it as it is.
///
/// # Errors
/// Why nothing can be pinned there.
pub fn look_at_pin_path(root: &Path) -> Result<PinPath, Trouble> {
    on_bpffs(root)?;
    if !root.exists() {
        return try_in(nearest(root)).map(|()| PinPath::Free).map_err(|error| refused(root, &error));
    }
    let directory = File::open(root).map_err(|error| refused(root, &error))?;
    // Whoever holds it is known without taking it for a moment from somebody who starts just now.
    let held = locked_by(&directory);
    if held.is_some() || matches!(directory.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(PinPath::Held(held));
    }
    // Root may be looking for another, such as the service's user, whose it is then.
    if our_uid() != 0 {
        is_ours(root, &directory)?;
    }
    try_in(root).map_err(|error| refused(root, &error))?;
    let is_empty = fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_none());
    Ok(if is_empty { PinPath::Free } else { PinPath::Abandoned })
}

/// Whether anything can be made in `directory`. Its name is one that an agent may make and remove.
fn try_in(directory: &Path) -> io::Result<()> {
    let attempt = directory.join(format!("{:016x}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&attempt)?;
    match fs::remove_dir(&attempt) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The process that has locked `file`, by `/proc/locks`: `3: FLOCK  ADVISORY  WRITE 12345 00:27:4711 0 EOF`.
fn locked_by(file: &File) -> Option<u32> {
    let data = file.metadata().ok()?;
    let place = format!("{:02x}:{:02x}:{}", libc::major(data.dev()), libc::minor(data.dev()), data.ino());
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, inode, ..] = fields[..] else { return None };
        pid.parse().ok().filter(|pid| *pid > 0 && inode == place)
    })
}

/// The directory that is there of `root` and those above it.
fn nearest(root: &Path) -> &Path {
    root.ancestors().skip(1).find(|path| path.exists()).unwrap_or(Path::new("/"))
}

fn on_bpffs(root: &Path) -> Result<(), Trouble> {
    let parent = nearest(root);
    if is_bpffs(parent) {
        return Ok(());
    }
    Err(if is_bpffs(Path::new(BPFFS)) {
        Trouble::new(format!("{} is not on a BPF filesystem", parent.display()), format!("use a directory in {BPFFS}"))
    } else {
        Trouble::new(
            format!("BPF filesystem not mounted at {}", parent.display()),
            format!("run: sudo mount -t bpf bpf {BPFFS}"),
        )
    })
}

fn is_ours(root: &Path, directory: &File) -> Result<(), Trouble> {
    let owner = directory.metadata().map_err(|error| Trouble::new(error.to_string(), ""))?.uid();
    let ours = our_uid();
    if owner == ours {
        return Ok(());
    }
    let place = root.display();
    Err(Trouble::new(
        format!("{place} belongs to uid {owner}, not to uid {ours}"),
        format!("run: sudo chown -R {ours} {place}"),
    ))
}

/// Why `root` cannot be made or opened.
fn refused(root: &Path, error: &io::Error) -> Trouble {
    let parent = nearest(root);
    let owner = fs::metadata(parent)
        .map_or("unknown owner".to_owned(), |data| format!("{} belongs to uid {}", parent.display(), data.uid()));
    let (place, ours) = (root.display(), our_uid());
    Trouble::new(format!("{place}: {error}; {owner}"), format!("run: sudo install -d -m 700 -o {ours} {place}"))
}

fn our_uid() -> u32 {
    // SAFETY: no memory is passed; it cannot fail.
    unsafe { libc::geteuid() }
}

/// Pins of another layout are never used, they would be misread.
fn replace_others(root: &Path, maps: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)?.collect::<io::Result<Vec<_>>>()? {
        if entry.path() != maps {
            let removed = remove_tree(&entry.path())?;
            tracing::warn!(
                pin = %entry.path().display(),
                removed,
                "ebpf: pins of another map layout replaced, counts begin anew"
            );
        }
    }
    Ok(())
}
