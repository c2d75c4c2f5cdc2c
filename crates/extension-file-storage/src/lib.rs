//! `file_storage`: what is to outlive the agent, one file a value.
//!
//! The runtime keeps in it what a backend has acknowledged of an exporter's streams. A value is written beside the
//! last one and takes its place when it is on the disk, so that a crash leaves the one or the other. A file that is
//! neither is set aside and never fatal.
#![forbid(unsafe_code)]

mod envelope;
mod files;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use component::config::{Configuration, Section};
use component::{Extension, ExtensionFactory, Need, SharedStorage, Stability};

use files::Files;

/// The `file_storage` extension type.
pub static FACTORY: ExtensionFactory = ExtensionFactory {
    component_type: "file_storage",
    alias: None,
    stability: Stability::Alpha,
    summary: "keeps in files what is to outlive the agent",
    requires: &[],
    configure: |section| {
        let config = Config::read(section);
        Box::new(move |_| Ok(Box::new(FileStorage::new(&config))))
    },
};

/// Keys of `file_storage`.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the files are; made where it is not there.
    pub directory: PathBuf,
    /// How long to wait for another agent that has the directory.
    pub timeout: Duration,
}

impl Configuration for Config {
    fn read(section: &mut Section<'_>) -> Self {
        let default = "/var/lib/tfo-agent".to_owned();
        let directory: String = section.field("directory", "where the files are; made where it is not there", default);
        let timeout = section.field(
            "timeout",
            "how long to wait for another agent that has the directory",
            Duration::from_secs(1),
        );
        if directory.is_empty() {
            section.fault_at("directory", "must be set");
        }
        Self { directory: directory.into(), timeout }
    }
}

/// The extension; what it shares is a [`SharedStorage`].
#[derive(Debug)]
pub struct FileStorage {
    files: Arc<Files>,
    timeout: Duration,
}

impl FileStorage {
    /// Touches nothing yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { files: Arc::new(Files::new(config.directory.clone())), timeout: config.timeout }
    }
}

impl Extension for FileStorage {
    fn shared(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::new(SharedStorage(self.files.clone()))
    }

    fn prepare(&mut self) -> Result<(), String> {
        self.files.open(self.timeout)
    }

    fn give_up_rights(&mut self) -> Vec<Need> {
        vec![Need::Write(self.files.directory().to_owned())]
    }

    fn replaceable(&self) -> Result<(), String> {
        Err("exporters that run keep their state in it; restart the agent to change it".to_owned())
    }

    fn shutdown(&mut self) {
        self.files.close();
    }
}
