//! What configuration reads besides its own text: variables and files.

use std::io;
use std::path::Path;

/// Variables and files, as the process has them or as a test makes them up.
pub trait Environment {
    /// The value of an environment variable, if it is set.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    /// As reading has them; text that is not UTF-8 is one.
    fn file(&self, path: &Path) -> io::Result<String>;
}

/// Those of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}
