//! The walks over tasks and sockets: adopting them at the start, and asking at a read who runs and what is open.

use std::fs::File;
use std::io::Read as _;
use std::mem::offset_of;
use std::sync::atomic::Ordering;

use super::abi::{Control, RunningRecord};
use super::load::Kernel;
use super::mirror::Mirror;
use super::requirements::LoadError;

impl Kernel {
    /// Gives every task that lives its process and its baseline.
    pub(super) fn adopt_tasks(&mut self) -> Result<(), LoadError> {
        self.walk("tfo_adopt").map(drop)
    }

    /// Gives every socket that is open its owner. Where that cannot be, it is found when it is first used.
    pub(super) fn adopt_sockets(&mut self) {
        if let Err(error) = self.walk("tfo_adopt_sock") {
            tracing::warn!(%error, "ebpf: sockets from before the attach have no owner until they are used");
        }
    }

    /// Sockets of the agent's network namespace by TCP state.
    ///
    /// # Errors
    /// Where the iterator cannot be made or read.
    pub(crate) fn connections(&mut self) -> Result<[u64; 16], LoadError> {
        if self.mirror.is_some() {
            return Mirror::connections().map_err(|error| LoadError::of("reading", "/proc/net/tcp", &error));
        }
        for state in 0..16 {
            self.control.at(0, offset_of!(Control, connections) + state * 8).store(0, Ordering::Release);
        }
        self.walk("tfo_connections")?;
        Ok(self.control.read(0).connections)
    }

    /// What each task that is on a CPU now has gathered since its last switch.
    ///
    /// # Errors
    /// Where the iterator cannot be made or read, as without capabilities before 6.1.
    pub(crate) fn running(&mut self) -> Result<Vec<RunningRecord>, LoadError> {
        if let Some(mirror) = &self.mirror {
            return Ok(mirror.running());
        }
        let bytes = self.walk("tfo_running")?;
        Ok(bytes.chunks_exact(size_of::<RunningRecord>()).map(record).collect())
    }

    fn walk(&mut self, name: &str) -> Result<Vec<u8>, LoadError> {
        if let Some(file) = self.helper.as_ref().and_then(|helper| helper.walk(name)) {
            return file.and_then(read).map_err(|error| LoadError::of("iterator", name, &error));
        }
        let program = self.iterator(name)?;
        let failed = |error| LoadError::program(name, &error);
        let id = program.attach().map_err(failed)?;
        let link = program.take_link(id).map_err(failed)?;
        let file = link.into_file().map_err(|error| LoadError::of("iterator", name, &error))?;
        read(file).map_err(|error| LoadError::of("iterator", name, &error))
    }
}

fn read(mut file: File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `bytes` has exactly the size of a record.
fn record(bytes: &[u8]) -> RunningRecord {
    let word = |index: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
        u64::from_ne_bytes(word)
    };
    RunningRecord {
        identity: word(0),
        runtime: word(1),
        run_delay: word(2),
        migrations: word(3),
        minor: word(4),
        major: word(5),
    }
}
