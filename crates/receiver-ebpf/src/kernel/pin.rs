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
    Unable(String),
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
    let unable = |error: io::Error| NotPinned::Unable(error.to_string());
    let parent = root.ancestors().skip(1).find(|path| path.exists()).unwrap_or(Path::new("/"));
    if !is_bpffs(parent) {
        return Err(NotPinned::Unable(if is_bpffs(Path::new(BPFFS)) {
            format!("{} is not on a BPF filesystem; use a directory in {BPFFS}", parent.display())
        } else {
            format!("BPF filesystem not mounted at {}; run: sudo mount -t bpf bpf {BPFFS}", parent.display())
        }));
    }
    let made = DirBuilder::new().mode(0o700).recursive(true).create(root);
    let lock = made.and_then(|()| File::open(root));
    let lock = lock.map_err(|error| NotPinned::Unable(format!("{error}; {}", owner(parent))))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(NotPinned::Locked),
        Err(TryLockError::Error(error)) => return Err(unable(error)),
    }
    let owned_by = lock.metadata().map_err(unable)?.uid();
    // SAFETY: no memory is passed; it cannot fail.
    if owned_by != unsafe { libc::geteuid() } {
        return Err(NotPinned::Unable(format!(
            "{} belongs to uid {owned_by}; chown it to the agent's",
            root.display()
        )));
    }
    let maps = directory(root, layout);
    replace_others(root, &maps).map_err(unable)?;
    DirBuilder::new().mode(0o700).recursive(true).create(&maps).map_err(unable)?;
    Ok((maps, lock))
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

fn owner(path: &Path) -> String {
    fs::metadata(path)
        .map_or("unknown owner".to_owned(), |data| format!("{} belongs to uid {}", path.display(), data.uid()))
}
