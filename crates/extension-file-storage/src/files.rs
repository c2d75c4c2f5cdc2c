//! The directory: one file a key, one agent a directory.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use component::Storage;

use crate::envelope;

/// Values of one agent, in files of one directory.
#[derive(Debug)]
pub(crate) struct Files {
    directory: PathBuf,
    /// Held while this agent has the directory.
    lock: Mutex<Option<File>>,
}

impl Files {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, lock: Mutex::new(None) }
    }

    /// Where all of it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes the directory and takes it for this agent alone, which another one may delay by `timeout`.
    pub(crate) fn open(&self, timeout: Duration) -> Result<(), String> {
        let directory = self.directory.display();
        DirBuilder::new().recursive(true).mode(0o750).create(&self.directory).map_err(|error| {
            format!("cannot make directory {directory}: {error}; make it, or set another under directory")
        })?;
        let path = self.directory.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o640).open(&path);
        let file = file.map_err(|error| format!("cannot open {}: {error}; it must be writable", path.display()))?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begin.elapsed() < timeout => {
                    std::thread::sleep(Duration::from_millis(10).min(timeout));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(format!("another agent has {directory}; end it, or set another directory"));
                }
                Err(TryLockError::Error(error)) => return Err(format!("cannot lock {}: {error}", path.display())),
            }
        }
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(())
    }

    /// Leaves the directory to others.
    pub(crate) fn close(&self) {
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Closing it would not do while a child that is being started still has a copy, which a fork gives it.
        if let Some(Err(error)) = held.map(|file| file.unlock()) {
            tracing::debug!(%error, "file_storage: the lock is left to the end of the file");
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.join(file_name(key))
    }

    /// Renames what cannot be read, so that somebody may look at it; of many such files the oldest go.
    fn set_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut aside = self.aside(&name)?;
        aside.sort();
        for old in aside.iter().rev().skip(MOST_ASIDE - 1) {
            fs::remove_file(old)?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let to = self.directory.join(format!("{name}.corrupt-{:020}", now.as_nanos()));
        fs::rename(path, &to)?;
        Ok(to)
    }

    fn aside(&self, name: &str) -> io::Result<Vec<PathBuf>> {
        let prefix = format!("{name}.corrupt-");
        let entries = fs::read_dir(&self.directory)?.collect::<io::Result<Vec<_>>>()?;
        let aside = entries.iter().filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        Ok(aside.map(fs::DirEntry::path).collect())
    }
}

impl Storage for Files {
    fn load(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        let path = self.path(key);
        let file = match fs::read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let damage = match envelope::open(file) {
            Ok(value) => return Ok(Some(value)),
            Err(damage) => damage,
        };
        match self.set_aside(&path) {
            Ok(to) => {
                tracing::warn!(file = %path.display(), %damage, set_aside = %to.display(), "stored state is damaged");
                Ok(None)
            }
            Err(error) => Err(format!("{} is damaged ({damage}) and cannot be set aside: {error}", path.display())),
        }
    }

    fn save(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let path = self.path(key);
        let part = self.directory.join(format!("{}.part", file_name(key)));
        let written = write(&part, value).and_then(|()| {
            fs::rename(&part, &path)?;
            // The new name is on the disk when its directory is.
            File::open(&self.directory)?.sync_all()
        });
        written.map_err(|error| {
            // Where the disk is full every byte helps. That it is not there is as well.
            let _ = fs::remove_file(&part);
            format!("cannot write {}: {error}", path.display())
        })
    }
}

fn write(path: &Path, value: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o640).open(path)?;
    file.write_all(&envelope::head_of(value))?;
    file.write_all(value)?;
    file.sync_all()
}

/// `key` as a file may be called: what is no letter, digit or one of `-_` becomes `~` and its code.
fn file_name(key: &str) -> String {
    let name = key.bytes().fold(String::new(), |name, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name + char::from(byte).encode_utf8(&mut [0; 4]),
        _ => format!("{name}~{byte:02x}"),
    });
    name + ".state"
}

const LOCK: &str = "lock";
const MOST_ASIDE: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_the_lock_in_a_child_that_is_being_started_keeps_nobody_out() {
        let directory = tempfile::tempdir().unwrap();
        let open = || {
            let files = Files::new(directory.path().to_owned());
            files.open(Duration::ZERO).unwrap();
            files
        };
        let files = open();
        let copy = files.lock.lock().unwrap().as_ref().unwrap().try_clone().unwrap();
        files.close();
        open();
        drop(copy);
    }
}
