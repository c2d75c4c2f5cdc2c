//! Paths of cgroups by the id that the kernel gives: the inode of their directory.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most directories that one search looks at.
const MOST_DIRECTORIES: usize = 100_000;

/// The cgroup v2 hierarchy as far as it has been looked at.
#[derive(Debug, Default)]
pub(crate) struct Cgroups {
    root: Option<PathBuf>,
    /// `None`: searched for and not found, as when it was removed before anybody looked.
    paths: HashMap<u64, Option<Arc<str>>>,
}

impl Cgroups {
    /// The hierarchy mounted on this machine, if there is one.
    pub(crate) fn of_this_machine() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let root = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let path = fields.next()?;
            (fields.next()? == "cgroup2").then(|| PathBuf::from(path))
        });
        if root.is_none() {
            tracing::warn!("ebpf: no cgroup v2 hierarchy is mounted, so a filter on cgroups admits nothing");
        }
        Self { root, paths: HashMap::new() }
    }

    /// The path of cgroup `id` below the mount point, as `/system.slice/x.service`.
    pub(crate) fn path(&mut self, id: u64) -> Option<Arc<str>> {
        if let Some(path) = self.paths.get(&id) {
            return path.clone();
        }
        self.search();
        self.paths.entry(id).or_default().clone()
    }

    fn search(&mut self) {
        let Some(root) = self.root.clone() else { return };
        if self.paths.len() >= MOST_DIRECTORIES {
            self.paths.clear();
        }
        let mut pending = vec![root.clone()];
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                if self.paths.len() < MOST_DIRECTORIES && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    self.paths.insert(entry.ino(), Some(below(&root, &entry.path())));
                    pending.push(entry.path());
                }
            }
        }
        if let Ok(metadata) = fs::metadata(&root) {
            use std::os::unix::fs::MetadataExt as _;
            self.paths.insert(metadata.ino(), Some("/".into()));
        }
    }
}

fn below(root: &Path, path: &Path) -> Arc<str> {
    let relative = path.strip_prefix(root).unwrap_or(path);
    format!("/{}", relative.display()).into()
}
