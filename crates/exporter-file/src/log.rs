//! The file: opened again when somebody has moved it away, put aside when it is large, never with half of a batch in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::config::{Config, Rotation};

/// A file and how it is kept.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    create_directory: bool,
    rotation: Option<Rotation>,
    /// What the file has in it is another's, and goes with the first batch: before that a reload may be taken back.
    fresh: bool,
    file: Option<File>,
    /// Where the last whole batch ends, if what is behind it could not be cut off.
    whole: Option<u64>,
}

impl Log {
    pub(crate) fn new(config: &Config) -> Self {
        let Config { path, append, create_directory, rotation, .. } = config.clone();
        let fresh = !append && rotation.is_none();
        Self { path, create_directory, rotation, fresh, file: None, whole: None }
    }

    /// Where files are written, by its name and, where that is a link, by its own. Made if that is asked for.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        // Who opens the file will say what is wrong with it.
        let _ = self.make_directory();
        let parent = |path: &Path| path.parent().map(|parent| parent.join("."));
        let real = fs::canonicalize(&self.path).ok();
        [Some(&self.path), real.as_ref()].into_iter().flatten().filter_map(|path| parent(path)).collect()
    }

    fn make_directory(&self) -> Result<(), String> {
        let Some(directory) = self.path.parent().filter(|_| self.create_directory) else { return Ok(()) };
        fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))
    }

    /// Opens the file, and again where another was to take the place of this one and could not.
    pub(crate) fn open(&mut self) -> Result<(), String> {
        self.make_directory()?;
        self.file = Some(self.open_file().map_err(|error| self.named(&error))?);
        Ok(())
    }

    /// Writes a batch: all of it or, with an error, nothing.
    pub(crate) fn write(&mut self, message: &[u8]) -> Result<(), String> {
        self.try_write(message).map_err(|error| self.named(&error))
    }

    fn try_write(&mut self, message: &[u8]) -> io::Result<()> {
        let mut file = self.current()?;
        self.empty(&file)?;
        let mut length = file.metadata()?.len();
        if let Some(whole) = self.whole.filter(|whole| *whole < length) {
            file.set_len(whole)?;
            length = whole;
        }
        self.whole = None;
        let full =
            |rotation: &&Rotation| length > 0 && length.saturating_add(message.len() as u64) > rotation.max_bytes;
        if let Some(rotation) = self.rotation.clone().as_ref().filter(full) {
            drop(file);
            self.file = None;
            self.put_aside(rotation)?;
            file = self.current()?;
            length = file.metadata()?.len();
        }
        let written = file.write_all(message);
        // A full disk takes as much as fits.
        if written.is_err() && file.set_len(length).is_err() {
            self.whole = Some(length);
        }
        self.file = Some(file);
        written
    }

    /// Takes out what is in the file, once.
    fn empty(&mut self, file: &File) -> io::Result<()> {
        if self.fresh && file.metadata()?.is_file() {
            file.set_len(0)?;
        }
        self.fresh = false;
        Ok(())
    }

    /// The file at the path, which another may have moved away or removed since.
    fn current(&mut self) -> io::Result<File> {
        if let Some(file) = self.file.take() {
            let (open, there) = (file.metadata()?, fs::metadata(&self.path));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (open.dev(), open.ino())) {
                return Ok(file);
            }
            self.whole = None;
            tracing::info!(path = %self.path.display(), "file opened again: it was moved away");
        }
        self.open_file()
    }

    fn open_file(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).open(&self.path)
    }

    /// Gives the file another name, and removes those that are too many or too old.
    fn put_aside(&self, rotation: &Rotation) -> io::Result<()> {
        let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let aside = (millis..).map(|millis| self.backup(millis)).find(|path| !path.exists());
        fs::rename(&self.path, aside.unwrap_or_else(|| self.backup(millis)))?;
        let mut backups = self.backups()?;
        backups.sort();
        let keep = usize::try_from(rotation.max_backups).unwrap_or(usize::MAX);
        let surplus = if keep == 0 { 0 } else { backups.len().saturating_sub(keep) };
        for (place, (made, path)) in backups.iter().enumerate() {
            let age = Duration::from_millis(u64::try_from(millis.saturating_sub(*made)).unwrap_or(u64::MAX));
            if place < surplus || (!rotation.max_age.is_zero() && age > rotation.max_age) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// `name-MILLISECONDS.ending` beside the file.
    fn backup(&self, millis: u128) -> PathBuf {
        let (stem, ending) = self.name();
        self.path.with_file_name(format!("{stem}-{millis:013}{ending}"))
    }

    /// The files put aside, each with its time.
    fn backups(&self) -> io::Result<Vec<(u128, PathBuf)>> {
        let (stem, ending) = self.name();
        let directory = self.path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut found = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let middle = name.strip_prefix(&stem).and_then(|rest| rest.strip_prefix('-')?.strip_suffix(&ending));
            let digits = middle.filter(|digits| digits.len() >= 13 && digits.bytes().all(|byte| byte.is_ascii_digit()));
            if let Some(millis) = digits.and_then(|digits| digits.parse().ok()) {
                found.push((millis, path));
            }
        }
        Ok(found)
    }

    fn name(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let ending = text(self.path.extension()).map_or_else(String::new, |ending| format!(".{ending}"));
        (text(self.path.file_stem()).unwrap_or_default(), ending)
    }

    fn named(&self, error: &io::Error) -> String {
        let todo = match error.kind() {
            io::ErrorKind::NotFound => "; make the directory, or set create_directory",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room, it will be tried again",
            _ => "",
        };
        format!("{}: {error}{todo}", self.path.display())
    }
}
